//! The state of one operator, put together from its rows as a restart would: the bases, and the deltas behind them.

use crate::value::{Decoder, Undecodable};
use anyhow::Result;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use waterwheel_runtime::durable::{Storage, Table};
use waterwheel_runtime::state::look::{StateListing, StoredRow, layout, listing, place_of};
use waterwheel_runtime::state::{Shape, StateSchema};
use waterwheel_runtime::time::Time;

/// The shapes of an operator's keys and values, where both are known.
#[derive(Debug, Clone, Copy)]
pub struct Shapes<'a> {
    /// Of the keys.
    pub key: &'a Shape,
    /// Of the values.
    pub value: &'a Shape,
}

impl<'a> Shapes<'a> {
    /// Those that were recorded.
    pub fn of(schema: &'a StateSchema) -> Option<Shapes<'a>> {
        Some(Shapes { key: schema.key.shape.as_ref()?, value: schema.value.shape.as_ref()? })
    }
}

/// A key with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Value,
    /// Its state.
    pub value: Value,
}

/// What was read of one partition.
#[derive(Debug, Default)]
pub struct Partition {
    /// Its number.
    pub number: u32,
    /// What it should have.
    pub listing: Option<StateListing>,
    /// Its latest state, by hash and encoded key; empty where shapes are unknown.
    pub entries: BTreeMap<(u64, Vec<u8>), Entry>,
    /// The batch of the base of each segment that has one.
    bases: BTreeMap<u8, Option<Time>>,
    deltas: Vec<Time>,
}

/// Where something is wrong: the key of the row, for people.
pub type Place = String;

/// Takes what the rows say. Both are told while the table is read, so that no more than a partition is in memory.
pub trait Sink {
    /// A partition is complete.
    fn partition(&mut self, partition: Partition);
    /// A row that is not as it should be.
    fn wrong(&mut self, place: Place, what: String);
    /// A row, with what it takes.
    fn row(&mut self, row: StoredRow, key: &[u8], value: &[u8]) {
        let _ = (row, key, value);
    }
}

/// Reads all rows of `operator`, and says what they hold.
///
/// # Errors
/// When the table cannot be read.
pub fn read(
    storage: &dyn Storage,
    operator: &str,
    shapes: Option<Shapes<'_>>,
    committed: Option<Time>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let table = Table::state(operator);
    let Some(layout) = layout(storage, &table)? else {
        let mut rows = 0_u64;
        storage.scan(&table, &[], &mut |key, _| {
            // Batches without a version may be noted before there is any.
            rows += u64::from(key.first() != Some(&2));
            Ok(())
        })?;
        if rows > 0 {
            sink.wrong("the layout".to_owned(), format!("it is missing, and there are {rows} rows"));
        }
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    let mut current: Option<Partition> = None;
    let mut finish = |partition: Option<Partition>, sink: &mut dyn Sink| {
        if let Some(partition) = partition {
            seen.insert(partition.number);
            if let Err(what) = partition.check(shapes.is_some()) {
                sink.wrong(format!("partition {}", partition.number), what);
            }
            sink.partition(partition);
        }
    };
    storage.scan(&table, &[], &mut |key, value| {
        let Some(row) = layout.row(key) else {
            sink.wrong(format!("row {}", crate::hex(key)), "it has no place in the layout".to_owned());
            return Ok(());
        };
        sink.row(row, key, value);
        let Some(number) = partition_of(row) else { return Ok(()) };
        if current.as_ref().is_none_or(|partition| partition.number != number) {
            finish(current.replace(Partition { number, ..Partition::default() }), sink);
        }
        if let Some(partition) = &mut current
            && let Err(what) = partition.take(row, value, shapes, committed)
        {
            sink.wrong(show(row), what);
        }
        Ok(())
    })?;
    finish(current, sink);
    for missing in (0..layout.partitions).filter(|number| !seen.contains(number)) {
        sink.wrong(format!("partition {missing}"), "it has no rows".to_owned());
    }
    Ok(())
}

/// The partition that a row belongs to.
pub fn partition_of(row: StoredRow) -> Option<u32> {
    match row {
        StoredRow::Layout | StoredRow::Skipped(_) => None,
        StoredRow::Base { partition, .. }
        | StoredRow::Delta { partition, .. }
        | StoredRow::Undo { partition, .. }
        | StoredRow::ByProduct { partition, .. }
        | StoredRow::Listing { partition } => Some(partition),
    }
}

/// A row for people.
pub fn show(row: StoredRow) -> String {
    match row {
        StoredRow::Layout => "the layout".to_owned(),
        StoredRow::Skipped(batch) => format!("the note that batch {batch} has no version"),
        StoredRow::Base { partition, segment } => format!("partition {partition}, base of segment {segment}"),
        StoredRow::Delta { partition, batch } => format!("partition {partition}, delta of batch {batch}"),
        StoredRow::Undo { partition, batch } => format!("partition {partition}, undo of batch {batch}"),
        StoredRow::ByProduct { partition, batch } => format!("partition {partition}, by-product of batch {batch}"),
        StoredRow::Listing { partition } => format!("partition {partition}, listing"),
    }
}

/// A key or value, and the bytes it was made of.
type Read<'a> = (Value, &'a [u8]);

