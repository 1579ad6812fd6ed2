//! Blocks of records: where their data lies and which batch they belong to.
//!
//! A **block** is what one stream received in one block interval: records in chunks, never copied on the way in. Two
//! questions are asked about it, and each has its own pure answer, driven by an actor:
//!
//! - *Where is the data?* [`BlockStore`]: in memory, encoded in memory, or on disk, by [`StorageLevel`]. Partitions of
//!   cached datasets lie there too.
//! - *Whose is it?* [`Ledger`]: received and not allocated, or allocated to exactly one batch, until that batch is
//!   done and forgotten.

mod erased;
mod key;
mod ledger;
mod level;
mod manager;
mod store;
mod tracker;

pub use erased::{Erased, ErasedCodec};
pub use key::BlockKey;
pub use ledger::{
    Allocation, BlockInfo, EventError, Horizon, Ledger, LedgerError, LedgerEvent, LedgerLog, LedgerLogError, LogRecord,
    MemoryLog, When, log_then_apply,
};
pub use level::{ParseStorageLevelError, StorageLevel};
pub use manager::{
    BlockLogged, BlockManager, BlockStats, GetBlock, HeldPartitions, PutBlock, RecoverBlocks, RemoveBlocks,
    RemoveContext, RemoveRdds,
};
pub use store::{
    Block, BlockStatus, BlockStore, Fetched, PutOutcome, RecoveredBlock, StoreError, StoreOptions, StoreStats,
};
pub use tracker::{
    AddBlock, AllocateBatch, AtDoor, BlockTracker, CommitBatch, HasUnallocated, HoldCredits, LogChanges, SnapshotFlow,
    TrackerError,
};
