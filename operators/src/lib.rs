//! The operators of Waterwheel.

pub mod prelude;
pub mod rdd;
pub mod record;
