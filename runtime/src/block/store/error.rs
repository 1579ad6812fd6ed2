//! What can go wrong in the block store.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::block::BlockKey;
use crate::codec::CodecError;
use crate::durable::StorageError;

/// A block that could not be stored or read, and why.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's directory could not be made.
    #[error("cannot create a directory for blocks in {}", path.display())]
    Directory {
        /// The configured directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A block of a memory-only level is larger than the whole memory budget.
    #[error(
        "block {block} of {bytes} bytes is larger than the block memory of {budget} bytes: raise the block memory, cut smaller blocks, or choose a storage level with disk"
    )]
    TooLarge {
        /// The block.
        block: BlockKey,
        /// Its size in memory.
        bytes: usize,
        /// The memory budget.
        budget: usize,
    },
    /// A block of a memory-only level does not fit beside received blocks that may neither be dropped nor moved to
    /// disk.
    #[error(
        "no room for block {block} of {bytes} bytes: {pinned} of {budget} bytes of block memory hold received blocks that may lie nowhere else: raise the block memory, slow the receivers, or choose a storage level with disk"
    )]
    Full {
        /// The block.
        block: BlockKey,
        /// Its size in memory.
        bytes: usize,
        /// The bytes that cannot make room.
        pinned: usize,
        /// The memory budget.
        budget: usize,
    },
    /// Records could not be turned into bytes. The block may be another one than the one being stored, which was to
    /// make room.
    #[error("cannot encode block {block}")]
    Encode {
        /// The block.
        block: BlockKey,
        /// What the codec said.
        source: CodecError,
    },
    /// A block's file could not be written. The block may be another one than the one being stored, which was to make
    /// room: it is still in memory.
    #[error("cannot write block {block} to {}", path.display())]
    Write {
        /// The block.
        block: BlockKey,
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A block's file could not be read.
    #[error("cannot read block {block} from {}", path.display())]
    Read {
        /// The block.
        block: BlockKey,
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A block that lies in the log only could not be read from there.
    #[error("cannot read block {block} from the log")]
    Log {
        /// The block.
        block: BlockKey,
        /// What the storage said.
        source: StorageError,
    },
    /// A block's file is not what was written.
    #[error("block {block} is damaged: {} {reason}", path.display())]
    Damaged {
        /// The block.
        block: BlockKey,
        /// Its file.
        path: PathBuf,
        /// In what way.
        reason: &'static str,
    },
}
