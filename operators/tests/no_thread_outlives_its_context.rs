//! A test binary of its own: it counts the threads of the process, which tests beside it would disturb.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn start(ssc: StreamingContext) -> RunningContext {
    let words = ssc.input_stream(Scripted::new([vec![1u64, 2, 1], vec![3]]));
    words.map(|n| (n, 1)).reduce_by_key(|a, b| a + b).foreach_rdd(|counts| counts.collect().map(drop));
    ssc.start().unwrap()
}

/// Runs a context in one of several ways: to its end, cut short, dropped, failed.
fn run(round: usize, ssc: StreamingContext, clock: &ManualClock) {
    if round % 4 == 3 {
        ssc.input_stream(Scripted::new([vec![1u64]])).foreach_rdd(|_| Err("it fails"));
    }
    let running = start(ssc);
    clock.advance(Duration::from_secs(2));
    match round % 4 {
        0 => assert!(running.wait_for_batches(2, Duration::from_secs(20)) && running.stop(Stop::Graceful).is_ok()),
        1 => running.stop(Stop::Immediate).unwrap(),
        2 => drop(running),
        _ => assert!(running.await_termination().is_err()),
    }
}

/// L-7
#[test]
fn a_hundred_contexts_leave_no_thread_and_no_actor() {
    let config = || Config::local("test").with_cores(2);

    // Whatever the process makes once is made before the first count.
    let clock = ManualClock::new(Time::ZERO);
    run(0, StreamingContext::with_clock(config(), seconds(1), Arc::new(clock.clone())).unwrap(), &clock);
    let before = threads();
    for round in 0..100 {
        let clock = ManualClock::new(Time::ZERO);
        run(round, StreamingContext::with_clock(config(), seconds(1), Arc::new(clock.clone())).unwrap(), &clock);
        assert_eq!(clock.waiting(), 0, "round {round}: no actor waits on the clock of an ended context");
    }
    assert_eq!(threads(), before, "each on an engine of its own");

    let clock = ManualClock::new(Time::ZERO);
    let options = EngineOptions { cores: 2, clock: Arc::new(clock.clone()), ..EngineOptions::default() };
    let engine = Engine::start(options).unwrap();
    let before = threads();
    for round in 0..100 {
        run(round, StreamingContext::on(&engine, config(), seconds(1)).unwrap(), &clock);
        let left = engine.snapshot().unwrap();
        assert_eq!((left.blocks.blocks, left.shuffles, clock.waiting()), (0, 0, 0), "round {round}");
    }
    assert_eq!(threads(), before, "all on one engine");
}
