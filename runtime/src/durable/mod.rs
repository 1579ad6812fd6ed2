//! What survives the process: one store per checkpoint directory, and the only actor that writes it.
//!
//! Everything durable is a value under a key in a [`Table`] of a [`Storage`]. A batch becomes durable in one write, which holds
//! its state changes, its offsets, the blocks it gives back and the mark that it is done: after a crash at any instant the
//! storage is the effect of a prefix of batches.
//!
//! **Start.** [`open`] opens a checkpoint directory and says where to go on; [`plan_changes`] compares the program with the one
//! that wrote it; the new [`Meta`] is stored. Then the [`Keeper`] takes over: it is the only writer from there on, and what the
//! ledger logs reaches it through a [`KeeperLog`].

mod block_log;
pub mod directory;
mod faulty;
mod inputs;
mod journal;
mod keeper;
pub mod keys;
mod log;
#[cfg(feature = "rocksdb")]
mod look;
mod memory;
mod meta;
mod open;
mod plan;
mod recovery;
#[cfg(feature = "rocksdb")]
mod rocks;
mod spec;
mod storage;
mod streams;

pub use block_log::{BlockLog, LoggedBlock};
pub use faulty::{FaultyStorage, WriteOutcome};
pub use inputs::{ChangedInput, check_inputs};
pub use journal::Journal;
pub use keeper::{Append, AppendError, Keeper, LogBlock, LogBlockError};
pub use log::KeeperLog;
#[cfg(feature = "rocksdb")]
pub use look::{LedgerLook, Look};
pub use memory::MemoryStorage;
pub use meta::{Meta, OperatorRecord, SetAside};
pub use open::{OpenError, OpenRequest, open};
pub use plan::{AmbiguousState, ChangedType, PlanChanges, PlanRow, Verdict, check_unnamed, plan_changes};
pub use recovery::{
    AbandonedStream, BLOCK_LOG_SETTING, LostBlocks, MissingBlock, Opened, Recovered, RecoveryError, resume,
};
#[cfg(feature = "rocksdb")]
pub use rocks::{RocksOptions, RocksStorage};
pub use spec::{DurableSpec, Left, Recovery};
pub use storage::{Change, Durability, EachRow, Storage, StorageError, Table};
pub use streams::StreamTable;

#[cfg(test)]
mod tests;
