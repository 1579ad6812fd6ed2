//! Part of Waterwheel.

pub mod clock;
pub mod config;
pub mod time;
