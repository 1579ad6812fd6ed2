//! A panic at any fail point: the program names what has gone and ends, or goes on without it. It never hangs.
//!
//! Fail points belong to the process, so everything here is one test.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use fail::FailScenario;
use std::sync::Arc;
use std::time::Duration;
use waterwheel::prelude::*;
use waterwheel::runtime::block::StorageLevel;
use waterwheel::runtime::durable::MemoryStorage;
use waterwheel::runtime::failpoint::{FAIL_POINTS, hits};
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Nothing takes this long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(20);
/// Batches that a program goes on for after a panic that it survived.
const BATCHES: u64 = 8;

/// Stores the numbers, as fast as it may.
struct Numbers;

impl Receiver for Numbers {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        let mut number = 0;
        while !handle.is_stopped() {
            handle.store_reliably(vec![number, number + 1]).await?;
            number += 2;
        }
        Ok(())
    }
}

/// A program that passes every kind of place: blocks, a shuffle, state, an output.
fn start(engine: &Engine) -> RunningContext {
    let config = Config::local("panics").with_cores(2).with_handle_signals(false).with_block_interval(milliseconds(5));
    let ssc = StreamingContext::on(engine, config, milliseconds(20)).unwrap();
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let numbers = ssc.receiver_stream("numbers", StorageLevel::MemoryOnly, || Numbers);
    let counts = numbers.map(|number| (number % 7, 1_u64)).reduce_by_key(|a, b| a + b);
    counts.foreach_rdd(|rdd| rdd.count().map(drop));
    let sum = |new: &[u64], sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>());
    counts.update_state_by_key(sum).named("totals").foreach_rdd(|rdd| rdd.count().map(drop));
    ssc.start().unwrap()
}

/// What is told when a panic comes at the point `name`; `None` when it is survived: the task is tried again.
fn told(name: &str) -> Option<&'static str> {
    let (part, place) = name.split_once('.').unwrap();
    match part {
        "log" if place.ends_with("block") => Some("the receiver supervisor is gone"),
        "receiver" => Some("the receiver supervisor is gone"),
        "tracker" | "log" => Some("the block tracker is gone"),
        "keeper" => Some("the keeper ended before it answered"),
        "scheduler" => Some("the batch scheduler is gone"),
        "runner" => Some("panicked"),
        "worker" => None,
        _ => panic!("what does a panic at {name} lead to?"),
    }
}

#[test]
fn a_panic_at_a_fail_point_is_told_as_a_fault_or_survived() {
    let scenario = FailScenario::setup();
    let engine = Engine::local(2).unwrap();
    let running = start(&engine);
    assert!(running.wait_for_batches(BATCHES, DEADLINE), "{running:?}");
    running.stop(Stop::Graceful).unwrap();
    let passed: Vec<&str> = FAIL_POINTS.iter().map(|point| point.name).filter(|name| hits(name) > 2).collect();
    assert!(passed.len() >= 24, "{passed:?}");

    for name in passed {
        // The third passing: the program is under way.
        fail::cfg(name, "2*off->1*panic->off").unwrap();
        let running = start(&engine);
        let went_on = running.wait_for_batches(BATCHES, DEADLINE);
        match told(name) {
            None => {
                assert!(went_on, "{name}: {running:?}");
                running.stop(Stop::Graceful).unwrap();
            }
            Some(fault) => {
                assert!(!went_on, "{name}: the panic was not noticed");
                let ended = running.await_termination_or_timeout(Duration::ZERO);
                let error = ended.expect_err("it hangs").to_string();
                assert!(error.contains(fault), "{name}: {error}");
            }
        }
        fail::remove(name);
        assert_eq!(engine.parallelize(1..=100, 3).map(|n| n * 2).reduce(|a, b| a + b).unwrap(), Some(10_100), "{name}");
    }
    scenario.teardown();
}
