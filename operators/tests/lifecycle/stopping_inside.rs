//! Stopping a context from its own outputs and listeners.

use crate::common::{INTERVAL, PATIENCE, Seen, config, context, numbers};
use std::sync::{Arc, Mutex, MutexGuard};
use waterwheel_operators::prelude::*;

/// A running context that its own outputs can reach.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Option<Arc<RunningContext>>>>);

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Option<Arc<RunningContext>>> {
        self.0.lock().unwrap()
    }

    fn running(&self) -> Option<Arc<RunningContext>> {
        self.slot().clone()
    }

    fn start(&self, ssc: StreamingContext) -> Arc<RunningContext> {
        // Held while it starts, so that no output looks before it is there.
        let mut slot = self.slot();
        let running = Arc::new(ssc.start().unwrap());
        *slot = Some(running.clone());
        running
    }
}

/// L-6
#[test]
fn stop_and_await_termination_in_an_output_are_errors_and_no_deadlock() {
    for wait in [|running: &RunningContext| running.stop(Stop::Graceful), RunningContext::await_termination] {
        let (ssc, clock) = context(config());
        let shared = Shared::default();
        let theirs = shared.clone();
        numbers(&ssc).foreach_rdd(move |_| theirs.running().map_or(Ok(()), |running| wait(&running)));
        let running = shared.start(ssc);
        clock.advance(INTERVAL);
        let error = running.await_termination().unwrap_err().to_string();
        assert!(error.contains("foreach_rdd") && error.contains("request_stop"), "{error}");
        shared.slot().take();
    }
}

#[test]
fn stop_in_a_listener_is_an_error_and_no_deadlock() {
    let (ssc, clock) = context(config());
    let (shared, seen) = (Shared::default(), Seen::default());
    let (theirs, notes) = (shared.clone(), seen.clone());
    ssc.add_streaming_listener(move |event: &Event| {
        if let (Event::BatchCompleted(_), Some(running)) = (event, theirs.running()) {
            notes.note(running.stop(Stop::Graceful).map_err(|error| error.to_string()));
        }
    });
    numbers(&ssc).foreach_rdd(|_| {});
    let running = shared.start(ssc);
    clock.advance(INTERVAL);
    crate::common::wait_until(&running, "the listener", || !seen.all().is_empty());
    assert_eq!(running.state(), ContextState::Active);
    assert!(seen.all()[0].as_ref().unwrap_err().contains("request_stop"));
    running.stop(Stop::Immediate).unwrap();
    shared.slot().take();
}

#[test]
fn an_output_may_ask_for_a_stop() {
    let (ssc, clock) = context(config());
    let (shared, seen) = (Shared::default(), Seen::default());
    let (theirs, notes) = (shared.clone(), seen.clone());
    numbers(&ssc).foreach_rdd_with_time(move |_, time| {
        notes.note(time);
        if let Some(running) = theirs.running()
            && time.millis() == 2000
        {
            running.request_stop(Stop::Graceful);
        }
    });
    let running = shared.start(ssc);
    clock.advance(2 * INTERVAL);
    assert!(running.await_termination_or_timeout(PATIENCE).unwrap());
    assert_eq!(seen.all().len(), 2, "the batch that asked is finished");
    assert_eq!(running.batches_completed(), 2);
    shared.slot().take();
}

/// The last handle to context and engine may go with a closure, on a thread of that very engine.
#[test]
fn a_context_that_only_its_own_output_holds_ends_without_a_deadlock() {
    let (ssc, clock) = context(config());
    let shared = Shared::default();
    let theirs = shared.clone();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    numbers(&ssc).foreach_rdd(move |_| {
        let _open = &done;
        drop(theirs.slot().take());
    });
    drop(shared.start(ssc));
    clock.advance(INTERVAL);
    // The sender goes with the output, and the output with its context.
    assert_eq!(ended.recv_timeout(PATIENCE / 10), Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
}
