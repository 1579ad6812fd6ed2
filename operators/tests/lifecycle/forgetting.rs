//! What is kept of batches that are done, and for how long. Spark's rows "rdd cleanup".

use crate::common::{INTERVAL, PATIENCE, Seen, config, context, numbers};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;

/// Partitions that `numbers` has in each batch.
const PARTITIONS: usize = 2;

/// Runs six batches of a persisted stream, one after another, and returns how many of its partitions are held then.
fn held_after_six_batches(remember: Option<std::time::Duration>) -> usize {
    let started = TestRun::new().start(|ssc| {
        if let Some(remember) = remember {
            ssc.remember(remember);
        }
        numbers(ssc).map(|n| n + 1).cache().probe()
    });
    let (mut test, _) = started.unwrap();
    test.advance(6).unwrap();
    let held = test.held().unwrap();
    assert_eq!((held.blocks, held.shuffles), (0, 0));
    test.stop().unwrap();
    held.persisted
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

#[test]
fn an_output_cannot_wait_for_what_waits_for_it() {
    let (ssc, clock) = context(config());
    let (send, own) = std::sync::mpsc::channel::<std::sync::Arc<RunningContext>>();
    let (own, looked) = (std::sync::Mutex::new(own), Seen::default());
    let theirs = looked.clone();
    numbers(&ssc).foreach_rdd(move |_| {
        if let Ok(running) = own.lock().unwrap().recv() {
            theirs.note(running.settled_snapshot().is_none());
        }
    });
    let running = std::sync::Arc::new(ssc.start().unwrap());
    clock.advance(5 * INTERVAL);
    (0..5).for_each(|_| send.send(running.clone()).unwrap());
    assert!(running.wait_for_batches(5, PATIENCE));
    assert_eq!(looked.all(), [true; 5]);
    drop(send);
    running.stop(Stop::Graceful).unwrap();
}
