//! From what lies in a storage to where the application goes on: decided from facts, without any actor.

use super::journal::{EventRow, Position, deleted};
use super::{Change, Journal, Meta, Storage, StorageError, StreamTable, Table, keys};
use crate::block::{BlockInfo, Ledger};
use crate::codec;
use crate::error::in_full;
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// The longest row of the ledger that is read.
const LIMIT_BYTES: usize = u32::MAX as usize;

/// The setting that says whether the records of received blocks are logged.
pub const BLOCK_LOG_SETTING: &str = "receiver.block_log";

/// A storage that an application cannot go on from.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// It cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is in it cannot have been written by an application.
    #[error("the checkpoint contradicts itself: {reason}; restore the checkpoint directory from a copy")]
    Contradiction {
        /// How.
        reason: String,
    },
    /// Another application wrote it.
    #[error("the checkpoint belongs to the application {theirs:?}, not to {ours:?}: name another directory")]
    OtherApplication {
        /// The application that wrote it.
        theirs: String,
        /// The application that asked for it.
        ours: String,
    },
}

/// A block that belongs to a batch, or waits for one, and whose records are not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingBlock {
    /// The name of its stream.
    pub stream: String,
    /// Its position in the stream.
    pub sequence: u64,
    /// How many records it had.
    pub records: u64,
    /// The batch that it belongs to, when it belongs to one.
    pub batch: Option<Time>,
}

impl fmt::Display for MissingBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} of stream {:?} with {} records", self.sequence, self.stream, self.records)?;
        match self.batch {
            Some(batch) => write!(f, ", of batch {batch}"),
            None => f.write_str(", of no batch yet"),
        }
    }
}

/// Received records that are gone: what the application goes on without, when it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct LostBlocks {
    /// The blocks.
    pub blocks: Vec<MissingBlock>,
}

impl fmt::Display for LostBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let records = self.blocks.iter().fold(0_u64, |records, block| records.saturating_add(block.records));
        write!(
            f,
            "the records of {} received blocks ({records} in all) are not in the checkpoint: ",
            self.blocks.len()
        )?;
        for (at, block) in self.blocks.iter().take(SHOWN).enumerate() {
            write!(f, "{}{block}", if at == 0 { "" } else { "; " })?;
        }
        match self.blocks.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// A stream that the program no longer has, and what it leaves behind unprocessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbandonedStream {
    /// Its name.
    pub name: String,
    /// Its blocks that belong to no batch that is done.
    pub blocks: u64,
    /// Their records.
    pub records: u64,
}

/// Where an application goes on.
#[derive(Debug)]
pub struct Recovered {
    /// Which batch every received block belongs to, with the numbers of streams in the program. Only blocks whose records are
    /// there, of streams that are there.
    pub ledger: Ledger,
    /// The last batch that was committed.
    pub last_committed: Option<Time>,
    /// What the application wrote down about itself: zero time, interval, operators, settings.
    pub meta: Meta,
    /// What each replayable source read in each batch.
    pub offsets: BTreeMap<String, BTreeMap<Time, Vec<u8>>>,
    /// The sequence of the next block of each stream of the program that has had blocks.
    pub next_blocks: BTreeMap<StreamId, u64>,
    /// Up to where the source of each stream of the program has come with what is stored, for those that say.
    pub positions: BTreeMap<StreamId, Vec<u8>>,
    /// How many blocks were stored and never reported: nobody was told that they are safe, and they are deleted.
    pub orphans: usize,
    /// Blocks without their records.
    pub missing: Vec<MissingBlock>,
    /// Streams that are gone.
    pub abandoned: Vec<AbandonedStream>,
}

impl Recovered {
    /// Whether the application logged the records of received blocks. If not, those of blocks whose batches were not done are
    /// gone after every restart, and that was known.
    pub fn had_block_log(&self) -> bool {
        self.meta.settings.get(BLOCK_LOG_SETTING).is_none_or(|setting| setting != "false")
    }

    /// Whether all records are there.
    ///
    /// # Errors
    /// The blocks whose records are not.
    pub fn check_blocks(&self) -> Result<(), LostBlocks> {
        match self.missing.is_empty() {
            true => Ok(()),
            false => Err(LostBlocks { blocks: self.missing.clone() }),
        }
    }
}

/// A storage, ready for an application.
pub struct Opened {
    /// The storage.
    pub storage: Arc<dyn Storage>,
    /// Goes on writing the ledger: for [`KeeperLog::new`](super::KeeperLog::new). The [`Meta`] with its streams has to be stored
    /// before anything else is written.
    pub journal: Journal,
    /// Where to go on; `None` at the first start.
    pub recovered: Option<Recovered>,
}

