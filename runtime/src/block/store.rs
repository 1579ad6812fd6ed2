//! The data of blocks, in memory and on disk, within a memory budget.
//!
//! The store is the pure core of the block manager: one owner, no locks, no threads. A block is immutable: its key
//! names the same records for ever.
//!
//! **Guarantees.** The bytes counted in memory never exceed the budget. A block whose level has disk is never lost for
//! want of memory. A received block is never dropped: if its level is memory only and there is no room, it is refused,
//! and the receiver's source is not acknowledged. What is read equals what was put, or is an error.
//!
//! **Assumptions.** The size of typed records is the caller's estimate. Memory is free once the store has let go of a
//! block *and* its readers have dropped their share of it. Files serve this process only: they are not synchronised to
//! the disk and are gone with the store; durability is the block log's.
//!
//! A block that moved to disk stays there. Blocks are read once or twice in the order in which they came; moving one
//! back would push out another that is read sooner.

mod contents;
mod disk;
mod error;
mod memory;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{BlockKey, ErasedCodec, StorageLevel};
use crate::durable::LoggedBlock;
use crate::ids::{ContextId, RddId};
pub use contents::{Block, Fetched, PutOutcome, RecoveredBlock};
use disk::Disk;
pub use error::StoreError;
use memory::{Memory, Payload};

/// How much memory a [`BlockStore`] may use and where its files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// The memory budget in bytes.
    pub memory: usize,
    /// The directory in which the store makes its own temporary one. Created when it does not exist.
    pub dir: PathBuf,
}

/// What the store knows of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockStatus {
    /// Where the block may lie.
    pub level: StorageLevel,
    /// How many records it has.
    pub records: usize,
    /// The bytes it counts against the memory budget; 0 when it lies on disk.
    pub memory_bytes: usize,
    /// The size of its file; 0 when it lies in memory.
    pub disk_bytes: usize,
}

/// What the store holds and what it has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Blocks held, in memory or on disk.
    pub blocks: usize,
    /// How many of them are partitions of persisted datasets; the others were received.
    pub partitions: usize,
    /// Bytes counted against the memory budget.
    pub memory_bytes: usize,
    /// Bytes in files.
    pub disk_bytes: usize,
    /// Blocks moved from memory to disk so far, to make room.
    pub spilled: u64,
    /// Cached partitions dropped from memory so far, to make room.
    pub evicted: u64,
    /// Reads served from disk so far.
    pub read_from_disk: u64,
}

#[derive(Debug)]
struct Entry {
    codec: ErasedCodec,
    level: StorageLevel,
    records: usize,
    /// The size of the block's file, when it lies on disk.
    file_bytes: Option<usize>,
    /// Where it can be read again whatever becomes of it here.
    logged: Option<LoggedBlock>,
}

/// Keeps blocks by key.
///
/// ```
/// use std::sync::Arc;
/// use waterwheel_runtime::block::{Block, BlockKey, BlockStore, ErasedCodec, StorageLevel, StoreOptions};
/// use waterwheel_runtime::ids::RddId;
///
/// let mut store = BlockStore::new(StoreOptions { memory: 1 << 20, dir: std::env::temp_dir() })?;
/// let key = BlockKey::Rdd { rdd: RddId(1), partition: 0 };
/// let chunks = vec![vec!["drop".to_owned(), "drip".to_owned()]];
/// let level = StorageLevel::MemoryAndDiskSer;
/// store.put(key, Block { data: Arc::new(chunks), codec: ErasedCodec::of::<String>(), level, records: 2, bytes: 64 })?;
///
/// let records = store.get(&key)?.ok_or("absent")?.into_typed()?;
/// assert_eq!(records.downcast_ref(), Some(&vec![vec!["drop".to_owned(), "drip".to_owned()]]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BlockStore {
    entries: HashMap<BlockKey, Entry, RandomState>,
    /// The partitions of cached datasets among the entries.
    cached: HashMap<RddId, BTreeSet<usize>, RandomState>,
    memory: Memory,
    disk: Disk,
    spilled: u64,
    evicted: u64,
    read_from_disk: u64,
}

