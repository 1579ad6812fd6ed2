//! Where records come from: one source, one file or folder.
//!
//! A source is a method on `StreamingContext`, which the trait of the source adds; [`prelude`] brings all of them in.
//!
//! | source | method | trait |
//! | --- | --- | --- |
//! | a TCP peer, lines of text | `socket_text_stream` | [`SocketSource`](socket::SocketSource) |
//! | a TCP peer, your own framing | `socket_stream` | [`SocketSource`](socket::SocketSource) |
//! | datasets that the program queues | `queue_stream` | [`QueueSource`](queue::QueueSource) |
//! | one dataset, every batch | `constant_stream` | [`ConstantSource`](constant::ConstantSource) |
//! | records made up at a steady rate | `generator_stream` | [`GeneratorSource`](generator::GeneratorSource) |
//!
//! Others are made of a [`Receiver`](waterwheel_runtime::receiver::Receiver) and `receiver_stream`, or of an
//! [`InputStream`](waterwheel_operators::InputStream) and `input_stream`.
//!
//! The parts the sources share know neither sockets nor clocks: [`decode`] cuts bytes into records within a bound,
//! [`pace`] says how many records are due.

pub mod constant;
pub mod decode;
pub mod generator;
pub mod pace;
pub mod prelude;
pub mod queue;
pub mod socket;
mod store;
