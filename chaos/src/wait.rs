//! Waiting for a condition with a deadline.

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use waterwheel::runtime::clock::{Clock, SystemClock};

/// Between two looks at a condition that cannot call back: another process, a file.
const LOOK: Duration = Duration::from_millis(2);

/// The end of so much real time.
#[derive(Debug)]
pub struct Deadline {
    clock: SystemClock,
    patience: Duration,
}

impl Deadline {
    /// From now on.
    pub fn after(patience: Duration) -> Deadline {
        Deadline { clock: SystemClock::new(), patience }
    }

    /// What has passed.
    pub fn passed(&self) -> Duration {
        self.clock.monotonic()
    }

    /// What is left.
    pub fn left(&self) -> Duration {
        self.patience.saturating_sub(self.passed())
    }
}

/// Asks `condition` until it answers, for so long.
pub fn wait_for<R>(patience: Duration, mut condition: impl FnMut() -> Option<R>) -> Option<R> {
    let deadline = Deadline::after(patience);
    loop {
        if let Some(answer) = condition() {
            return Some(answer);
        }
        if deadline.left().is_zero() {
            return None;
        }
        thread::park_timeout(LOOK);
    }
}

/// Asks `outcome` of what a lock guards, at once and whenever `changed` is notified, for so long; then the answer is an error, as
/// `missing` words it.
///
/// # Errors
/// That, and those of `outcome`.
pub fn wait_notified<S, R>(
    mut state: MutexGuard<'_, S>,
    changed: &Condvar,
    patience: Duration,
    outcome: impl Fn(&S) -> Option<Result<R, String>>,
    missing: impl FnOnce(&S) -> String,
) -> Result<R, String> {
    let deadline = Deadline::after(patience);
    loop {
        if let Some(answer) = outcome(&state) {
            return answer;
        }
        let left = deadline.left();
        if left.is_zero() {
            return Err(missing(&state));
        }
        state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}
