//! Outputs of the program's own making: their beginning, their batches, their end.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::outcome::BoxError;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Scripted, TestRun, run};

const PATIENCE: Duration = Duration::from_secs(20);

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Output<i32> for Diary {
    fn start(&mut self, zero: Time) -> Result<(), BoxError> {
        self.note(format!("start at {zero}"));
        Ok(())
    }

    fn run(&self, dataset: Rdd<i32>, time: Time) -> Result<(), BoxError> {
        self.note(format!("{:?} at {time}", dataset.collect()?));
        Ok(())
    }

    fn stop(&mut self) {
        self.note("stop");
    }
}

/// A context of one core, with a stream that has 1, 2, ... in its batches.
fn context(config: Config) -> (StreamingContext, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    let config = config.with_cores(1).with_handle_signals(false);
    (StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap(), clock)
}

fn numbers(ssc: &StreamingContext) -> DStream<'_, i32> {
    ssc.input_stream(Scripted::new((1..100).map(|n| vec![n])))
}

/// O-9
#[test]
fn an_output_is_started_before_its_first_batch_and_stopped_after_its_last() {
    for batches in 0..3 {
        let diary = Diary::default();
        let (ssc, clock) = context(Config::local("test"));
        numbers(&ssc).output(diary.clone());
        let running = ssc.start().unwrap();
        assert_eq!(diary.all(), ["start at 0 ms"]);
        clock.advance(batches * seconds(1));
        assert!(running.wait_for_batches(batches.into(), PATIENCE));
        running.stop(Stop::Graceful).unwrap();
        let ran = (1..=batches).map(|n| format!("[{n}] at {n}000 ms"));
        let expected: Vec<_> = ["start at 0 ms".to_owned()].into_iter().chain(ran).chain(["stop".to_owned()]).collect();
        assert_eq!(diary.all(), expected);
    }
}

#[test]
fn a_program_that_is_never_started_starts_and_stops_nothing() {
    let diary = Diary::default();
    let (ssc, _) = context(Config::local("test"));
    numbers(&ssc).output(diary.clone());
    drop(ssc);
    assert_eq!(diary.all(), [""; 0]);
}

#[test]
fn outputs_and_sources_start_in_order_of_definition() {
    let diary = Diary::default();
    run([vec![1]], |numbers| {
        numbers.output(diary.clone());
        numbers.map(|n| n * 10).output(diary.clone());
        numbers
    })
    .unwrap();
    let expected =
        ["start at 0 ms", "start at 0 ms", "[1] at 1000 ms", "[10] at 1000 ms", "stop", "stop"].map(str::to_owned);
    assert_eq!(diary.all(), expected);
}

#[test]
fn a_closure_of_dataset_and_time_is_an_output() {
    let diary = Diary::default();
    let theirs = diary.clone();
    run([vec![1, 2]], |numbers| {
        numbers.output(move |dataset: Rdd<i32>, time: Time| -> Result<(), JobError> {
            theirs.note(format!("{} at {time}", dataset.count()?));
            Ok(())
        });
        numbers
    })
    .unwrap();
    assert_eq!(diary.all(), ["2 at 1000 ms"]);
}

/// Cannot begin.
struct Unready(bool, Diary);

impl Output<i32> for Unready {
    fn start(&mut self, _: Time) -> Result<(), BoxError> {
        assert!(!self.0, "no such table");
        Err("the database is in recovery".into())
    }

    fn run(&self, _: Rdd<i32>, _: Time) -> Result<(), BoxError> {
        self.1.note("run");
        Ok(())
    }

    fn stop(&mut self) {
        self.1.note("stop");
    }
}

#[test]
fn an_output_that_cannot_start_ends_the_program_before_its_first_batch() {
    for (panics, expected) in [(false, " failed: the database is in recovery"), (true, " panicked: no such table")] {
        let diary = Diary::default();
        let (ssc, clock) = context(Config::local("test"));
        let stream = numbers(&ssc);
        let line = line!() + 1;
        stream.output(Unready(panics, diary.clone()));
        let running = ssc.start().unwrap();
        clock.advance(seconds(1));
        let error = running.await_termination().unwrap_err().to_string();
        assert!(error.contains(&format!("output at {}:{line}:", file!())) && error.contains(expected), "{error}");
        drop(running);
        assert_eq!(diary.all(), ["stop"]);
    }
}

/// Fails at first.
struct Late(AtomicUsize, Diary);

impl Output<i32> for Late {
    fn run(&self, dataset: Rdd<i32>, time: Time) -> Result<(), BoxError> {
        let sum: i32 = dataset.collect()?.iter().sum();
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err("not yet")?,
            1 => panic!("not now"),
            _ => self.1.note(format!("{sum} at {time}")),
        }
        Ok(())
    }
}

#[test]
fn a_run_that_fails_or_panics_is_run_again_by_the_policy_with_the_same_batch() {
    let diary = Diary::default();
    let policy = FailurePolicy::Retry { attempts: 2, delay: Duration::ZERO };
    let run =
        TestRun::new().configure(|config| config.with_failure_policy(policy)).run([vec![1, 2], vec![3]], |numbers| {
            numbers.output(Late(AtomicUsize::new(0), diary.clone()));
            numbers
        });
    run.unwrap();
    assert_eq!(diary.all(), ["3 at 1000 ms", "3 at 2000 ms"]);
}

#[test]
fn the_fault_of_an_action_in_a_run_is_told_as_it_is() {
    let error = run([vec![1]], |numbers| {
        numbers.map(|_| -> i32 { panic!("in a task") }).output(Diary::default());
        numbers
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("map at") && error.contains("partition 1 of batch 1000 ms: in a task"), "{error}");
}
