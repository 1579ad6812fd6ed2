//! How streams come into a context: from receivers, and from sources that are asked batch by batch.
//!
//! The sources themselves (sockets, queues, ...) are in the `receivers` crate; they are made of these two.

mod input_stream;
mod receiver_options;
mod receiver_stream;
mod replayable_stream;

pub use receiver_options::ReceiverOptions;
pub use replayable_stream::ReplayableStream;
