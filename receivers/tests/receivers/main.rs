//! What programs see of the sources: whole contexts, started, fed, disturbed and stopped.
//!
//! One binary for all, which is quicker to link than one per source. Nothing sleeps: tests turn a manual clock, or wait with a
//! deadline for what the program does.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking; clippy knows that of the test functions only"
)]

mod back_pressure;
mod generator;
mod hostile;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod http_client;
#[cfg(feature = "http")]
mod http_faults;
#[cfg(feature = "http")]
mod http_pressure;
mod input_streams;
mod lifecycle;
mod queue;
mod raw;
mod retention;
mod socket;
mod socket_faults;
mod stopping;
mod support;
