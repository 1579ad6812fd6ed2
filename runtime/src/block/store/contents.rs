//! What goes into the store and what comes out.

use std::sync::Arc;

use crate::block::{Erased, ErasedCodec, StorageLevel};
use crate::codec::CodecError;
use crate::durable::LoggedBlock;

/// A block to be stored.
#[derive(Clone, Debug)]
pub struct Block {
    /// The records.
    pub data: Erased,
    /// The way to bytes and back.
    pub codec: ErasedCodec,
    /// Where the block may lie.
    pub level: StorageLevel,
    /// How many records there are.
    pub records: usize,
    /// What the typed records take in memory, in bytes, as estimated by whoever made them.
    pub bytes: usize,
}

/// A block of an earlier run, which lies in the log.
#[derive(Clone, Debug)]
pub struct RecoveredBlock {
    /// Where.
    pub logged: LoggedBlock,
    /// The way back to records.
    pub codec: ErasedCodec,
    /// How its stream keeps blocks.
    pub level: StorageLevel,
    /// How many records it has.
    pub records: usize,
}

/// Where a block went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It lies in memory and counts this many bytes against the budget.
    InMemory {
        /// The bytes counted.
        bytes: usize,
    },
    /// It lies in a file of this many bytes.
    OnDisk {
        /// The size of the file.
        bytes: usize,
    },
    /// A block of this key was there already and stays as it is: a task that is tried again caches its partition again.
    AlreadyStored,
}

/// The data of a block that was read.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// The records themselves, shared.
    Typed(Erased),
    /// The encoded records, shared. Decoding is left to the reader, so that it happens on the reader's thread.
    Bytes {
        /// The encoded records.
        bytes: Arc<Vec<u8>>,
        /// The way back to records.
        codec: ErasedCodec,
    },
}

impl Fetched {
    /// The records, decoded when they are not typed already.
    pub fn into_typed(self) -> Result<Erased, CodecError> {
        match self {
            Self::Typed(records) => Ok(records),
            Self::Bytes { bytes, codec } => codec.decode(&bytes),
        }
    }
}
