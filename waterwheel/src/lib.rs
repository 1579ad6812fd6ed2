//! Waterwheel: Spark Streaming's DStream model as an actor-based streaming runtime.
#![doc = include_str!("../../README.md")]

#[cfg(feature = "monitor")]
pub use waterwheel_monitor as monitor;
pub use waterwheel_operators::*;
pub use waterwheel_receivers as receivers;
pub use waterwheel_runtime as runtime;

pub use compact_str::CompactString;

/// What a program needs: `use waterwheel::prelude::*`.
pub mod prelude {
    pub use compact_str::CompactString;
    #[cfg(feature = "monitor")]
    pub use waterwheel_monitor::{Monitored, StartMonitored, StatsReportListener};
    pub use waterwheel_operators::prelude::*;
    pub use waterwheel_receivers::prelude::*;
}
