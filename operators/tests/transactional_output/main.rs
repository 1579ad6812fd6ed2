//! `transactional_output`, with a store in memory whose every call can be made to fail, to be cut short, or to end the process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod exactly_once;
mod failing;
mod order;
mod restarts;
mod store;