impl BlockStore {
    /// An empty store with a temporary directory of its own, which goes when the store is dropped.
    pub fn new(options: StoreOptions) -> Result<Self, StoreError> {
        Ok(Self {
            entries: HashMap::default(),
            cached: HashMap::default(),
            memory: Memory::new(options.memory),
            disk: Disk::create_in(&options.dir)?,
            spilled: 0,
            evicted: 0,
            read_from_disk: 0,
        })
    }

    /// Stores a block where its level says, making room among the least recently used.
    ///
    /// After an error this block is not stored, and no other block is lost but cached partitions that had to make room.
    pub fn put(&mut self, key: BlockKey, block: Block) -> Result<PutOutcome, StoreError> {
        if self.entries.contains_key(&key) {
            return Ok(PutOutcome::AlreadyStored);
        }
        let Block { data, codec, level, records, bytes } = block;
        let (payload, bytes) = if level.serialized() && level.uses_memory() {
            let mut encoded = codec.encode(&data).map_err(|source| StoreError::Encode { block: key, source })?;
            encoded.shrink_to_fit();
            let encoded_bytes = encoded.len();
            (Payload::Encoded(Arc::new(encoded)), encoded_bytes)
        } else {
            (Payload::Typed(data), bytes)
        };

        let outcome = if level.uses_memory() && self.memory.can_make_room(bytes) {
            self.make_room(&key, bytes)?;
            let pinned = !key.recomputable() && !level.uses_disk();
            self.memory.insert(key, payload, bytes, pinned);
            PutOutcome::InMemory { bytes }
        } else if level.uses_disk() {
            PutOutcome::OnDisk { bytes: self.disk.write(&key, &payload, &codec)? }
        } else {
            return Err(self.no_room(&key, bytes));
        };

        let file_bytes = match outcome {
            PutOutcome::OnDisk { bytes } => Some(bytes),
            PutOutcome::InMemory { .. } | PutOutcome::AlreadyStored => None,
        };
        if let BlockKey::Rdd { rdd, partition } = key {
            self.cached.entry(rdd).or_default().insert(partition);
        }
        self.entries.insert(key, Entry { codec, level, records, file_bytes, logged: None });
        Ok(outcome)
    }

