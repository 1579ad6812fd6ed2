//! Points in time, intervals and the arithmetic of batches and windows.
//!
//! A [`Time`] is a whole number of milliseconds since the Unix epoch, and it names a batch by the *end* of what the
//! batch covers. There are no batches shorter than a millisecond, so the part of a [`Duration`](std::time::Duration)
//! below one millisecond is dropped wherever a duration meets a `Time`.
//!
//! Everything here is a pure function that neither panics nor overflows: results beyond the range of `i64` milliseconds
//! stop at its ends, and a step shorter than a millisecond has the stated meaning instead of dividing by zero. The time
//! of day comes from a [`Clock`](crate::clock::Clock), never from this module.

mod duration;
mod interval;
mod point;

pub use self::duration::{DurationExt, milliseconds, minutes, seconds};
pub use self::interval::Interval;
pub use self::point::{Time, Times, next_tick};
