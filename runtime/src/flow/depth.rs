//! How much lies where.

use crate::block::BlockInfo;
use std::ops::{Add, AddAssign};

/// Blocks, and what is in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Blocks; one that is being filled is one.
    pub blocks: u64,
    /// Records.
    pub records: u64,
    /// Bytes in memory, as they were weighed when the records came in.
    pub bytes: u64,
}

impl Amount {
    /// What is left without `part`.
    #[must_use]
    pub fn without(self, part: Amount) -> Amount {
        Amount {
            blocks: self.blocks.saturating_sub(part.blocks),
            records: self.records.saturating_sub(part.records),
            bytes: self.bytes.saturating_sub(part.bytes),
        }
    }
}

impl From<&BlockInfo> for Amount {
    fn from(block: &BlockInfo) -> Amount {
        Amount { blocks: 1, records: block.records, bytes: block.bytes }
    }
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, more: Amount) -> Amount {
        Amount {
            blocks: self.blocks.saturating_add(more.blocks),
            records: self.records.saturating_add(more.records),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, more: Amount) {
        *self = *self + more;
    }
}

/// What of a stream lies in the ledger and is not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerDepth {
    /// In no batch yet.
    pub waiting: Amount,
    /// Of what waits, what the last batch left behind since it could not take more; see [`Overload::Spill`](super::Overload::Spill).
    pub spilled: Amount,
    /// In batches that are not done.
    pub allocated: Amount,
}