    /// Reads a block and makes it the most recently used. `None`: it was never put, was removed, or was a cached
    /// partition that had to make room.
    pub fn get(&mut self, key: &BlockKey) -> Result<Option<Fetched>, StoreError> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        let codec = entry.codec;
        let fetched = match self.memory.touch(key) {
            Some(Payload::Typed(records)) => Fetched::Typed(Arc::clone(records)),
            Some(Payload::Encoded(bytes)) => Fetched::Bytes { bytes: Arc::clone(bytes), codec },
            None => {
                let bytes = match &entry.logged {
                    Some(logged) => logged.read().map_err(|source| StoreError::Log { block: *key, source })?,
                    None => self.disk.read(key)?,
                };
                self.read_from_disk += 1;
                Fetched::Bytes { bytes: Arc::new(bytes), codec }
            }
        };
        Ok(Some(fetched))
    }

    /// Says that a block can be read from the log as well: it need not be kept here to be kept. One that lay in memory for want
    /// of another place may leave it from now on.
    pub fn logged(&mut self, key: &BlockKey, logged: LoggedBlock) {
        if let Some(entry) = self.entries.get_mut(key)
            && entry.file_bytes.is_none()
        {
            entry.logged = Some(logged);
            self.memory.unpin(key);
        }
    }

    /// Takes over a block that lies in the log only: one of an earlier run.
    pub fn recover(&mut self, key: BlockKey, block: RecoveredBlock) {
        let RecoveredBlock { logged, codec, level, records } = block;
        let entry = Entry { codec, level, records, file_bytes: None, logged: Some(logged) };
        self.entries.entry(key).or_insert(entry);
    }

    /// Drops a block wherever it lies. Returns whether there was one.
    pub fn remove(&mut self, key: &BlockKey) -> bool {
        let Some(entry) = self.take_entry(key) else { return false };
        self.memory.remove(key);
        if let Some(file_bytes) = entry.file_bytes {
            self.disk.remove(key, file_bytes);
        }
        true
    }

    /// Whether a block of this key can be read. Does not count as a use.
    pub fn contains(&self, key: &BlockKey) -> bool {
        self.entries.contains_key(key)
    }

    /// What is known of a block. Does not count as a use.
    pub fn status(&self, key: &BlockKey) -> Option<BlockStatus> {
        let entry = self.entries.get(key)?;
        let memory_bytes = self.memory.bytes_of(key).unwrap_or(0);
        let disk_bytes = entry.file_bytes.unwrap_or(0);
        Some(BlockStatus { level: entry.level, records: entry.records, memory_bytes, disk_bytes })
    }

    /// How many blocks are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The received blocks of a context that are held.
    pub fn blocks_of(&self, context: ContextId) -> Vec<BlockKey> {
        let theirs = |key: &&BlockKey| matches!(key, BlockKey::Input(owner, _) if *owner == context);
        self.entries.keys().filter(theirs).copied().collect()
    }

    /// The partitions of a cached dataset that are held, in order.
    pub fn held_partitions(&self, rdd: RddId) -> impl Iterator<Item = usize> {
        self.cached.get(&rdd).into_iter().flatten().copied()
    }

    fn take_entry(&mut self, key: &BlockKey) -> Option<Entry> {
        if let BlockKey::Rdd { rdd, partition } = key
            && let Some(partitions) = self.cached.get_mut(rdd)
        {
            partitions.remove(partition);
            if partitions.is_empty() {
                self.cached.remove(rdd);
            }
        }
        self.entries.remove(key)
    }

    /// Whether no block is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the store holds and what it has done.
    pub fn stats(&self) -> StoreStats {
        StoreStats {
            blocks: self.entries.len(),
            partitions: self.cached.values().map(BTreeSet::len).sum(),
            memory_bytes: self.memory.used(),
            disk_bytes: self.disk.bytes(),
            spilled: self.spilled,
            evicted: self.evicted,
            read_from_disk: self.read_from_disk,
        }
    }

    /// Lets least recently used blocks leave memory until `bytes` more fit.
    fn make_room(&mut self, newcomer: &BlockKey, bytes: usize) -> Result<(), StoreError> {
        while !self.memory.has_room(bytes) {
            let Some(victim) = self.memory.least_recent() else { return Err(self.no_room(newcomer, bytes)) };
            self.push_out(&victim)?;
        }
        Ok(())
    }

    /// Moves one block out of memory: to disk when its level allows, otherwise away. It leaves memory only once its
    /// file is written.
    fn push_out(&mut self, victim: &BlockKey) -> Result<(), StoreError> {
        if self.entries.get(victim).is_some_and(|entry| entry.logged.is_some()) {
            self.spilled += 1;
        } else if let (Some(entry), Some(payload)) = (self.entries.get_mut(victim), self.memory.peek(victim))
            && entry.level.uses_disk()
        {
            entry.file_bytes = Some(self.disk.write(victim, payload, &entry.codec)?);
            self.spilled += 1;
        } else {
            self.take_entry(victim);
            self.evicted += 1;
        }
        self.memory.remove(victim);
        Ok(())
    }

    /// Why a block that may lie in memory only cannot be stored.
    fn no_room(&self, key: &BlockKey, bytes: usize) -> StoreError {
        let (block, budget) = (*key, self.memory.budget());
        if bytes > budget {
            StoreError::TooLarge { block, bytes, budget }
        } else {
            StoreError::Full { block, bytes, pinned: self.memory.pinned(), budget }
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