/// Looks through `storage` for what `application`, whose input streams have these names, goes on from.
///
/// # Errors
/// When it cannot be read, contradicts itself, or is of another application. Nothing is written.
pub fn resume(
    storage: Arc<dyn Storage>,
    application: &str,
    streams: &[(String, StreamId)],
) -> Result<Opened, RecoveryError> {
    let (position, rows) = read_position(&*storage)?;
    let Some(meta) = Meta::load(&*storage)? else {
        if position != Position::default() || !storage.state_tables()?.is_empty() {
            return Err(contradiction("there is data, but no record of the application"));
        }
        let journal = Journal::new(position, StreamTable::new(BTreeMap::new(), streams), 0, Vec::new(), false);
        return Ok(Opened { storage, journal, recovered: None });
    };
    if meta.application != application {
        return Err(RecoveryError::OtherApplication { theirs: meta.application, ours: application.to_owned() });
    }
    let table = StreamTable::new(meta.streams.clone(), streams);
    let stored = stored_blocks(&*storage)?;
    let Facts { position, cleanup, changed, missing, abandoned, orphans } = sort_out(position, stored, &table);

    let inward = |stream| table.inward(stream);
    let next_blocks = position.next_blocks.iter().filter_map(|(stream, next)| Some((inward(*stream)?, *next)));
    let recovered = Recovered {
        ledger: position.ledger.clone().renamed(inward, |_| true),
        last_committed: position.last_done,
        offsets: read_offsets(&*storage)?,
        next_blocks: next_blocks.collect(),
        positions: read_positions(&*storage)?
            .into_iter()
            .filter_map(|(stream, at)| Some((inward(stream)?, at)))
            .collect(),
        meta,
        orphans,
        missing,
        abandoned,
    };
    let journal = Journal::new(position, table, rows, cleanup, changed);
    Ok(Opened { storage, journal, recovered: Some(recovered) })
}

fn contradiction(reason: impl Into<String>) -> RecoveryError {
    RecoveryError::Contradiction { reason: reason.into() }
}

/// The position that the ledger's rows lead to, and how many events there are.
pub(super) fn read_position(storage: &dyn Storage) -> Result<(Position, usize), RecoveryError> {
    let mut position = match storage.get(&Table::Ledger, keys::SNAPSHOT)? {
        None => Position::default(),
        Some(bytes) => {
            let read: Position = codec::decode(&bytes, LIMIT_BYTES)
                .map_err(|error| contradiction(format!("the ledger's snapshot: {}", in_full(&error))))?;
            Position { ledger: read.ledger.renamed(Some, |_| true), ..read }
        }
    };
    let (first, mut rows) = (position.next, Vec::new());
    let mut wrong = None;
    storage.scan(&Table::Ledger, keys::EVENTS, &mut |key, value| {
        let row = codec::decode::<EventRow>(value, LIMIT_BYTES);
        match (keys::position_of_event(key), row) {
            (Some(position), Ok(row)) if position >= first => rows.push((position, row)),
            (Some(position), Ok(_)) => {
                wrong.get_or_insert(format!("event {position} lies before the snapshot at {first}"));
            }
            (_, Err(error)) => {
                wrong.get_or_insert(format!("the event at {key:?}: {}", in_full(&error)));
            }
            (None, _) => {
                wrong.get_or_insert(format!("{key:?} is not the key of an event"));
            }
        }
        Ok(())
    })?;
    if let Some(wrong) = wrong {
        return Err(contradiction(wrong));
    }
    let mut numbers: Vec<u64> = rows.iter().map(|(_, row)| row.number).collect();
    numbers.sort_unstable();
    if let Some((expected, found)) = (position.written..).zip(numbers).find(|(expected, found)| expected != found) {
        return Err(contradiction(format!("the ledger lacks a row: number {expected} is missing, {found} is there")));
    }
    for (at, row) in &rows {
        let refused = |error| contradiction(format!("the ledger refuses its event {at}: {error}"));
        position.apply(&row.event).map_err(refused)?;
        position.next = at.saturating_add(1);
    }
    Ok((position, rows.len()))
}

