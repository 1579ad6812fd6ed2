//! What is kept of batches that are done, and for how long. Spark's rows "rdd cleanup".

use crate::common::{INTERVAL, PATIENCE, config, context, numbers};
use waterwheel_operators::prelude::*;

/// Partitions that `numbers` has in each batch.
const PARTITIONS: usize = 2;

/// Runs six batches of a persisted stream, one after another, and returns how many of its partitions are held then.
fn held_after_six_batches(remember: Option<std::time::Duration>) -> usize {
    let (ssc, clock) = context(config());
    if let Some(remember) = remember {
        ssc.remember(remember);
    }
    numbers(&ssc).map(|n| n + 1).cache().foreach_rdd(|dataset| dataset.count().map(drop));
    let running = ssc.start().unwrap();
    for batch in 1..=6 {
        clock.advance(INTERVAL);
        assert!(running.wait_for_batches(batch, PATIENCE));
    }
    let held = running.settled_snapshot().unwrap().blocks.blocks;
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(running.engine().snapshot().unwrap().blocks.blocks, 0, "nothing is held when all has ended");
    held
}

/// B-7
#[test]
fn persisted_datasets_are_given_back_when_their_batch_is_forgotten() {
    assert_eq!(held_after_six_batches(None), 0, "not even those of the latest batch, which is done");
}

/// B-7
#[test]
fn remember_keeps_the_batches_of_that_time_as_well() {
    assert_eq!(held_after_six_batches(Some(2 * INTERVAL)), 2 * PARTITIONS, "those of the batches 5 and 6");
}
