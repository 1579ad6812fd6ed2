//! A storage in memory: for tests, and for programs whose state need not survive the process.

use super::{Change, Durability, EachRow, Storage, StorageError, Table};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Tables in memory. Clones share them, so that a second context can find what a first one left: a restart, in a test.
///
/// ```
/// use waterwheel_runtime::durable::{Change, Durability, MemoryStorage, Storage, Table};
///
/// let storage = MemoryStorage::default();
/// storage.write(&[Change::Put { table: Table::Meta, key: b"k".to_vec(), value: b"v".to_vec() }], Durability::Synced)?;
/// assert_eq!(storage.clone().get(&Table::Meta, b"k")?, Some(b"v".to_vec()));
/// # Ok::<(), waterwheel_runtime::durable::StorageError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    tables: Arc<Mutex<BTreeMap<Table, Rows>>>,
}

impl MemoryStorage {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Table, Rows>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryStorage {
    fn write(&self, changes: &[Change], _: Durability) -> Result<(), StorageError> {
        let mut tables = self.lock();
        for change in changes {
            match change {
                Change::Put { table, key, value } => {
                    tables.entry(table.clone()).or_default().insert(key.clone(), value.clone());
                }
                Change::Delete { table, key } => {
                    if let Some(rows) = tables.get_mut(table) {
                        rows.remove(key);
                    }
                }
                Change::DeleteRange { table, from, to } => {
                    if let Some(rows) = tables.get_mut(table) {
                        rows.retain(|key, _| key < from || key >= to);
                    }
                }
            }
        }
        Ok(())
    }

    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.lock().get(table).and_then(|rows| rows.get(key)).cloned())
    }

    fn scan(&self, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let rows: Vec<_> = match self.lock().get(table) {
            Some(rows) => rows
                .range::<[u8], _>(from)
                .take_while(|(key, _)| key.starts_with(prefix))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            None => Vec::new(),
        };
        rows.iter().try_for_each(|(key, value)| each(key, value))
    }

    fn state_tables(&self) -> Result<Vec<Arc<str>>, StorageError> {
        let name = |table: &Table| match table {
            Table::State(operator) => Some(operator.clone()),
            _ => None,
        };
        Ok(self.lock().keys().filter_map(name).collect())
    }

    fn drop_state(&self, operator: &str) -> Result<(), StorageError> {
        self.lock().remove(&Table::state(operator));
        Ok(())
    }
}
