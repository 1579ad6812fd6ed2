//! A stateful operator as the runtime sees it: something whose changes go into a batch's commit.

use super::schema::{TypeDifference, TypeSchema, compare};
use crate::batch::Forgotten;
use crate::codec::CodecError;
use crate::durable::{Change, Storage, StorageError, Table};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an operator's stored state is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSchema {
    /// The operator, as in its site: `update_state_by_key`.
    pub kind: String,
    /// The keys.
    pub key: TypeSchema,
    /// What is kept for each key.
    pub value: TypeSchema,
}

impl StateSchema {
    /// Whether state that was stored with this schema can be read with that of `current`.
    ///
    /// # Errors
    /// What is different.
    pub fn check(&self, current: &StateSchema) -> Result<(), TypeDifference> {
        if self.kind != current.kind {
            let change = format!("{} became {}", self.kind, current.kind);
            return Err(TypeDifference { place: String::new(), change });
        }
        let inside = |of: &str, difference: TypeDifference| TypeDifference {
            place: format!("{of}: {}", difference.place),
            ..difference
        };
        compare(&self.key, &current.key).map_err(|difference| inside("keys", difference))?;
        compare(&self.value, &current.value).map_err(|difference| inside("values", difference))
    }
}

/// How much state there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateStats {
    /// Keys that have state.
    pub keys: u64,
}

/// One change of an operator's own table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// `key` has `value` from now on.
    Put {
        /// Under which key.
        key: Vec<u8>,
        /// What.
        value: Vec<u8>,
    },
    /// `key` has no value any more.
    Delete {
        /// Which.
        key: Vec<u8>,
    },
    /// No key from `from` up to, but not including, `to` has a value any more.
    DeleteRange {
        /// The first.
        from: Vec<u8>,
        /// The first that is kept.
        to: Vec<u8>,
    },
}

impl StateChange {
    /// What it writes, key and value. What it deletes is not counted.
    pub fn written_bytes(&self) -> u64 {
        match self {
            StateChange::Put { key, value } => (key.len() + value.len()) as u64,
            StateChange::Delete { .. } | StateChange::DeleteRange { .. } => 0,
        }
    }

    /// The change, in the table of `operator`.
    pub fn of_table(self, table: Table) -> Change {
        match self {
            StateChange::Put { key, value } => Change::Put { table, key, value },
            StateChange::Delete { key } => Change::Delete { table, key },
            StateChange::DeleteRange { from, to } => Change::DeleteRange { table, from, to },
        }
    }
}

/// State that cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Bytes that are not of the operator's types.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// What is stored contradicts itself.
    #[error("the stored state contradicts itself: {reason}")]
    Damaged {
        /// How.
        reason: String,
    },
}

/// What the storage holds of one operator.
pub struct StoredState<'a> {
    /// Where.
    pub storage: &'a dyn Storage,
    /// The operator's table.
    pub table: Table,
    /// The last batch that is committed: nothing stored is newer.
    pub committed: Time,
}

/// A stateful operator. Its state has a version per batch: version t is what batch t made of the version before.
///
/// The runtime calls, in this order: [`load`](StateOperator::load) once, when there is something stored; then for every batch
/// that is done, in order of time, [`changes`](StateOperator::changes) and, once they are durable,
/// [`committed`](StateOperator::committed). All are quick: what takes time (encoding) is done by the tasks that make a version.
pub trait StateOperator: Send + Sync {
    /// What its stored state is.
    fn schema(&self) -> StateSchema;

    /// Takes the stored state as the version of `stored.committed`. Its partitions may be others than those that stored it.
    ///
    /// # Errors
    /// When it cannot be read; nothing is loaded then.
    fn load(&self, stored: &StoredState<'_>) -> Result<(), StateError>;

    /// How the operator's table changes when `batch` is committed. Versions after `cutoff` may still be read by later batches,
    /// also by those after a restart.
    fn changes(&self, batch: Time, cutoff: Time) -> Vec<StateChange>;

    /// `batch` is done (and durable, if anything is): it will not be taken back. Versions up to `cutoff` are read no more.
    fn committed(&self, batch: Time, cutoff: Time) -> Forgotten;

    /// Whatever `batch` did to the state is taken back, with versions after it that were made of it: the batch is given up, and
    /// what comes after it is made as if it had changed nothing.
    fn take_back(&self, batch: Time);

    /// How much there is.
    fn stats(&self) -> StateStats;
}
