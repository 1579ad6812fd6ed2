//! The records of received blocks in the storage: written when they come, read back when memory does not have them.

use super::keeper::{Keeper, LogBlock};
use super::{Change, Storage, StorageError, StreamTable, Table, keys};
use crate::block::{Erased, ErasedCodec};
use crate::codec::{self, stable_hash};
use crate::error::in_full;
use crate::failpoint::fail_point;
use crate::ids::BlockId;
use crate::mailbox::Post;
use std::fmt;
use std::sync::Arc;

/// What the receivers of a context need to have their blocks kept.
#[derive(Clone)]
pub struct BlockLog {
    keeper: Post<Keeper>,
    storage: Arc<dyn Storage>,
    streams: Arc<StreamTable>,
}

impl BlockLog {
    /// A log that `keeper` writes into `storage`, with the numbers of `streams`.
    pub fn new(keeper: Post<Keeper>, storage: Arc<dyn Storage>, streams: StreamTable) -> BlockLog {
        BlockLog { keeper, storage, streams: Arc::new(streams) }
    }

    /// Keeps the records of `block`; they survive the process when this returns.
    ///
    /// # Errors
    /// Why they are not kept.
    pub async fn log(&self, block: BlockId, data: Erased, codec: ErasedCodec) -> Result<(), String> {
        let Some(stored) = self.streams.block_outward(block) else {
            return Err(format!("{} has no name in the checkpoint", block.stream));
        };
        fail_point("log.before_block");
        let written = self.keeper.send(LogBlock { block: stored, data, codec }).await;
        fail_point("log.after_block");
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(in_full(&error)),
            Err(_) => Err("the keeper is gone".to_owned()),
        }
    }

    /// Where the records of `block` can be read; `None` when its stream is not in the storage.
    pub fn logged(&self, block: BlockId) -> Option<LoggedBlock> {
        Some(LoggedBlock { storage: self.storage.clone(), block: self.streams.block_outward(block)? })
    }
}

/// A block whose records are in the storage.
#[derive(Clone)]
pub struct LoggedBlock {
    storage: Arc<dyn Storage>,
    /// Its stored name.
    block: BlockId,
}

impl fmt::Debug for LoggedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoggedBlock({})", self.block)
    }
}

impl LoggedBlock {
    /// The block with this stored name.
    #[cfg(feature = "rocksdb")]
    pub(super) fn stored(storage: Arc<dyn Storage>, block: BlockId) -> LoggedBlock {
        LoggedBlock { storage, block }
    }

    /// The encoded records.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written.
    pub fn read(&self) -> Result<Vec<u8>, StorageError> {
        let unreadable = |reason: &str| StorageError::Unreadable {
            what: format!("the records of {}", self.block),
            reason: reason.to_owned(),
        };
        let get = |key: Vec<u8>| self.storage.get(&Table::Blocks, &key);
        let bytes = get(keys::block_data(self.block))?.ok_or_else(|| unreadable("they are not there"))?;
        let index = get(keys::block_index(self.block))?.ok_or_else(|| unreadable("they are not in the index"))?;
        let (length, hash): (u64, u64) =
            codec::decode(&index, 64).map_err(|_| unreadable("their entry in the index is damaged"))?;
        if length != bytes.len() as u64 || hash != stable_hash(&bytes) {
            return Err(unreadable("they are not what was written"));
        }
        Ok(bytes)
    }
}

/// The rows of a block: its records, and their length and checksum, by which it is found without reading them.
pub(super) fn logged(block: BlockId, bytes: Vec<u8>) -> [Change; 2] {
    let index = codec::encode(&(bytes.len() as u64, stable_hash(&bytes))).unwrap_or_default();
    let put = |key, value| Change::Put { table: Table::Blocks, key, value };
    [put(keys::block_index(block), index), put(keys::block_data(block), bytes)]
}
