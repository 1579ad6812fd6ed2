//! What happens to received blocks, as facts that can be logged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{BlockId, StreamId};
use crate::time::Time;

/// A received block, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockInfo {
    /// The name of the block.
    pub id: BlockId,
    /// How many records it has.
    pub records: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The blocks of one batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The batch.
    pub batch: Time,
    /// The blocks of every stream that had some, in order of arrival.
    pub blocks: BTreeMap<StreamId, Vec<BlockInfo>>,
}

impl Allocation {
    /// The blocks of one stream in order of arrival; none when the stream received nothing.
    pub fn of_stream(&self, stream: StreamId) -> &[BlockInfo] {
        self.blocks.get(&stream).map_or(&[], Vec::as_slice)
    }

    /// The blocks of all streams.
    pub fn all_blocks(&self) -> impl Iterator<Item = &BlockInfo> {
        self.blocks.values().flatten()
    }

    /// How many records the batch has.
    pub fn records(&self) -> u64 {
        self.all_blocks().fold(0, |records, block| records.saturating_add(block.records))
    }

    /// The size of the batch in bytes.
    pub fn bytes(&self) -> u64 {
        self.all_blocks().fold(0, |bytes, block| bytes.saturating_add(block.bytes))
    }
}

/// Up to where the past is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizon {
    /// Batches before this one are forgotten, but for the blocks of the streams in `kept`.
    pub before: Time,
    /// Streams whose blocks are needed longer (a window reads them): those of batches before this earlier one are forgotten.
    pub kept: BTreeMap<StreamId, Time>,
}

impl Horizon {
    /// The horizon at which nothing of the batches before `before` is needed.
    pub fn at(before: Time) -> Horizon {
        Horizon { before, kept: BTreeMap::new() }
    }

    /// Whether the blocks that `stream` has in `batch` are of no use any more.
    pub fn is_past(&self, stream: StreamId, batch: Time) -> bool {
        batch < self.kept.get(&stream).map_or(self.before, |kept| self.before.min(*kept))
    }

    /// This horizon, but no later than `limit`.
    pub fn until(&self, limit: Time) -> Horizon {
        Horizon { before: self.before.min(limit), kept: self.kept.clone() }
    }
}

/// A change of the ledger. A durable log stores these, in this order of variants: new ones are added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerEvent {
    /// A block was received and its data stored.
    BlockAdded {
        /// The block.
        block: BlockInfo,
    },
    /// Blocks were given to a batch, of each stream those that waited longest.
    BatchAllocated(Allocation),
    /// A batch ran to its end and is committed; it will not be run again.
    BatchDone {
        /// The batch.
        batch: Time,
    },
    /// Batches that are done, and their blocks, are of no use any more.
    BatchesForgotten(Horizon),
}
