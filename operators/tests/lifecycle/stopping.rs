//! Starting, waiting and stopping at once.

use crate::common::{INTERVAL, PATIENCE, config, context, numbers, recorded, time};
use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

#[test]
fn a_context_is_active_from_its_start_and_stopped_after_its_stop() {
    let (ssc, _clock) = context(config());
    recorded(&ssc);
    let running = ssc.start().unwrap();
    assert_eq!(running.state(), ContextState::Active);
    assert_eq!((running.zero_time(), running.batches_completed(), running.last_batch()), (Time::ZERO, 0, None));
    running.stop(Stop::Immediate).unwrap();
    assert_eq!(running.state(), ContextState::Stopped);
}

/// L-5
#[test]
fn stopping_again_in_any_way_changes_nothing() {
    let (ssc, _clock) = context(config());
    recorded(&ssc);
    let running = ssc.start().unwrap();
    for how in [Stop::Graceful, Stop::Immediate, Stop::Graceful] {
        running.stop(how).unwrap();
        assert_eq!(running.state(), ContextState::Stopped);
    }
}

/// L-5
#[test]
fn threads_may_stop_a_context_at_the_same_time() {
    let (ssc, _clock) = context(config());
    recorded(&ssc);
    let running = ssc.start().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| running.stop(Stop::Immediate).unwrap());
        }
    });
    assert_eq!(running.state(), ContextState::Stopped);
}

#[test]
fn a_dropped_context_stops() {
    let (ssc, clock) = context(config());
    let engine = ssc.engine().clone();
    recorded(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(Duration::from_secs(1));
    assert!(running.wait_for_batches(1, PATIENCE));
    drop(running);
    let left = engine.snapshot().unwrap();
    assert_eq!((left.blocks.blocks, left.shuffles, clock.waiting()), (0, 0, 0), "nobody waits for the next batch");
}

#[test]
fn await_termination_blocks_until_another_thread_stops() {
    let (ssc, _clock) = context(config());
    recorded(&ssc);
    let running = ssc.start().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            running.await_termination().unwrap();
            running.state()
        });
        assert_eq!(running.state(), ContextState::Active);
        running.stop(Stop::Immediate).unwrap();
        assert_eq!(waiting.join().unwrap(), ContextState::Stopped);
    });
}

#[test]
fn await_termination_or_timeout_is_false_when_the_time_is_over_and_true_when_the_context_has_ended() {
    let (ssc, _clock) = context(config());
    recorded(&ssc);
    let running = ssc.start().unwrap();
    assert!(!running.await_termination_or_timeout(Duration::from_millis(5)).unwrap());
    running.request_stop(Stop::Immediate);
    assert!(running.await_termination_or_timeout(PATIENCE).unwrap());
}

#[test]
fn await_termination_after_the_stop_returns_at_once() {
    let (ssc, _clock) = context(config());
    recorded(&ssc);
    let running = ssc.start().unwrap();
    running.stop(Stop::Immediate).unwrap();
    running.await_termination().unwrap();
    assert!(running.await_termination_or_timeout(Duration::ZERO).unwrap());
    assert!(!running.wait_for_batches(1, Duration::MAX), "no batch will come");
}

/// T-2
#[test]
fn a_clock_turned_by_many_intervals_fires_every_batch_in_order() {
    let (ssc, clock) = context(config());
    let seen = recorded(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(Duration::from_secs(50));
    assert!(running.wait_for_batches(50, PATIENCE));
    running.stop(Stop::Immediate).unwrap();
    assert_eq!(seen.all(), (1..=50).collect::<Vec<_>>());
    assert_eq!((running.batches_completed(), running.last_batch()), (50, Some(time(50))));
}

/// T-3
#[test]
fn the_zero_time_lies_on_the_grid_of_the_interval() {
    let clock = ManualClock::new(Time::from_millis(10_300));
    let ssc = StreamingContext::with_clock(config(), seconds(4), std::sync::Arc::new(clock.clone())).unwrap();
    recorded(&ssc);
    let running = ssc.start().unwrap();
    assert_eq!(running.zero_time(), Time::from_millis(8000));
    clock.advance(Duration::from_millis(1700));
    assert!(running.wait_for_batches(1, PATIENCE));
    assert_eq!(running.last_batch(), Some(Time::from_millis(12_000)));
}

#[test]
fn an_action_of_an_output_ends_when_its_context_is_stopped() {
    let (ssc, clock) = context(config());
    let (begun, begins) = std::sync::mpsc::channel();
    numbers(&ssc).foreach_rdd(move |dataset| -> Result<(), JobError> {
        loop {
            dataset.count()?;
            let _ = begun.send(());
        }
    });
    let running = ssc.start().unwrap();
    clock.advance(Duration::from_secs(1));
    begins.recv_timeout(PATIENCE).unwrap();
    running.stop(Stop::Immediate).unwrap();
    assert_eq!(running.batches_completed(), 0, "a cancelled batch is not done");
}

#[test]
fn an_input_that_no_output_reads_does_no_harm() {
    let (ssc, clock) = context(config());
    let seen = recorded(&ssc);
    numbers(&ssc).map(|_| -> i64 { panic!("nobody asked for this") });
    let running = ssc.start().unwrap();
    clock.advance(Duration::from_secs(2));
    assert!(running.wait_for_batches(2, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(seen.all(), [1, 2]);
}

/// Tells when it is dropped.
struct Gone(std::sync::mpsc::Sender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// F-6
#[test]
fn a_job_that_is_cancelled_has_no_task_in_user_code_when_the_program_has_stopped() {
    let (ssc, clock) = context(config().with_cores(2));
    let ((entered, inside), (release, released)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let (cancelled, wait) = std::sync::mpsc::channel();
    let (released, left) = (std::sync::Mutex::new(released), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let theirs = left.clone();
    let numbers = ssc.input_stream(Scripted::new([vec![0, 1]]));
    let endless = numbers.flat_map(move |n| {
        let _ = entered.send(());
        if n == 0 {
            let _ = released.lock().unwrap().recv();
            theirs.store(true, std::sync::atomic::Ordering::SeqCst);
        }
        // The other partition goes on until it is cancelled between two chunks.
        let gone = Gone(cancelled.clone());
        (0..if n == 0 { 0 } else { usize::MAX }).inspect(move |_| {
            let _ = &gone;
        })
    });
    endless.foreach_rdd(|numbers| numbers.count().map(drop));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    (0..2).for_each(|_| inside.recv_timeout(PATIENCE).unwrap());
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| {
            running.stop(Stop::Immediate).unwrap();
            left.load(std::sync::atomic::Ordering::SeqCst)
        });
        wait.recv_timeout(PATIENCE).unwrap();
        release.send(()).unwrap();
        assert!(stopping.join().unwrap(), "the program had stopped while a task was still in user code");
    });
}
