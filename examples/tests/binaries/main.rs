//! The examples as their users run them: as processes, with arguments, peers, signals and bad input.
#![cfg(unix)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of these tests fail as the tests do"
)]

mod actor_word_count;
mod arguments;
mod back_pressure;
mod custom_receiver;
mod faults;
mod file_word_count;
mod foreach_partition;
mod http_ingest;
mod join_streams;
mod page_views;
mod pages;
mod peer;
mod program;
mod queue_stream;
mod recoverable_word_count;
mod seen;
mod sessions;
mod signals;
mod stateful_word_count;
mod top_k;
mod transform_blocklist;
mod windowed_counts;
mod windowed_word_count;
mod word_count;
