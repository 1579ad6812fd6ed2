//! Part of Waterwheel.

pub mod block;
pub mod codec;
pub mod ids;
pub mod time;
