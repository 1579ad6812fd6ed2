//! How far a context has come, for threads that wait for it.

use crate::time::Time;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for has come.
    Reached,
    /// The context ended first.
    Ended,
    /// The time ran out first.
    TimedOut,
}

#[derive(Debug, Default)]
struct State {
    completed: u64,
    last: Option<Time>,
    stopping: bool,
    ended: bool,
}

/// Batches completed so far, and whether the context has ended. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<(Mutex<State>, Condvar)>);

impl Progress {
    /// A batch is complete.
    pub fn completed(&self, batch: Time) {
        let mut state = self.lock();
        state.completed += 1;
        state.last = Some(batch);
        self.0.1.notify_all();
    }

    /// The context is being stopped: what it still does, it does to come to rest.
    pub fn stopping(&self) {
        self.lock().stopping = true;
    }

    /// Whether the context is being stopped, or has ended.
    pub fn is_stopping(&self) -> bool {
        let state = self.lock();
        state.stopping || state.ended
    }

    /// The context has ended: nobody waits any longer.
    pub fn ended(&self) {
        self.lock().ended = true;
        self.0.1.notify_all();
    }

    /// Whether the context has ended.
    pub fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// Number of complete batches.
    pub fn count(&self) -> u64 {
        self.lock().completed
    }

    /// The last complete batch.
    pub fn last(&self) -> Option<Time> {
        self.lock().last
    }

    /// Waits until `batches` are complete, the context has ended or `timeout` (of real time) is over.
    pub fn wait_for(&self, batches: u64, timeout: Duration) -> Waited {
        self.wait(Some(timeout), |state| state.completed >= batches)
    }

    /// Waits until the batch at `time` is complete, the context has ended or `timeout` (of real time) is over.
    pub fn wait_for_batch(&self, time: Time, timeout: Duration) -> Waited {
        self.wait(Some(timeout), |state| state.last.is_some_and(|last| last >= time))
    }

    /// Waits until the context has ended, or `timeout` (of real time; `None` is for ever) is over.
    pub fn wait_ended(&self, timeout: Option<Duration>) -> Waited {
        self.wait(timeout, |_| false)
    }

    fn wait(&self, timeout: Option<Duration>, reached: impl Fn(&State) -> bool) -> Waited {
        let waiting = |state: &mut State| !reached(state) && !state.ended;
        let (mutex, changed) = &*self.0;
        let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match timeout {
            Some(timeout) => {
                changed.wait_timeout_while(guard, timeout, waiting).unwrap_or_else(PoisonError::into_inner).0
            }
            None => changed.wait_while(guard, waiting).unwrap_or_else(PoisonError::into_inner),
        };
        match (reached(&state), state.ended) {
            (true, _) => Waited::Reached,
            (false, true) => Waited::Ended,
            (false, false) => Waited::TimedOut,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_reached_when_the_context_ends_and_when_time_is_over() {
        let progress = Progress::default();
        assert_eq!(progress.wait_for(1, Duration::ZERO), Waited::TimedOut);
        progress.completed(Time::from_millis(1000));
        assert_eq!(progress.wait_for(1, Duration::ZERO), Waited::Reached);
        assert_eq!(progress.wait_for_batch(Time::from_millis(1000), Duration::ZERO), Waited::Reached);
        progress.ended();
        assert_eq!(progress.wait_for(2, Duration::MAX), Waited::Ended);
        assert_eq!(progress.wait_ended(None), Waited::Ended);
    }

    #[test]
    fn a_context_that_is_being_stopped_has_not_ended_and_one_that_has_ended_is_stopping() {
        let progress = Progress::default();
        assert!(!progress.is_stopping());
        progress.stopping();
        assert!(progress.is_stopping() && !progress.is_ended());
        // What has a fault may end without having been asked to stop.
        let failed = Progress::default();
        failed.ended();
        assert!(failed.is_stopping());
    }

    #[test]
    fn a_waiting_thread_is_woken() {
        let progress = Progress::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| progress.wait_for(1, Duration::from_secs(60)));
            progress.completed(Time::ZERO);
            assert_eq!(waiting.join().unwrap(), Waited::Reached);
        });
    }
}
