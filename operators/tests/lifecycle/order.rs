//! In which order outputs run.

use crate::common::{INTERVAL, PATIENCE, Seen, config, context, numbers, time};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use waterwheel_operators::prelude::*;

/// T-4
#[test]
fn outputs_run_in_order_of_definition_batch_by_batch() {
    let (ssc, clock) = context(config());
    let seen = Seen::default();
    for output in 0..3 {
        let notes = seen.clone();
        numbers(&ssc).foreach_rdd_with_time(move |_, time| notes.note((time, output)));
    }
    let running = ssc.start().unwrap();
    clock.advance(3 * INTERVAL);
    assert!(running.wait_for_batches(3, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    let expected: Vec<_> = (1..=3).flat_map(|n| (0..3).map(move |output| (time(n), output))).collect();
    assert_eq!(seen.all(), expected);
}

/// T-6
#[test]
fn two_outputs_that_share_a_stream_share_its_dataset() {
    let (ssc, clock) = context(config());
    let made = Seen::default();
    let notes = made.clone();
    let shared = numbers(&ssc).transform_with_time(move |dataset, time| {
        notes.note(time);
        dataset
    });
    shared.foreach_rdd(|_| {});
    shared.map(|n| n + 1).foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    assert!(running.wait_for_batches(2, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(made.all(), [time(1), time(2)], "computed once per batch");
}

/// T-1
#[test]
fn with_two_jobs_outputs_of_a_batch_overlap_and_each_still_sees_its_batches_in_order() {
    let (ssc, clock) = context(config().with_concurrent_jobs(2));
    let seen = Seen::default();
    let (leave, gate) = channel::<()>();
    let (gate, notes) = (Mutex::new(gate), seen.clone());
    numbers(&ssc).foreach_rdd_with_time(move |_, time| {
        // Ends only when the other output has begun the same batch, which with one job at a time it never would.
        let met = gate.lock().unwrap().recv_timeout(PATIENCE);
        notes.note(("first", time));
        met
    });
    let notes = seen.clone();
    numbers(&ssc).foreach_rdd_with_time(move |_, time| {
        let _ = leave.send(());
        notes.note(("second", time));
    });
    let running = ssc.start().unwrap();
    clock.advance(5 * INTERVAL);
    let ended = running.wait_for_batches(5, PATIENCE);
    running.stop(Stop::Graceful).unwrap();
    assert!(ended);
    for output in ["first", "second"] {
        let times: Vec<_> = seen.all().into_iter().filter(|(name, _)| *name == output).map(|(_, time)| time).collect();
        assert_eq!(times, (1..=5).map(time).collect::<Vec<_>>(), "{output}");
    }
    assert_eq!(running.last_batch(), Some(time(5)));
}
