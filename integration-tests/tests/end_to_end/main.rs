//! Whole programs through what `waterwheel` offers its users: from the source to the output, and to the end.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of these tests fail as the tests do"
)]

mod contexts;
mod long_run;
mod master_failure;
mod panics;
mod random_batches;
mod restarts;
mod support;
mod survivors;
