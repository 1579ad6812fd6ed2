//! Thousands of batches: what is held while they come does not grow, and nothing is held when they have come.

use crate::support::{DEADLINE, INTERVAL, config, held, manual_engine};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use waterwheel::prelude::*;

const BATCHES: u64 = 2000;

/// Words that come in each batch, over a receiver.
const WORDS: u64 = 50;

/// Counts the words of all batches in batches of `step`, asking each time what is held.
fn run(engine: &Engine, clock: &ManualClock, step: u64, look: impl Fn(u64, (usize, usize))) -> u64 {
    let ssc = StreamingContext::on(engine, config().with_default_parallelism(2), INTERVAL).unwrap();
    let words = ssc.generator_stream(WORDS, 1, |n, _| format!("word {}", n % 7));
    let counts = words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b).cache();
    let (counted, total) = (counts.map(|(_, count)| count), Arc::new(AtomicU64::new(0)));
    let sum = total.clone();
    counts.count().foreach_rdd(|dataset| dataset.collect().map(drop));
    counted.foreach_rdd(move |dataset| {
        dataset.reduce(|a, b| a + b).map(|batch| {
            sum.fetch_add(batch.unwrap_or(0), Ordering::SeqCst);
        })
    });
    let running = ssc.start().unwrap();
    for done in (0..BATCHES).step_by(step as usize) {
        clock.advance(INTERVAL * step as u32);
        assert!(running.wait_for_batches(done + step, DEADLINE), "{running:?}");
        look(done + step, held(engine));
    }
    running.stop(Stop::Graceful).unwrap();
    total.load(Ordering::SeqCst)
}

#[test]
fn word_count_of_two_thousand_batches_holds_no_more_than_that_of_a_few() {
    let (engine, clock) = manual_engine(2);
    let total = run(&engine, &clock, 10, |done, (shuffles, blocks)| {
        // A batch has two shuffles, two cached partitions and few blocks; the last is held, and one that is being given back.
        assert!(shuffles <= 8 && blocks <= 64, "{shuffles} shuffles and {blocks} blocks after batch {done}");
    });
    assert!(total > BATCHES, "only {total} words were counted");
    assert_eq!(held(&engine), (0, 0));
}
