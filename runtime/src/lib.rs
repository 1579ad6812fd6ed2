//! Part of Waterwheel.

pub mod block;
pub mod clock;
pub mod codec;
pub mod config;
pub mod ids;
pub mod time;
