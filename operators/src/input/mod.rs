//! How streams come into a context: from receivers, and from sources that are asked batch by batch.
//!
//! The sources themselves (sockets, queues, ...) are in the `receivers` crate; they are made of these two.

mod input_stream;
mod receiver_stream;
mod replayable_stream;

pub use replayable_stream::ReplayableStream;
