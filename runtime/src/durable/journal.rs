//! What each record of the ledger writes: pure, without the actor that writes it.
//!
//! Every event is a row under its position, which it gets when it is appended. Commits that are to wait for a later one are held
//! back; what is appended meanwhile is written at once, under later positions, and holds without them: a crash leaves a ledger in
//! which those batches are still to be done. Each row also has a number in the order of writing, so that a row which is missing
//! is told from one that was never written.
//!
//! Up to where the source of a stream has come is no event but a row, which is written over: it goes with the event of its block in
//! one write, only the last one counts, and it may be larger than many events.
//!
//! The journal keeps a mirror of what is durable. When the events have become many it is written as a snapshot, and they are
//! deleted, in the same write as the next record.

use super::keys;
use super::streams::StreamTable;
use super::{Change, Table};
use crate::block::{Ledger, LedgerEvent, LogRecord, When};
use crate::codec::{self, CodecError};
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Events are kept until they are so many; then a snapshot takes their place.
const LEAST_EVENTS: usize = 1_000;
/// Commits that are held back take at most so many bytes; then they are written all the same.
const HELD_BYTES: usize = 64 << 20;

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EventRow {
    /// How many events were written before it.
    pub(super) number: u64,
    pub(super) event: LedgerEvent,
}

/// What is durable: the ledger, and what it has forgotten but its successors must not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The ledger, with the stored numbers of streams.
    pub(super) ledger: Ledger,
    /// The position of the next event.
    pub(super) next: u64,
    /// How many events were written.
    pub(super) written: u64,
    /// The last batch that was committed.
    pub(super) last_done: Option<Time>,
    /// The sequence of the next block of each stream.
    pub(super) next_blocks: BTreeMap<StreamId, u64>,
}

impl Position {
    /// Takes an event as fact.
    pub(super) fn apply(&mut self, event: &LedgerEvent) -> Result<(), crate::block::LedgerError> {
        self.ledger.apply(event)?;
        self.written += 1;
        match event {
            LedgerEvent::BlockAdded { block } => self.saw(block.id),
            LedgerEvent::BatchDone { batch } => self.last_done = self.last_done.max(Some(*batch)),
            LedgerEvent::BatchAllocated(_) | LedgerEvent::BatchesForgotten(_) => {}
        }
        Ok(())
    }

    /// A block of this name exists: later ones have later numbers.
    pub(super) fn saw(&mut self, block: BlockId) {
        let next = self.next_blocks.entry(block.stream).or_default();
        *next = (*next).max(block.sequence.saturating_add(1));
    }
}

/// A record that cannot be written.
#[derive(Debug, Error)]
pub(super) enum JournalError {
    #[error("{stream} is not one of the streams that the storage was opened with")]
    UnknownStream { stream: StreamId },
    #[error("an event cannot be encoded")]
    Codec(#[from] CodecError),
}

/// The events, changes and freed blocks that go into one write.
#[derive(Debug, Default)]
struct Held {
    events: Vec<(u64, LedgerEvent)>,
    changes: Vec<Change>,
    bytes: usize,
}

/// A write, and what becomes of the journal when it is done.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) changes: Vec<Change>,
    events: Vec<LedgerEvent>,
    /// How many of the changes come before those that were held back.
    before_held: usize,
    held_events: Vec<(u64, LedgerEvent)>,
    held_changes: usize,
    held_bytes: usize,
    /// The position after it.
    next: u64,
    replaces: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Journal {
    durable: Position,
    streams: StreamTable,
    next: u64,
    held: Held,
    /// Rows of events in the storage.
    rows: usize,
    /// Goes with the first write: data that belongs to nothing.
    cleanup: Vec<Change>,
    /// The next write begins with a snapshot, whatever the number of rows.
    snapshot_due: bool,
    least_events: usize,
}

impl Journal {
    /// Goes on from `durable`, of which `rows` events lie in the storage. `cleanup` goes with the first write; with
    /// `snapshot_due` what lies in the storage is replaced by `durable` then.
    pub(super) fn new(
        durable: Position,
        streams: StreamTable,
        rows: usize,
        cleanup: Vec<Change>,
        snapshot_due: bool,
    ) -> Journal {
        let next = durable.next;
        Journal {
            durable,
            streams,
            next,
            held: Held::default(),
            rows,
            cleanup,
            snapshot_due,
            least_events: LEAST_EVENTS,
        }
    }

    /// The same journal, with snapshots after so many events.
    #[cfg(test)]
    pub(super) fn with_least_events(self, least_events: usize) -> Journal {
        Journal { least_events, ..self }
    }

    /// The names of the streams.
    pub fn streams(&self) -> &StreamTable {
        &self.streams
    }

