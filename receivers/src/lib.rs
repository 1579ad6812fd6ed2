//! Where records come from: one source, one file or folder.
//!
//! A source is a method on `StreamingContext`, which the trait of the source adds; [`prelude`] brings all of them in.
//!
//! | source | method | trait |
//! | --- | --- | --- |
//! | a TCP peer, lines of text | `socket_text_stream` | [`SocketSource`](socket::SocketSource) |
//! | a TCP peer, your own framing | `socket_stream` | [`SocketSource`](socket::SocketSource) |
//!
//! The parts the sources share know neither sockets nor clocks: [`decode`] cuts bytes into records within a bound,
//! [`reconnect`] says how long to wait before the next attempt, [`pace`] says how many records are due.

pub mod decode;
pub mod pace;
pub mod prelude;
pub mod reconnect;
pub mod socket;
mod store;
