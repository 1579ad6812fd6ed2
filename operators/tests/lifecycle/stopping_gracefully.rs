//! Stopping after what has been received is processed.

use crate::common::{INTERVAL, PATIENCE, Seen, config, context, numbers, recorded, time, wait_until};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use waterwheel_operators::prelude::*;

/// An output that says when it has begun a batch and waits for leave to end it.
fn gated(ssc: &StreamingContext) -> (Receiver<Time>, Sender<()>, u32) {
    let ((begun, begins), (leave, gate)) = (channel(), channel());
    let gate = Mutex::new(gate);
    let line = line!() + 1;
    numbers(ssc).foreach_rdd_with_time(move |_, time| {
        let _ = begun.send(time);
        // An error is the end of the test, which is leave as well.
        let _ = gate.lock().unwrap().recv();
    });
    (begins, leave, line)
}

#[test]
fn a_graceful_stop_finishes_the_batches_that_are_pending() {
    let (ssc, clock) = context(config());
    let (begins, leave, _) = gated(&ssc);
    let submitted = Seen::default();
    let notes = submitted.clone();
    ssc.add_streaming_listener(move |event: &Event| {
        if let Event::BatchSubmitted(info) = event {
            notes.note(info.batch);
        }
    });
    let running = ssc.start().unwrap();
    clock.advance(3 * INTERVAL);
    wait_until(&running, "the batches", || submitted.all().len() == 3);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| running.stop(Stop::Graceful));
        for n in 1..=3 {
            assert_eq!(begins.recv_timeout(PATIENCE), Ok(time(n)));
            assert_eq!(running.state(), ContextState::Active);
            leave.send(()).unwrap();
        }
        stopping.join().unwrap().unwrap();
    });
    assert_eq!(running.last_batch(), Some(time(3)));
}

/// L-2
#[test]
fn when_the_deadline_passes_the_fault_names_the_output_that_is_still_running() {
    let (ssc, clock) = context(config().with_graceful_stop_timeout(INTERVAL / 2));
    let (begins, leave, line) = gated(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    begins.recv_timeout(PATIENCE).unwrap();
    let error = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| running.stop(Stop::Graceful));
        // The ticker has gone and only the deadline is waited for.
        wait_until(&running, "the deadline", || clock.next_deadline() == Some(time(1) + INTERVAL / 2));
        clock.advance(INTERVAL / 2);
        wait_until(&running, "the end", || running.state() == ContextState::Stopped);
        drop(leave);
        stopping.join().unwrap().unwrap_err().to_string()
    });
    let expected = format!("batch 1000 ms is still in foreach_rdd at {}:{line}:", file!());
    assert!(error.contains("did not finish within 500ms") && error.contains(&expected), "{error}");
    assert_eq!(running.await_termination().unwrap_err().to_string(), error, "and it stays the context's fault");
}

/// L-3
#[test]
fn an_immediate_stop_cuts_a_graceful_one_short() {
    let (ssc, clock) = context(config());
    let (begins, leave, _) = gated(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    begins.recv_timeout(PATIENCE).unwrap();
    running.request_stop(Stop::Graceful);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| running.stop(Stop::Immediate));
        wait_until(&running, "the end", || running.state() == ContextState::Stopped);
        drop(leave);
        stopping.join().unwrap().unwrap();
    });
    assert_eq!(running.batches_completed(), 0);
}

#[test]
fn a_graceful_stop_right_after_the_start_ends() {
    let (ssc, _clock) = context(config());
    let seen = recorded(&ssc);
    let running = ssc.start().unwrap();
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(seen.all(), []);
}

/// Spark's SPARK-22955: inputs are asked for no batch after they were stopped.
/// T-7
#[test]
fn inputs_are_stopped_after_their_last_batch() {
    struct Strict {
        stopped: bool,
        told: Sender<&'static str>,
    }
    impl InputStream<i64> for Strict {
        fn start(&mut self, _: Time) {
            let _ = self.told.send("start");
        }
        fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
            let _ = self.told.send(if self.stopped { "too late" } else { "compute" });
            Ok(Some(inputs.scope.empty_rdd()))
        }
        fn stop(&mut self) {
            self.stopped = true;
            let _ = self.told.send("stop");
        }
    }
    let (ssc, clock) = context(config());
    let (told, hears) = channel();
    ssc.input_stream(Strict { stopped: false, told }).foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    running.stop(Stop::Graceful).unwrap();
    drop(running);
    let heard: Vec<_> = hears.into_iter().collect();
    assert!(heard.starts_with(&["start"]) && heard.ends_with(&["stop"]), "{heard:?}");
    assert!(!heard.contains(&"too late"), "{heard:?}");
}
