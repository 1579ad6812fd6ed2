//! Why a test run has no result.

use super::held::Held;
use std::time::Duration;

/// Why a test run has no result although its program did not fail.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TestRunError {
    /// The batches did not come to an end.
    #[error("waited {deadline:?} for batch {} of {wanted} to be complete", complete + 1)]
    TimedOut {
        /// Batches that were complete.
        complete: u64,
        /// Batches that should have been.
        wanted: u64,
        /// The patience that is over.
        deadline: Duration,
    },
    /// The program was stopped, not by the test, before the batches were complete.
    #[error("the program was stopped before batch {} of {wanted} was complete", complete + 1)]
    Ended {
        /// Batches that were complete.
        complete: u64,
        /// Batches that should have been.
        wanted: u64,
    },
    /// What was waited for did not come.
    #[error("waited {deadline:?} for {what}")]
    InVain {
        /// What was waited for.
        what: String,
        /// The patience that is over.
        deadline: Duration,
    },
    /// The failure that was waited for did not come: the program was stopped.
    #[error("the program was expected to fail and was stopped without a failure, after {complete} complete batches")]
    NotFailed {
        /// Batches that were complete.
        complete: u64,
    },
    /// The program ended, and the engine still holds some of its data.
    #[error("the ended program left {0} behind; does the test still hold a dataset?")]
    LeftBehind(Held),
    /// The program ended, and something of it still waits for a time of the clock.
    #[error("the ended program left {0} sleeps on its clock behind")]
    SleepsLeft(usize),
    /// The program and its engine ended, and threads of theirs did not.
    #[error(
        "the ended program left {0} threads behind; is user code blocked, or does the test still hold an `Engine`?"
    )]
    ThreadsLeft(usize),
    /// The engine did not answer.
    #[error("the engine died")]
    EngineDied,
}
