//! Where records come from: one source, one file or folder.
//!
//! The parts the sources share know neither sockets nor clocks: [`decode`] cuts bytes into records within a bound,
//! [`reconnect`] says how long to wait before the next attempt, [`pace`] says how many records are due.

pub mod decode;
pub mod pace;
pub mod reconnect;