    /// What `record` writes; `None` when it is held back, or there is nothing to write.
    pub(super) fn plan(&mut self, record: LogRecord) -> Result<Option<Planned>, JournalError> {
        let LogRecord { events, changes, freed, reached, when } = record;
        let unknown = |stream| JournalError::UnknownStream { stream };
        let stored = events.iter().map(|event| self.streams.event_outward(event).map_err(unknown));
        let stored: Vec<LedgerEvent> = stored.collect::<Result<_, _>>()?;
        let mut changes = changes;
        for block in freed {
            let block = self.streams.block_outward(block).ok_or(unknown(block.stream))?;
            changes.extend(deleted(block));
        }
        for (stream, position) in reached {
            let stream = self.streams.outward(stream).ok_or(unknown(stream))?;
            let (key, value) = (keys::position(stream), position.to_vec());
            changes.push(Change::Put { table: Table::Ledger, key, value });
        }
        let first = self.next;
        let numbered = (first..).zip(stored.iter().cloned());
        let next = first + stored.len() as u64;
        let bytes: usize = changes.iter().map(size_of).sum();

        let waits = when == When::WithNextCommit && stored.iter().all(is_end_of_batch);
        if waits && self.held.bytes.saturating_add(bytes) <= HELD_BYTES {
            self.held.events.extend(numbered);
            self.held.changes.append(&mut changes);
            self.held.bytes += bytes;
            self.next = next;
            return Ok(None);
        }
        let flush = stored.is_empty() && changes.is_empty();
        let is_commit = waits || flush || stored.iter().any(|event| matches!(event, LedgerEvent::BatchDone { .. }));

        let mut all = self.prelude()?;
        let before_held = all.len();
        // Encoded before anything is taken: after an error the journal is as it was.
        let held_events: &[_] = if is_commit { &self.held.events } else { &[] };
        let (mut rows, mut events) = (Vec::new(), Vec::new());
        for (position, event) in held_events.iter().cloned().chain((first..).zip(stored)) {
            let row = EventRow { number: self.durable.written + events.len() as u64, event };
            rows.push(Change::Put { table: Table::Ledger, key: keys::event(position), value: codec::encode(&row)? });
            events.push(row.event);
        }
        let held = if is_commit { std::mem::take(&mut self.held) } else { Held::default() };
        let (held_changes, held_bytes) = (held.changes.len(), held.bytes);
        all.extend(held.changes);
        all.append(&mut changes);
        all.append(&mut rows);
        if all.is_empty() {
            return Ok(None);
        }
        let planned = Planned {
            changes: all,
            events,
            before_held,
            held_events: held.events,
            held_changes,
            held_bytes,
            next,
            replaces: before_held > 0,
        };
        Ok(Some(planned))
    }

    /// What goes before everything else: the clean-up, and a snapshot when it is time.
    fn prelude(&self) -> Result<Vec<Change>, JournalError> {
        let mut changes = self.cleanup.clone();
        let many = self.rows > self.least_events.max(2 * self.durable.ledger.blocks());
        // What is held back has earlier positions than rows that are durable.
        if (many || self.snapshot_due) && self.held.events.is_empty() {
            let position = Position { next: self.next, ..self.durable.clone() };
            changes.extend(snapshot(&position)?);
        }
        Ok(changes)
    }

    /// The write is durable.
    pub(super) fn confirm(&mut self, planned: Planned) -> Result<(), crate::block::LedgerError> {
        if planned.replaces {
            if self.has_snapshot(&planned) {
                (self.rows, self.snapshot_due) = (0, false);
            }
            self.cleanup.clear();
        }
        self.next = planned.next;
        self.durable.next = planned.next;
        self.rows += planned.events.len();
        planned.events.iter().try_for_each(|event| self.durable.apply(event))
    }

    fn has_snapshot(&self, planned: &Planned) -> bool {
        planned.before_held > self.cleanup.len()
    }

    /// The write, whose changes came back, is certainly not there: what was held back is held back again.
    pub(super) fn abandon(&mut self, planned: Planned, mut changes: Vec<Change>) {
        let end = planned.before_held + planned.held_changes;
        changes.truncate(end);
        let changes = changes.split_off(planned.before_held.min(changes.len()));
        if !planned.held_events.is_empty() || !changes.is_empty() {
            self.held = Held { events: planned.held_events, changes, bytes: planned.held_bytes };
        }
    }
}

/// The rows that put `position` in the place of all events before it.
pub(super) fn snapshot(position: &Position) -> Result<[Change; 2], CodecError> {
    let table = Table::Ledger;
    Ok([
        Change::Put { table: table.clone(), key: keys::SNAPSHOT.to_vec(), value: codec::encode(position)? },
        Change::DeleteRange { table, from: keys::event(0), to: keys::event(position.next) },
    ])
}

/// The deletion of a block's data.
pub(super) fn deleted(block: BlockId) -> [Change; 2] {
    [keys::block_index(block), keys::block_data(block)].map(|key| Change::Delete { table: Table::Blocks, key })
}

fn is_end_of_batch(event: &LedgerEvent) -> bool {
    matches!(event, LedgerEvent::BatchDone { .. } | LedgerEvent::BatchesForgotten(_))
}

/// About what a change takes.
pub(super) fn size_of(change: &Change) -> usize {
    match change {
        Change::Put { key, value, .. } => key.len() + value.len(),
        Change::Delete { key, .. } => key.len(),
        Change::DeleteRange { from, to, .. } => from.len() + to.len(),
    }
}

#[cfg(test)]
mod tests;
