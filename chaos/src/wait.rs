//! Waiting for a condition with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at a condition that cannot call back: another process, a file.
const LOOK: Duration = Duration::from_millis(2);

/// Asks `condition` until it answers, for so long.
pub fn wait_for<R>(patience: Duration, mut condition: impl FnMut() -> Option<R>) -> Option<R> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = condition() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::park_timeout(LOOK);
    }
}