/// Up to where the sources of streams have come, by the stored numbers of streams.
pub(super) fn read_positions(storage: &dyn Storage) -> Result<BTreeMap<StreamId, Vec<u8>>, RecoveryError> {
    let (mut positions, mut wrong) = (BTreeMap::new(), None);
    storage.scan(&Table::Ledger, keys::POSITIONS, &mut |key, value| {
        match keys::stream_of_position(key) {
            Some(stream) => drop(positions.insert(stream, value.to_vec())),
            None => wrong = Some(format!("{key:?} is not the key of a position")),
        }
        Ok(())
    })?;
    wrong.map_or(Ok(positions), |wrong| Err(contradiction(wrong)))
}

/// The blocks whose records are stored, by the index.
pub(super) fn stored_blocks(storage: &dyn Storage) -> Result<BTreeSet<BlockId>, RecoveryError> {
    let (mut blocks, mut wrong) = (BTreeSet::new(), None);
    storage.scan(&Table::Blocks, keys::BLOCK_INDEX, &mut |key, _| {
        match keys::block_of_index(key) {
            Some(block) => drop(blocks.insert(block)),
            None => wrong = Some(format!("{key:?} is not the key of a block")),
        }
        Ok(())
    })?;
    wrong.map_or(Ok(blocks), |wrong| Err(contradiction(wrong)))
}

pub(super) fn read_offsets(storage: &dyn Storage) -> Result<BTreeMap<String, BTreeMap<Time, Vec<u8>>>, RecoveryError> {
    let (mut offsets, mut wrong) = (BTreeMap::<String, BTreeMap<_, _>>::new(), None);
    storage.scan(&Table::Offsets, &[], &mut |key, value| {
        match keys::source_and_batch(key) {
            Some((source, batch)) => {
                offsets.entry(source.to_owned()).or_default().insert(batch, value.to_vec());
            }
            None => wrong = Some(format!("{key:?} is not the key of an offset")),
        }
        Ok(())
    })?;
    wrong.map_or(Ok(offsets), |wrong| Err(contradiction(wrong)))
}

/// The position without what cannot be gone on with, and what that is.
struct Facts {
    position: Position,
    cleanup: Vec<Change>,
    changed: bool,
    missing: Vec<MissingBlock>,
    abandoned: Vec<AbandonedStream>,
    orphans: usize,
}

fn sort_out(position: Position, stored: BTreeSet<BlockId>, streams: &StreamTable) -> Facts {
    let mut position = position;
    let (mut missing, mut abandoned) = (Vec::new(), BTreeMap::<StreamId, AbandonedStream>::new());
    let (mut dropped, ledger) = (Vec::new(), &position.ledger);
    let is_abandoned = |info: &BlockInfo, batch: Option<Time>| {
        streams.inward(info.id.stream).is_none() && batch.is_none_or(|batch| ledger.is_pending(batch))
    };
    let in_batches =
        ledger.batches().flat_map(|allocation| allocation.all_blocks().map(|info| (info, Some(allocation.batch))));
    for (info, batch) in ledger.unallocated_blocks().map(|info| (info, None)).chain(in_batches) {
        let name = || {
            let stream = info.id.stream;
            streams.name(stream).map_or_else(|| stream.to_string(), str::to_owned)
        };
        if is_abandoned(info, batch) {
            let stream = abandoned.entry(info.id.stream).or_insert_with(|| AbandonedStream {
                name: name(),
                blocks: 0,
                records: 0,
            });
            (stream.blocks, stream.records) = (stream.blocks + 1, stream.records.saturating_add(info.records));
        }
        match (streams.inward(info.id.stream), stored.contains(&info.id)) {
            (Some(_), true) => {}
            (Some(_), false) => {
                let block = MissingBlock { stream: name(), sequence: info.id.sequence, records: info.records, batch };
                missing.push(block);
                dropped.push(info.id);
            }
            (None, _) => dropped.push(info.id),
        }
    }
    let known: BTreeSet<BlockId> = ledger.all_blocks().map(|info| info.id).collect();
    let dropped: BTreeSet<BlockId> = dropped.into_iter().collect();
    let useless = |block: &&BlockId| !known.contains(block) || dropped.contains(block);
    let cleanup = stored.iter().filter(useless).flat_map(|block| deleted(*block)).collect();
    let orphans = stored.difference(&known).count();
    // Their names are not given again before their data is deleted.
    stored.iter().for_each(|block| position.saw(*block));
    let changed = !dropped.is_empty();
    position.ledger = position.ledger.renamed(Some, |info| !dropped.contains(&info.id));
    Facts { position, cleanup, changed, missing, abandoned: abandoned.into_values().collect(), orphans }
}
