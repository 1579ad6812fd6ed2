//! `waterwheel inspect`: what a directory holds.

use crate::looking::{bytes_of, looking};
use crate::{counted, date, hex};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use waterwheel_runtime::durable::{Look, Meta, StorageError, Table};
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::state::look::{StoredRow, layout, listing};
use waterwheel_runtime::time::Time;

/// What a directory holds. Times are in milliseconds since 1970, as in logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The name of the application.
    pub application: String,
    /// The number of the format.
    pub format: u32,
    /// Who has it open, or had it open last.
    pub last_opened_by: String,
    /// Bytes of all files.
    pub bytes: u64,
    /// Batches are at `zero` + n x `interval`.
    pub zero: Option<i64>,
    /// The batch interval in milliseconds.
    pub interval: Option<u64>,
    /// The last batch that is committed.
    pub last_committed: Option<i64>,
    /// Batches that were begun and are not committed, oldest first: a restart runs them again.
    pub pending: Vec<PendingBatch>,
    /// Blocks that belong to no batch yet.
    pub unallocated: Vec<StreamBlocks>,
    /// What replayable sources read last.
    pub sources: Vec<SourceRange>,
    /// Up to where the sources of receivers have come with what is stored, for those that say.
    pub positions: Vec<StreamPosition>,
    /// The operators of the program.
    pub operators: Vec<Operator>,
    /// State of operators that the program no longer has.
    pub left_behind: Vec<String>,
}

/// A batch that is not committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingBatch {
    /// Its time.
    pub batch: i64,
    /// Its blocks.
    pub blocks: usize,
    /// Their records.
    pub records: u64,
    /// The bytes of their records in memory.
    pub bytes: u64,
}

/// Blocks of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamBlocks {
    /// The stream.
    pub stream: String,
    /// How many.
    pub blocks: usize,
    /// Their records.
    pub records: u64,
}

/// What a source read in a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceRange {
    /// The source.
    pub source: String,
    /// The batch.
    pub batch: i64,
    /// The range in the source's own encoding, in hexadecimal.
    pub range: String,
}

/// Up to where the source of a stream has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamPosition {
    /// The stream.
    pub stream: String,
    /// The position in the receiver's own encoding, in hexadecimal.
    pub position: String,
}

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Its state, when it has some.
    pub state: Option<StateSize>,
}

/// What an operator keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateSize {
    /// The type of its keys.
    pub key_type: String,
    /// The type of its values.
    pub value_type: String,
    /// What keys consist of, where it is known.
    pub key_shape: Option<String>,
    /// What values consist of, where it is known.
    pub value_shape: Option<String>,
    /// How many partitions it lies in.
    pub partitions: u32,
    /// Keys that have state.
    pub keys: u64,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its rows, before compression.
    pub bytes: u64,
}

/// Looks into `directory`.
///
/// # Errors
/// When it is not a checkpoint directory, has a newer format, or what is looked at is damaged.
pub fn inspect(directory: &Path) -> Result<Inspection> {
    looking(directory, |look| inspected(look, directory), Result::is_err)
}

fn inspected(look: &Look, directory: &Path) -> Result<Inspection> {
    let (meta, ledger) = (look.meta()?, look.ledger()?);
    let names: BTreeMap<StreamId, &str> = meta
        .iter()
        .flat_map(|meta| meta.streams.iter().map(|(name, number)| (StreamId(*number), name.as_str())))
        .collect();
    let mut unallocated: BTreeMap<StreamId, (usize, u64)> = BTreeMap::new();
    for block in ledger.ledger.unallocated_blocks() {
        let (blocks, records) = unallocated.entry(block.id.stream).or_default();
        (*blocks, *records) = (*blocks + 1, records.saturating_add(block.records));
    }
    let name = |stream: StreamId| names.get(&stream).map_or_else(|| stream.to_string(), |name| (*name).to_owned());
    let unallocated = unallocated.into_iter().map(|(stream, (blocks, records))| StreamBlocks {
        stream: name(stream),
        blocks,
        records,
    });
    let positions = look.positions()?.into_iter();
    let positions =
        positions.map(|(stream, position)| StreamPosition { stream: name(stream), position: hex(&position) }).collect();
    let pending = ledger.ledger.pending_batches().map(|batch| PendingBatch {
        batch: batch.batch.millis(),
        blocks: batch.all_blocks().count(),
        records: batch.records(),
        bytes: batch.bytes(),
    });
    let sources = look.offsets()?.into_iter().filter_map(|(source, mut ranges)| {
        let (batch, range) = ranges.pop_last()?;
        Some(SourceRange { source, batch: batch.millis(), range: hex(&range) })
    });
    let is_known = |operator: &str| meta.iter().flat_map(|meta| &meta.operators).any(|record| record.name == operator);
    let left_behind = look.storage().state_tables()?.into_iter().filter(|operator| !is_known(operator));
    Ok(Inspection {
        application: look.application().to_owned(),
        format: look.format(),
        last_opened_by: look.last_holder(),
        bytes: bytes_of(directory),
        zero: meta.as_ref().map(|meta| meta.zero.millis()),
        interval: meta.as_ref().map(|meta| u64::try_from(meta.interval.as_millis()).unwrap_or(u64::MAX)),
        last_committed: ledger.last_committed.map(|batch| batch.millis()),
        pending: pending.collect(),
        unallocated: unallocated.collect(),
        sources: sources.collect(),
        positions,
        left_behind: left_behind.map(|operator| operator.to_string()).collect(),
        operators: meta.map_or_else(|| Ok(Vec::new()), |meta| operators(look, meta))?,
    })
}

