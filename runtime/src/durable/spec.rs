//! What a context that is to survive its process begins with.

use super::{Durability, Journal, Storage};
use crate::batch::{Cadence, Ranges};
use crate::block::Ledger;
use crate::config::CatchUp;
use crate::ids::StreamId;
use crate::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A storage, and where to go on.
pub struct DurableSpec {
    /// Where everything is kept.
    pub storage: Arc<dyn Storage>,
    /// Goes on writing the ledger.
    pub journal: Journal,
    /// Batches are at zero + n x interval, as in the first run.
    pub zero: Time,
    /// Which batches are made durable at once.
    pub cadence: Cadence,
    /// What a commit survives when it is answered.
    pub durability: Durability,
    /// What becomes of batches that were missed.
    pub catch_up: CatchUp,
    /// Whether the records of received blocks are kept, too.
    pub block_log: bool,
    /// What an earlier run left.
    pub left: Option<Left>,
}

/// What an earlier run left.
#[derive(Debug)]
pub struct Left {
    /// Which batch every received block belongs to.
    pub ledger: Ledger,
    /// The last batch that was committed.
    pub committed: Option<Time>,
    /// What replayable sources read, by batch.
    pub ranges: BTreeMap<Time, Ranges>,
    /// The number of the next block of each stream.
    pub next_blocks: BTreeMap<StreamId, u64>,
    /// Up to where the source of each stream has come with what is stored.
    pub positions: BTreeMap<StreamId, Vec<u8>>,
}

impl Left {
    /// The newest batch there was.
    pub fn newest(&self) -> Option<Time> {
        self.ledger.last_allocated().max(self.committed).max(self.ranges.keys().next_back().copied())
    }
}

/// How an earlier run was taken up, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The last batch that was committed.
    pub committed: Option<Time>,
    /// Batches that were begun and not committed, which are run again.
    pub pending: usize,
    /// Batches whose time came while nothing ran.
    pub missed: u64,
    /// How many of those that were missed are made all the same, since windows slide in them; they come before `first`.
    pub slides: usize,
    /// The batch from which on there is one every interval.
    pub first: Time,
}
