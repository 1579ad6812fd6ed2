//! `foreach_partition_with` and its pool, against a server on the loopback interface.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod closing;
mod failing;
mod own_loop;
mod reuse;
mod server;
