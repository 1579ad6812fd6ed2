//! The examples as their users run them: as processes, with arguments, peers, signals and bad input.
#![cfg(unix)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of these tests fail as the tests do"
)]

mod arguments;
mod faults;
mod foreach_partition;
mod pages;
mod peer;
mod program;
mod queue_stream;
mod signals;
mod word_count;
