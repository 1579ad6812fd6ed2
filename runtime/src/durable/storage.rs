//! The seam to the disk: tables of bytes that are written together or not at all.

use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// One of the tables of a storage; a column family in RocksDB.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// What the directory is: its format, the application, the plan of its operators.
    Meta,
    /// The events of the ledger and its snapshots.
    Ledger,
    /// The records of received blocks.
    Blocks,
    /// What replayable sources read in each batch.
    Offsets,
    /// What replayable sources remember of all they have read.
    Memory,
    /// The state of the operator with this name.
    State(Arc<str>),
}

impl Table {
    /// The table of an operator's state.
    pub fn state(operator: &str) -> Table {
        Table::State(operator.into())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Table::Meta => f.write_str("meta"),
            Table::Ledger => f.write_str("ledger"),
            Table::Blocks => f.write_str("blocks"),
            Table::Offsets => f.write_str("offsets"),
            Table::Memory => f.write_str("memory"),
            Table::State(operator) => write!(f, "state/{operator}"),
        }
    }
}

/// One change of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `key` has `value` from now on.
    Put {
        /// Where.
        table: Table,
        /// Under which key.
        key: Vec<u8>,
        /// What.
        value: Vec<u8>,
    },
    /// `key` has no value any more.
    Delete {
        /// Where.
        table: Table,
        /// Which.
        key: Vec<u8>,
    },
    /// No key from `from` up to, but not including, `to` has a value any more.
    DeleteRange {
        /// Where.
        table: Table,
        /// The first.
        from: Vec<u8>,
        /// The first that is kept.
        to: Vec<u8>,
    },
}

/// What a write survives once it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process. It survives the end of the machine as soon as a later write that is `Synced` has been answered:
    /// writes become durable in their order.
    Ordered,
    /// The end of the machine.
    Synced,
}

/// A fault of a storage.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Nothing was written, and it may be tried again.
    #[error("the checkpoint storage did not take a write: {reason}")]
    NotWritten {
        /// What the storage said.
        reason: String,
    },
    /// Nobody knows whether the write is there. The writer stops, and recovery will tell.
    #[error("the checkpoint storage may or may not have taken a write: {reason}")]
    Unknown {
        /// What the storage said.
        reason: String,
    },
    /// A read failed, or what was read is not what was written.
    #[error("cannot read {what} of the checkpoint storage: {reason}")]
    Unreadable {
        /// What was to be read.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Takes a key and its value.
pub type EachRow<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), StorageError>;

/// Tables of bytes that survive the process. Keys are ordered byte by byte.
pub trait Storage: Send + Sync + 'static {
    /// Makes all `changes`, in their order, or none.
    ///
    /// # Errors
    /// [`StorageError::NotWritten`] or [`StorageError::Unknown`].
    fn write(&self, changes: &[Change], durability: Durability) -> Result<(), StorageError>;

    /// The value of `key`.
    ///
    /// # Errors
    /// [`StorageError::Unreadable`].
    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;

    /// Calls `each` with every key that begins with `prefix` and its value, in order, until it returns an error.
    ///
    /// # Errors
    /// [`StorageError::Unreadable`], or that of `each`.
    fn scan(&self, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError>;

    /// The operators that have a table of state, in order of their names.
    ///
    /// # Errors
    /// [`StorageError::Unreadable`].
    fn state_tables(&self) -> Result<Vec<Arc<str>>, StorageError>;

    /// Takes away the table of an operator's state with all that is in it; nothing to do when there is none.
    ///
    /// # Errors
    /// [`StorageError::NotWritten`] or [`StorageError::Unknown`].
    fn drop_state(&self, operator: &str) -> Result<(), StorageError>;
}
