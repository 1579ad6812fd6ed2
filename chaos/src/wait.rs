//! Waiting for a condition with a deadline.

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
