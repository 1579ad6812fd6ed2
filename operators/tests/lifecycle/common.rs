//! What the tests share: a context under a manual clock, and waiting without sleeping.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// Real time after which a test gives up; nothing here takes a hundredth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The batch interval of all tests.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) fn config() -> Config {
    Config::local("test").with_cores(1).with_handle_signals(false)
}

/// A context on an engine of its own, at time 0.
pub(crate) fn context(config: Config) -> (StreamingContext, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    let ssc = StreamingContext::with_clock(config, INTERVAL, Arc::new(clock.clone())).unwrap();
    (ssc, clock)
}

/// Batch n holds the number n.
pub(crate) fn numbers(ssc: &StreamingContext) -> DStream<'_, i64> {
    ssc.input_stream(Scripted::new((1..=1000).map(|n| vec![n])))
}

/// Batch n holds the number n; every batch is written to the list that is returned.
pub(crate) fn recorded(ssc: &StreamingContext) -> Seen<i64> {
    let seen = Seen::default();
    let theirs = seen.clone();
    numbers(ssc).foreach_rdd(move |dataset| -> Result<(), JobError> {
        dataset.collect()?.into_iter().for_each(|n| theirs.note(n));
        Ok(())
    });
    seen
}

/// The batch time of batch `n`.
pub(crate) fn time(n: i64) -> Time {
    Time::from_millis(n * 1000)
}

/// What outputs and listeners of a test saw, in order.
pub(crate) struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Seen(Arc::default())
    }
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Seen(self.0.clone())
    }
}

impl<T: Clone> Seen<T> {
    pub(crate) fn note(&self, what: T) {
        self.0.lock().unwrap().push(what);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Waits until `condition` holds, in steps of what `running` offers to wait for.
#[track_caller]
pub(crate) fn wait_until(running: &RunningContext, what: &str, condition: impl Fn() -> bool) {
    let step = Duration::from_millis(1);
    for _ in 0..PATIENCE.as_millis() {
        if condition() {
            return;
        }
        // More batches than ever come: the wait is for the time alone, or for the end of the context.
        running.wait_for_batches(u64::MAX, step);
        if running.state() == ContextState::Stopped {
            std::thread::yield_now();
        }
    }
    panic!("waited in vain for {what}");
}
