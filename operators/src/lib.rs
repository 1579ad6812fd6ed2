//! The operators of Waterwheel.

pub mod outcome;
pub mod prelude;
pub mod rdd;
pub mod record;
