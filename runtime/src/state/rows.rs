//! The keys of the rows in an operator's table, and the two rows that are not entries: the layout and the lists of rows.
//!
//! `[0]` is the layout; `[2, batch]` says that a batch has no version. `[1, generation, partition, kind, ...]` are the rows of a partition, by kind: one base per segment, then
//! deltas, undos and by-products by batch, and the list of what there is. Numbers are big-endian, so that rows lie in order.

use super::{StateChange, StateError};
use crate::codec::{decode, encode};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The format that this build writes, and the only one it reads.
const FORMAT: u16 = 1;

/// The partition and the row of it that a key of `generation` is for; `None` when it is for none.
pub(super) fn row_of(generation: u32, key: &[u8]) -> Option<(u32, Row)> {
    let (partition, _) = key.strip_prefix(generation_prefix(generation).as_slice())?.split_first_chunk::<4>()?;
    let place = Place { generation, partition: u32::from_be_bytes(*partition) };
    Some((place.partition, place.row(key)?))
}

/// The most elements that a sequence of elements without bytes may have: rows are otherwise bounded by their length.
const MOST_EMPTY: usize = 1 << 24;

const BASE: u8 = 0;
const DELTA: u8 = 1;
const UNDO: u8 = 2;
const BY_PRODUCT: u8 = 3;
const LISTING: u8 = 4;

/// Where the rows of a partition are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) partition: u32,
}

/// What a row of a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Base(u8),
    Delta(Time),
    Undo(Time),
    ByProduct(Time),
    Listing,
}

impl Place {
    /// What the keys of all its rows begin with.
    pub(super) fn prefix(self) -> Vec<u8> {
        let mut key = generation_prefix(self.generation);
        key.extend(self.partition.to_be_bytes());
        key
    }

    pub(super) fn key(self, row: Row) -> Vec<u8> {
        let mut key = self.prefix();
        match row {
            Row::Base(segment) => key.extend([BASE, segment]),
            Row::Delta(batch) => timed(&mut key, DELTA, batch),
            Row::Undo(batch) => timed(&mut key, UNDO, batch),
            Row::ByProduct(batch) => timed(&mut key, BY_PRODUCT, batch),
            Row::Listing => key.push(LISTING),
        }
        key
    }

    pub(super) fn put(self, row: Row, value: Vec<u8>) -> StateChange {
        StateChange::Put { key: self.key(row), value }
    }

    pub(super) fn delete(self, row: Row) -> StateChange {
        StateChange::Delete { key: self.key(row) }
    }

    /// Which row of the partition has this key; `None` when none can.
    pub(super) fn row(self, key: &[u8]) -> Option<Row> {
        let (kind, rest) = key.strip_prefix(self.prefix().as_slice())?.split_first()?;
        match (kind, rest) {
            (&BASE, [segment]) => Some(Row::Base(*segment)),
            (&DELTA, rest) => time_of(rest).map(Row::Delta),
            (&UNDO, rest) => time_of(rest).map(Row::Undo),
            (&BY_PRODUCT, rest) => time_of(rest).map(Row::ByProduct),
            (&LISTING, []) => Some(Row::Listing),
            _ => None,
        }
    }
}

fn timed(key: &mut Vec<u8>, kind: u8, batch: Time) {
    key.push(kind);
    // With the sign turned, times before the epoch lie before those after it.
    key.extend((batch.millis() ^ i64::MIN).to_be_bytes());
}

fn time_of(bytes: &[u8]) -> Option<Time> {
    let bytes: [u8; 8] = bytes.try_into().ok()?;
    Some(Time::from_millis(i64::from_be_bytes(bytes) ^ i64::MIN))
}

fn generation_prefix(generation: u32) -> Vec<u8> {
    let mut key = vec![1];
    key.extend(generation.to_be_bytes());
    key
}

/// The keys of the batches that have no version begin with this.
pub(super) const SKIPPED: [u8; 1] = [2];

/// The key that says that `batch` has no version.
pub(super) fn skipped_key(batch: Time) -> Vec<u8> {
    let mut key = Vec::new();
    timed(&mut key, SKIPPED[0], batch);
    key
}

/// The batch that `key` says has no version.
pub(super) fn skipped_of(key: &[u8]) -> Option<Time> {
    time_of(key.strip_prefix(&SKIPPED)?)
}

/// Under which key the layout is.
pub(super) const LAYOUT_KEY: [u8; 1] = [0];

/// How the operator's table is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layout {
    format: u16,
    /// The only one that has rows.
    pub(super) generation: u32,
    pub(super) partitions: u32,
}

impl Layout {
    pub(super) fn new(generation: u32, partitions: u32) -> Layout {
        Layout { format: FORMAT, generation, partitions }
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Layout, StateError> {
        let layout: Layout = decode(bytes, bytes.len())?;
        match layout {
            Layout { format: FORMAT, partitions: 1.., .. } => Ok(layout),
            Layout { format: FORMAT, .. } => Err(damaged("its layout has no partitions")),
            Layout { format, .. } => {
                Err(damaged(format!("its format is {format}, this build reads only format {FORMAT}")))
            }
        }
    }

    /// The changes that make this the layout, in place of that of `old`.
    pub(super) fn install(self, old: Option<u32>) -> Vec<StateChange> {
        // Three small numbers always encode.
        let value = encode(&self).unwrap_or_default();
        let gone = old.map(|old| StateChange::DeleteRange {
            from: generation_prefix(old),
            to: generation_prefix(old.saturating_add(1)),
        });
        let layout = StateChange::Put { key: LAYOUT_KEY.to_vec(), value };
        gone.into_iter().chain([layout]).collect()
    }
}

/// What there is of a partition, written with every change of it: a lost row is found by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// The segments that have a base.
    pub(super) bases: Vec<u8>,
    /// How many batches have a delta, the oldest and the newest of them.
    pub(super) deltas: Option<(u64, Time, Time)>,
    /// How many keys have state.
    pub(super) keys: u64,
}

impl Listing {
    /// What is listed of deltas, given oldest first.
    pub(super) fn of_deltas<'a>(
        mut deltas: impl DoubleEndedIterator<Item = &'a Time> + ExactSizeIterator,
    ) -> Option<(u64, Time, Time)> {
        let count = deltas.len() as u64;
        let first = *deltas.next()?;
        Some((count, first, deltas.next_back().copied().unwrap_or(first)))
    }
}

/// How much decoding a row may make of it.
pub(super) fn limit(bytes: &[u8]) -> usize {
    bytes.len().max(MOST_EMPTY)
}

pub(super) fn damaged(reason: impl Into<String>) -> StateError {
    StateError::Damaged { reason: reason.into() }
}
