//! A look into a checkpoint directory from outside: for tools, also while the application runs. Nothing is ever changed.

use super::block_log::LoggedBlock;
use super::directory::{DirectoryError, last_holder, recognise};
use super::keys::Paths;
use super::recovery::{read_offsets, read_position, read_positions, stored_blocks};
use super::rocks::RocksReader;
use super::{Meta, RecoveryError, Storage, StorageError};
use crate::block::Ledger;
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A checkpoint directory as it was when it was opened, for reading only.
///
/// An application that has the directory open goes on writing, and deletes files that it no longer needs. A read that meets such
/// a file fails as if the file were damaged: open the directory again before you believe it.
pub struct Look {
    paths: Paths,
    format: u32,
    application: String,
    storage: Arc<dyn Storage>,
}

/// What the ledger's rows lead to.
#[derive(Debug, Clone)]
pub struct LedgerLook {
    /// Which batch every received block belongs to, with the stored numbers of streams.
    pub ledger: Ledger,
    /// The last batch that was committed.
    pub last_committed: Option<Time>,
    /// How many events lie behind the last snapshot.
    pub events: usize,
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("directory", &self.paths.root()).finish_non_exhaustive()
    }
}

impl Look {
    /// Opens `directory` for reading. It reads the log, so it takes its time.
    ///
    /// # Errors
    /// When it is not a checkpoint directory, has a newer format, is damaged, or cannot be read.
    pub fn open(directory: &Path) -> Result<Look, DirectoryError> {
        let paths = Paths::of(directory);
        let (format, application) = recognise(&paths)?;
        let storage = Arc::new(RocksReader::open(&paths)?);
        Ok(Look { paths, format, application, storage })
    }

    /// The number of its format.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// The application that it belongs to.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// The process that has it open, or had it open last, as it has written itself down.
    pub fn last_holder(&self) -> String {
        last_holder(&self.paths)
    }

    /// Its tables. Writing to them is refused.
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// What the application wrote down about itself; `None` when it never came so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn meta(&self) -> Result<Option<Meta>, StorageError> {
        Meta::load(&*self.storage)
    }

    /// Replays the ledger.
    ///
    /// # Errors
    /// When a row cannot be read, is missing, or contradicts those before it.
    pub fn ledger(&self) -> Result<LedgerLook, RecoveryError> {
        let (position, events) = read_position(&*self.storage)?;
        Ok(LedgerLook { ledger: position.ledger, last_committed: position.last_done, events })
    }

    /// What each replayable source read in each batch, in the source's own encoding.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn offsets(&self) -> Result<BTreeMap<String, BTreeMap<Time, Vec<u8>>>, RecoveryError> {
        read_offsets(&*self.storage)
    }

    /// Up to where the source of each stream has come with what is stored, by the stored number of the stream and in the
    /// receiver's own encoding.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn positions(&self) -> Result<BTreeMap<StreamId, Vec<u8>>, RecoveryError> {
        read_positions(&*self.storage)
    }

    /// The blocks whose records are stored, by the index.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn stored_blocks(&self) -> Result<BTreeSet<BlockId>, RecoveryError> {
        stored_blocks(&*self.storage)
    }

    /// Reads the records of a block (by its stored name) and compares them with their length and checksum; how many bytes they
    /// have.
    ///
    /// # Errors
    /// When they are not there, or not what was written.
    pub fn check_block(&self, block: BlockId) -> Result<u64, StorageError> {
        LoggedBlock::stored(self.storage.clone(), block).read().map(|bytes| bytes.len() as u64)
    }
}
