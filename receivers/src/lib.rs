//! Where records come from: one source, one file or folder.
//!
//! A source is a method on `StreamingContext`, which the trait of the source adds; [`prelude`] brings all of them in.
//!
//! | source | method | trait |
//! | --- | --- | --- |
//! | a TCP peer, lines of text | `socket_text_stream` | [`SocketSource`](socket::SocketSource) |
//! | a TCP peer, your own framing | `socket_stream` | [`SocketSource`](socket::SocketSource) |
//! | files in directories, lines of text | `text_file_stream` | [`FileSource`](files::FileSource) |
//! | files in directories, your own format | `file_stream`, `binary_records_stream` | [`FileSource`](files::FileSource) |
//! | a TCP peer, blocks that it has encoded | `raw_socket_stream` | [`RawSocketSource`](raw::RawSocketSource) |
//! | clients that push by HTTP (feature `http`) | `http_text_stream`, `http_stream` | `http::HttpSource` |
//! | an actix actor of yours, here or fed from another process | `actor_stream`, `remote_actors` | [`ActorSource`](actor::ActorSource), [`RemoteSource`](remote::RemoteSource) |
//! | datasets that the program queues | `queue_stream` | [`QueueSource`](queue::QueueSource) |
//! | one dataset, every batch | `constant_stream` | [`ConstantSource`](constant::ConstantSource) |
//! | records made up at a steady rate | `generator_stream` | [`GeneratorSource`](generator::GeneratorSource) |
//!
//! Others are made of a [`Receiver`](waterwheel_runtime::receiver::Receiver) and `receiver_stream`, or of an
//! [`InputStream`](waterwheel_operators::InputStream) and `input_stream`.
//!
//! The parts the sources share know neither sockets nor clocks: [`decode`] cuts bytes into records within a bound,
//! [`pace`] says how many records are due.

pub mod actor;
pub mod constant;
pub mod decode;
pub mod files;
pub mod generator;
#[cfg(feature = "http")]
pub mod http;
pub mod pace;
mod peers;
pub mod prelude;
pub mod queue;
pub mod raw;
pub mod remote;
pub mod socket;
mod store;
