//! The rows of stored state as a tool sees them, which does not know the types of keys and values.

use super::rows::{self, LAYOUT_KEY, Row, limit, skipped_of};
use super::segments::segment_of;
use super::{StateError, rows::Layout};
use crate::codec::{decode, stable_hash};
use crate::durable::{Storage, Table};
use crate::time::Time;

pub use super::segments::SEGMENTS;

/// How an operator's table is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateLayout {
    generation: u32,
    /// How many partitions its keys lie in.
    pub partitions: u32,
}

/// What a row of an operator's table is. K and S are the types of keys and values; all are in the format of
/// [`codec`](crate::codec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredRow {
    /// How the table is laid out.
    Layout,
    /// A batch that has no version.
    Skipped(Time),
    /// All of a segment as of some batch: `(Time, Vec<(K, S)>)`, ordered by the hash of the key.
    Base {
        /// Its partition.
        partition: u32,
        /// Its segment.
        segment: u8,
    },
    /// What a batch changed: `Vec<(K, Option<S>)>`, ordered by the hash of the key. It counts in the segments whose base is older.
    Delta {
        /// Its partition.
        partition: u32,
        /// The batch.
        batch: Time,
    },
    /// What was there before a batch: nothing, or `(Option<Time>, Vec<(K, Option<S>)>)`.
    Undo {
        /// Its partition.
        partition: u32,
        /// The batch.
        batch: Time,
    },
    /// What a batch made besides, in a type that is not recorded.
    ByProduct {
        /// Its partition.
        partition: u32,
        /// The batch.
        batch: Time,
    },
    /// What there is of a partition; the last of its rows.
    Listing {
        /// Its partition.
        partition: u32,
    },
}

/// What there is of a partition, as it was written with every change of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateListing {
    /// The segments that have a base.
    pub bases: Vec<u8>,
    /// How many batches have a delta, the oldest and the newest of them.
    pub deltas: Option<(u64, Time, Time)>,
    /// How many keys have state.
    pub keys: u64,
}

/// The layout of an operator's table; `None` when it has none yet.
///
/// # Errors
/// When it cannot be read, or is of another format.
pub fn layout(storage: &dyn Storage, table: &Table) -> Result<Option<StateLayout>, StateError> {
    let Some(bytes) = storage.get(table, &LAYOUT_KEY)? else { return Ok(None) };
    let Layout { generation, partitions, .. } = Layout::read(&bytes)?;
    Ok(Some(StateLayout { generation, partitions }))
}

impl StateLayout {
    /// What the row with this key is; `None` when it has no place in the layout.
    pub fn row(self, key: &[u8]) -> Option<StoredRow> {
        if key == LAYOUT_KEY {
            return Some(StoredRow::Layout);
        }
        if let Some(batch) = skipped_of(key) {
            return Some(StoredRow::Skipped(batch));
        }
        let (partition, row) = rows::row_of(self.generation, key)?;
        if partition >= self.partitions {
            return None;
        }
        Some(match row {
            Row::Base(segment) => StoredRow::Base { partition, segment },
            Row::Delta(batch) => StoredRow::Delta { partition, batch },
            Row::Undo(batch) => StoredRow::Undo { partition, batch },
            Row::ByProduct(batch) => StoredRow::ByProduct { partition, batch },
            Row::Listing => StoredRow::Listing { partition },
        })
    }
}

/// Reads the value of a [`StoredRow::Listing`].
///
/// # Errors
/// When it is not one.
pub fn listing(value: &[u8]) -> Result<StateListing, StateError> {
    let rows::Listing { bases, deltas, keys } = decode(value, limit(value))?;
    Ok(StateListing { bases, deltas, keys })
}

/// The hash that orders keys in rows, and the segment that a key lies in, by its encoded bytes.
pub fn place_of(key: &[u8]) -> (u64, u8) {
    let hash = stable_hash(key);
    // There are 256 segments.
    (hash, segment_of(hash) as u8)
}
