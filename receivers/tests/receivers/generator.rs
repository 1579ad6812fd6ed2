//! `generator_stream`.

use crate::support::*;
use std::sync::mpsc::channel;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

/// The first `count` records of a generator.
fn generated(seed: u64, count: usize) -> Vec<(u64, u32)> {
    let ssc = context(config());
    let made = batches(ssc.generator_stream(100_000, seed, |n, chance| (n, chance.random())));
    let running = ssc.start().unwrap();
    let mut records = next_records(&made, count);
    running.stop(Stop::Immediate).unwrap();
    records.truncate(count);
    records
}

#[test]
fn records_depend_on_the_seed_and_their_number() {
    let records = generated(1, 5000);
    assert!(records.iter().map(|(n, _)| *n).eq(0..5000));
    assert!(records == generated(1, 5000));
    assert!(records != generated(2, 5000));
}

#[test]
fn records_come_at_the_rate_of_the_clock() {
    let (ssc, clock) = receivers_alone(config());
    let (made, numbers) = channel();
    let stream = ssc.generator_stream(100, 0, move |n, _| {
        made.send(n).unwrap();
        n
    });
    let records = batches(stream);
    let running = ssc.start().unwrap();

    // Two and a half seconds, tick by tick: each makes the one record that is due.
    for n in 0..250 {
        let due = Time::ZERO + milliseconds(10) * (n + 1);
        wait_until(|| clock.next_deadline() == Some(due));
        clock.advance(milliseconds(10));
        assert_eq!(numbers.recv_timeout(DEADLINE).unwrap(), u64::from(n));
    }
    running.stop(Stop::Graceful).unwrap();
    assert!(numbers.try_recv().is_err());
    assert_same(records.try_iter().flatten(), 0..250);
}

#[test]
fn rate_of_zero_is_a_misuse() {
    let ssc = context(config());
    ssc.generator_stream(0, 0, |n, _| n).foreach_rdd(|_| ());
    let error = ssc.start().unwrap_err().to_string();
    assert!(error.contains("generator_stream at") && error.contains("give at least 1"), "{error}");
}

#[test]
fn panic_in_the_function_is_told_and_costs_the_chunk_that_it_was_in() {
    let ssc = context(config());
    let stream = ssc.generator_stream(1000, 0, |n, _| {
        assert!(n != 10, "not ten");
        n
    });
    let (made, told) = (batches(stream), events(&ssc));
    let _running = ssc.start().unwrap();
    wait_for_error(&told, "panicked: not ten");
    let records = loop {
        let records = next_records(&made, 1);
        if records.contains(&20) {
            break records;
        }
    };
    assert!(!records.contains(&10));
}

#[test]
fn limit_of_the_stream_holds_a_faster_generator() {
    let (ssc, clock) = manual_context(config().with_receiver(receivers().with_max_rate(100)));
    let records = batches(ssc.generator_stream(1_000_000, 0, |n, _| n));
    let running = ssc.start().unwrap();
    for n in 1..=5 {
        run_batch(&running, &clock, n);
    }
    running.stop(Stop::Immediate).unwrap();
    let records: Vec<u64> = records.try_iter().flatten().collect();
    // A tenth of a second's worth at a time.
    assert!(records.len() <= 600, "{}", records.len());
    assert!(records.iter().copied().eq(0..records.len() as u64));
}
