//! Where the records of a stream are.

use std::fmt;

/// Where the records are that the receivers of a stream have handed over since the program was started. At any instant, and at
/// the commit of every batch, `received = committed + pending + spilled + shed`.
///
/// Every number is counted where it happens, none of them is the difference of others. Records that lie in blocks which are not
/// stored yet are in none of them.
///
/// ```
/// use waterwheel_runtime::flow::FlowCounts;
///
/// let counts = FlowCounts { received: 10, committed: 4, pending: 3, spilled: 2, shed: 1 };
/// assert!(counts.is_balanced());
/// assert_eq!(counts.to_string(), "10 received: 4 committed, 3 pending, 2 spilled, 1 shed");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// Handed over by receivers, and what an earlier run had received and not committed.
    pub received: u64,
    /// In batches that are done.
    pub committed: u64,
    /// In batches that are not done, or received since the last batch took what it could.
    pub pending: u64,
    /// Left behind by the last batch since it could not take more; see [`Overload::Spill`](super::Overload::Spill).
    pub spilled: u64,
    /// Dropped; see [`Overload::Shed`](super::Overload::Shed).
    pub shed: u64,
}

impl FlowCounts {
    /// Whether every record that was received is in exactly one of the others.
    pub fn is_balanced(&self) -> bool {
        let FlowCounts { received, committed, pending, spilled, shed } = *self;
        received == committed + pending + spilled + shed
    }
}

impl fmt::Display for FlowCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlowCounts { received, committed, pending, spilled, shed } = self;
        write!(f, "{received} received: {committed} committed, {pending} pending, {spilled} spilled, {shed} shed")
    }
}

/// What has come to a stream's door up to a block's cut: the block and those before it hold what was not shed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorCounts {
    /// Handed over by receivers.
    pub received: u64,
    /// Dropped.
    pub shed: u64,
}