/// One key of a row after the other, with its hash; they lie in the order of the hash.
fn pairs<'a>(
    decoder: &mut Decoder<'a>,
    shapes: Shapes<'_>,
    optional: bool,
    mut each: impl FnMut(u64, u8, Read<'a>, Option<Value>) -> Result<(), String>,
) -> Result<(), String> {
    let say = |error: Undecodable| error.to_string();
    let mut last = 0;
    for _ in 0..decoder.length().map_err(say)? {
        let key = decoder.value_and_bytes(shapes.key).map_err(say)?;
        let value = match optional && !decoder.is_some().map_err(say)? {
            true => None,
            false => Some(decoder.value(shapes.value).map_err(say)?),
        };
        let (hash, segment) = place_of(key.1);
        if hash < last {
            return Err("its keys are not in order".to_owned());
        }
        last = hash;
        each(hash, segment, key, value)?;
    }
    decoder.end().map_err(say)
}

fn time(decoder: &mut Decoder<'_>) -> Result<Time, String> {
    let millis = decoder.signed().map_err(|error| error.to_string())?;
    i64::try_from(millis).map(Time::from_millis).map_err(|_| "its batch is no time".to_owned())
}

impl Partition {
    fn take(
        &mut self,
        row: StoredRow,
        value: &[u8],
        shapes: Option<Shapes<'_>>,
        committed: Option<Time>,
    ) -> Result<(), String> {
        let in_time = |batch: Time| match committed.is_some_and(|committed| batch <= committed) {
            true => Ok(()),
            false => Err(format!("it is of batch {batch}, which is not committed")),
        };
        match row {
            StoredRow::Base { segment, .. } => {
                // It is there, whatever is in it.
                self.bases.insert(segment, None);
                let mut decoder = Decoder::new(value);
                let batch = time(&mut decoder)?;
                self.bases.insert(segment, Some(batch));
                in_time(batch)?;
                shapes.map_or(Ok(()), |shapes| self.base(segment, &mut decoder, shapes))
            }
            StoredRow::Delta { batch, .. } => {
                self.deltas.push(batch);
                in_time(batch)?;
                shapes.map_or(Ok(()), |shapes| self.delta(batch, &mut Decoder::new(value), shapes))
            }
            StoredRow::Undo { batch, .. } => {
                in_time(batch)?;
                match shapes {
                    Some(shapes) if !value.is_empty() => {
                        let mut decoder = Decoder::new(value);
                        if decoder.is_some().map_err(|error| error.to_string())? {
                            time(&mut decoder)?;
                        }
                        pairs(&mut decoder, shapes, true, |_, _, _, _| Ok(()))
                    }
                    _ => Ok(()),
                }
            }
            StoredRow::ByProduct { batch, .. } => in_time(batch),
            StoredRow::Listing { .. } => {
                self.listing = Some(listing(value).map_err(|error| error.to_string())?);
                Ok(())
            }
            StoredRow::Layout | StoredRow::Skipped(_) => Ok(()),
        }
    }

    fn base(&mut self, segment: u8, decoder: &mut Decoder<'_>, shapes: Shapes<'_>) -> Result<(), String> {
        pairs(decoder, shapes, false, |hash, theirs, (key, bytes), value| {
            if theirs != segment {
                return Err(format!("it has the key {key}, of segment {theirs}"));
            }
            let text = key.to_string();
            let entry = value.map(|value| Entry { key, value });
            let before = entry.and_then(|entry| self.entries.insert((hash, bytes.to_vec()), entry));
            before.map_or(Ok(()), |_| Err(format!("it has the key {text} twice")))
        })
    }

    fn delta(&mut self, batch: Time, decoder: &mut Decoder<'_>, shapes: Shapes<'_>) -> Result<(), String> {
        pairs(decoder, shapes, true, |hash, segment, (key, bytes), value| {
            let based = self.bases.get(&segment).copied().flatten();
            if based < Some(batch) {
                let place = (hash, bytes.to_vec());
                match value {
                    Some(value) => drop(self.entries.insert(place, Entry { key, value })),
                    None => drop(self.entries.remove(&place)),
                }
            }
            Ok(())
        })
    }

    /// Whether it has what its listing says.
    fn check(&self, decoded: bool) -> Result<(), String> {
        let listing = self.listing.as_ref().ok_or("its listing is missing or cannot be read")?;
        let bases: Vec<u8> = self.bases.keys().copied().collect();
        if bases != listing.bases {
            let missing: Vec<u8> = listing.bases.iter().filter(|base| !bases.contains(base)).copied().collect();
            return Err(format!(
                "it should have {} bases and has {}; those missing are of the segments {missing:?}",
                listing.bases.len(),
                bases.len()
            ));
        }
        let ends = self.deltas.first().zip(self.deltas.last());
        let deltas = ends.map(|(first, last)| (self.deltas.len() as u64, *first, *last));
        if deltas != listing.deltas {
            let say = |deltas: Option<(u64, Time, Time)>| match deltas {
                Some((count, first, last)) => format!("{count} deltas, of the batches {first} to {last}"),
                None => "no deltas".to_owned(),
            };
            return Err(format!("it should have {}, and has {}", say(listing.deltas), say(deltas)));
        }
        if decoded && self.entries.len() as u64 != listing.keys {
            return Err(format!("it should have {} keys, and has {}", listing.keys, self.entries.len()));
        }
        Ok(())
    }
}
