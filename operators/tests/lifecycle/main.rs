//! The life of a context: starting, waiting, stopping, failing, telling. Spark's `StreamingContextSuite` and
//! `StreamingListenerSuite`, as far as our design has the row.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;
mod engines;
mod failing;
mod forgetting;
mod inputs;
mod listening;
mod misuse;
mod order;
mod recording;
mod stopping;
mod stopping_gracefully;
mod stopping_inside;
