//! Several contexts on one engine: one after another, and side by side.

use crate::common::{INTERVAL, PATIENCE, config, recorded};
use std::sync::Arc;
use waterwheel_operators::prelude::*;

pub(crate) fn engine() -> (Engine, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    let options = EngineOptions { cores: 1, clock: Arc::new(clock.clone()), ..EngineOptions::default() };
    (Engine::start(options).unwrap(), clock)
}

/// L-8
#[test]
fn contexts_run_one_after_another_on_one_engine() {
    let (engine, clock) = engine();
    for round in 1..=3 {
        let ssc = StreamingContext::on(&engine, config(), INTERVAL).unwrap();
        let seen = recorded(&ssc);
        let running = ssc.start().unwrap();
        clock.advance(2 * INTERVAL);
        assert!(running.wait_for_batches(2, PATIENCE));
        running.stop(Stop::Graceful).unwrap();
        assert_eq!(seen.all(), [1, 2], "round {round}");
        assert_eq!(engine.parallelize(1..=3, 2).collect().unwrap(), [1, 2, 3], "the engine outlives its contexts");
    }
    let left = engine.snapshot().unwrap();
    assert_eq!((left.blocks.blocks, left.shuffles), (0, 0));
}

/// L-8
#[test]
fn contexts_run_side_by_side_and_one_that_fails_leaves_the_other_alone() {
    let (engine, clock) = engine();
    let start = |fails: bool| {
        let ssc = StreamingContext::on(&engine, config(), INTERVAL).unwrap();
        let seen = recorded(&ssc);
        if fails {
            crate::common::numbers(&ssc).foreach_rdd(|_| Err("only this one"));
        }
        (ssc.start().unwrap(), seen)
    };
    let ((first, seen), (second, _)) = (start(false), start(true));
    clock.advance(INTERVAL);
    assert!(second.await_termination().unwrap_err().to_string().contains("only this one"));
    clock.advance(INTERVAL);
    assert!(first.wait_for_batches(2, PATIENCE));
    assert_eq!((first.state(), second.state()), (ContextState::Active, ContextState::Stopped));
    first.stop(Stop::Graceful).unwrap();
    assert_eq!(seen.all(), [1, 2]);
}

#[test]
fn contexts_have_intervals_of_their_own() {
    let (engine, clock) = engine();
    let start = |interval| {
        let ssc = StreamingContext::on(&engine, config(), interval).unwrap();
        recorded(&ssc);
        ssc.start().unwrap()
    };
    let (fast, slow) = (start(INTERVAL / 2), start(2 * INTERVAL));
    clock.advance(2 * INTERVAL);
    assert!(fast.wait_for_batches(4, PATIENCE) && slow.wait_for_batches(1, PATIENCE));
    assert_eq!((fast.last_batch(), slow.last_batch()), (Some(Time::from_millis(2000)), Some(Time::from_millis(2000))));
}

#[test]
fn a_dataset_of_a_stopped_engine_says_so() {
    let (engine, _clock) = engine();
    let dataset = engine.parallelize(1..=3, 2);
    drop(engine);
    let error = dataset.collect().unwrap_err().to_string();
    assert!(error.contains("the engine has been stopped"), "{error}");
}