fn operators(look: &Look, meta: Meta) -> Result<Vec<Operator>> {
    let mut operators = Vec::new();
    for record in meta.operators {
        let state = match record.state {
            None => None,
            Some(schema) => {
                let (partitions, keys, rows, bytes) = size(look, &record.name)?;
                Some(StateSize {
                    key_shape: schema.key.shape.map(|shape| shape.to_string()),
                    value_shape: schema.value.shape.map(|shape| shape.to_string()),
                    key_type: schema.key.type_name,
                    value_type: schema.value.type_name,
                    partitions,
                    keys,
                    rows,
                    bytes,
                })
            }
        };
        operators.push(Operator { name: record.name, kind: record.kind, state });
    }
    Ok(operators)
}

/// Partitions, keys, rows and bytes of an operator's table.
fn size(look: &Look, operator: &str) -> Result<(u32, u64, u64, u64)> {
    let table = Table::state(operator);
    let Some(layout) = layout(look.storage(), &table)? else { return Ok((0, 0, 0, 0)) };
    let (mut keys, mut rows, mut bytes) = (0_u64, 0, 0);
    look.storage().scan(&table, &[], &mut |key, value| {
        (rows, bytes) = (rows + 1, bytes + key.len() as u64 + value.len() as u64);
        if let Some(StoredRow::Listing { .. }) = layout.row(key) {
            let listing = listing(value)
                .map_err(|error| StorageError::Unreadable { what: table.to_string(), reason: error.to_string() })?;
            keys = keys.saturating_add(listing.keys);
        }
        Ok(())
    })?;
    Ok((layout.partitions, keys, rows, bytes))
}

/// Rows of cells, each column as wide as its widest cell.
fn table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(f, "  {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn line(cells: &[&dyn ToString]) -> Vec<String> {
    cells.iter().map(|cell| cell.to_string()).collect()
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Option<i64>| time.map_or("none".to_owned(), |millis| date(Time::from_millis(millis)));
        let interval =
            self.interval.map(|millis| humantime::format_duration(Duration::from_millis(millis)).to_string());
        writeln!(f, "application     {}", self.application)?;
        writeln!(f, "format          {}", self.format)?;
        writeln!(f, "last opened by  {}", self.last_opened_by)?;
        writeln!(f, "size            {}", counted(self.bytes, "byte"))?;
        writeln!(f, "zero time       {}", time(self.zero))?;
        writeln!(f, "batch interval  {}", interval.as_deref().unwrap_or("none"))?;
        writeln!(f, "last committed  {}", time(self.last_committed))?;

        writeln!(f, "\npending batches: {}", self.pending.len())?;
        let mut rows = Vec::new();
        for PendingBatch { batch, blocks, records, bytes } in &self.pending {
            let batch = date(Time::from_millis(*batch));
            rows.push(line(&[
                &batch,
                &counted(*blocks as u64, "block"),
                &counted(*records, "record"),
                &counted(*bytes, "byte"),
            ]));
        }
        table(f, &rows)?;

        writeln!(
            f,
            "\nblocks of no batch yet: {}",
            self.unallocated.iter().map(|stream| stream.blocks).sum::<usize>()
        )?;
        let streams = self.unallocated.iter();
        let rows: Vec<_> = streams
            .map(|of| line(&[&of.stream, &counted(of.blocks as u64, "block"), &counted(of.records, "record")]))
            .collect();
        table(f, &rows)?;

        if !self.sources.is_empty() {
            writeln!(f, "\nreplayable sources, and what they read last")?;
            let rows = self.sources.iter().map(|source| {
                line(&[&source.source, &date(Time::from_millis(source.batch)), &format!("range 0x{}", source.range)])
            });
            table(f, &rows.collect::<Vec<_>>())?;
        }

        if !self.positions.is_empty() {
            writeln!(f, "\nreceivers, and up to where their sources are stored")?;
            let rows = self.positions.iter().map(|of| line(&[&of.stream, &format!("position 0x{}", of.position)]));
            table(f, &rows.collect::<Vec<_>>())?;
        }

        writeln!(f, "\noperators")?;
        let mut rows = vec![line(&[&"name", &"kind", &"keys", &"bytes", &"partitions", &"state"])];
        for Operator { name, kind, state } in &self.operators {
            rows.push(match state {
                None => line(&[name, kind]),
                Some(state) => {
                    let types = format!("{} => {}", state.key_type, state.value_type);
                    line(&[name, kind, &state.keys, &state.bytes, &state.partitions, &types])
                }
            });
        }
        table(f, &rows)?;
        for operator in &self.left_behind {
            writeln!(f, "\nstate of an operator that the program no longer has: {operator}")?;
        }
        Ok(())
    }
}
