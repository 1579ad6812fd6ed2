//! A storage whose writes go wrong on request: for tests of what must survive.

use super::{Change, Durability, EachRow, Storage, StorageError, Table};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is done.
    Done,
    /// It is not done, and the storage says so.
    Failed,
    /// It is done, and the storage cannot say: the answer was an error.
    DoneButReportedFailed,
    /// It is not done, and the storage cannot say: it took too long.
    NotDoneAndTimedOut,
}

/// Passes everything on to another storage, but for writes that the script has something else in mind for.
///
/// ```
/// use std::sync::Arc;
/// use waterwheel_runtime::durable::{Change, Durability, FaultyStorage, MemoryStorage, Storage, StorageError, Table, WriteOutcome};
///
/// let storage = FaultyStorage::new(Arc::new(MemoryStorage::default()));
/// storage.script([WriteOutcome::Done, WriteOutcome::Failed]);
/// let change = [Change::Put { table: Table::Meta, key: b"k".to_vec(), value: b"v".to_vec() }];
/// assert_eq!(storage.write(&change, Durability::Synced), Ok(()));
/// assert!(matches!(storage.write(&change, Durability::Synced), Err(StorageError::NotWritten { .. })));
/// assert_eq!(storage.write(&change, Durability::Synced), Ok(()), "the script is at its end");
/// ```
#[derive(Clone)]
pub struct FaultyStorage {
    inner: Arc<dyn Storage>,
    script: Arc<Mutex<VecDeque<WriteOutcome>>>,
}

impl FaultyStorage {
    /// Over `inner`, with an empty script.
    pub fn new(inner: Arc<dyn Storage>) -> FaultyStorage {
        FaultyStorage { inner, script: Arc::default() }
    }

    /// What becomes of the next writes, after those that were scripted before; all further ones are done.
    pub fn script(&self, outcomes: impl IntoIterator<Item = WriteOutcome>) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).extend(outcomes);
    }

    fn next(&self) -> WriteOutcome {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(WriteOutcome::Done)
    }
}

impl Storage for FaultyStorage {
    fn write(&self, changes: &[Change], durability: Durability) -> Result<(), StorageError> {
        let reason = |text: &str| format!("scripted: {text}");
        match self.next() {
            WriteOutcome::Done => self.inner.write(changes, durability),
            WriteOutcome::Failed => Err(StorageError::NotWritten { reason: reason("failed") }),
            WriteOutcome::DoneButReportedFailed => {
                self.inner.write(changes, durability)?;
                Err(StorageError::Unknown { reason: reason("done, but reported as failed") })
            }
            WriteOutcome::NotDoneAndTimedOut => {
                Err(StorageError::Unknown { reason: reason("not done, and timed out") })
            }
        }
    }

    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.get(table, key)
    }

    fn scan(&self, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError> {
        self.inner.scan(table, prefix, each)
    }

    fn state_tables(&self) -> Result<Vec<Arc<str>>, StorageError> {
        self.inner.state_tables()
    }

    fn drop_state(&self, operator: &str) -> Result<(), StorageError> {
        self.inner.drop_state(operator)
    }
}
