//! The rows of a checkpoint directory, as a restart finds them.
//!
//! The input is a list of rows: a byte for what the row is, its length in one byte (longer rows in two, after 255), and its bytes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::block::{Allocation, BlockInfo, Horizon, LedgerEvent};
use waterwheel_runtime::codec::encode;
use waterwheel_runtime::durable::{Change, Durability, MemoryStorage, Meta, Storage, Table, keys, resume};
use waterwheel_runtime::ids::{BlockId, StreamId};
use waterwheel_runtime::time::Time;

const META: u8 = 0;
const SNAPSHOT: u8 = 1;
/// The key of a row of the ledger, or of the others, is a row before it.
const KEY: u8 = 2;
const EVENT: u8 = 3;
const OFFSET: u8 = 4;
const INDEX: u8 = 5;

/// What rows are tried as.
const KINDS: u8 = 6;

pub(super) fn run(bytes: &[u8]) {
    let storage = MemoryStorage::default();
    let (mut changes, mut position, mut key) = (Vec::new(), 0_u64, Vec::new());
    for (kind, row) in rows(bytes) {
        let (table, key) = match kind % KINDS {
            META => (Table::Meta, keys::APPLICATION.to_vec()),
            SNAPSHOT => (Table::Ledger, keys::SNAPSHOT.to_vec()),
            KEY => {
                key = row.to_vec();
                continue;
            }
            EVENT => {
                position += 1;
                (Table::Ledger, keys::event(position - 1))
            }
            OFFSET => (Table::Offsets, key.clone()),
            _ => (Table::Blocks, [keys::BLOCK_INDEX, &key].concat()),
        };
        changes.push(Change::Put { table, key, value: row.to_vec() });
    }
    if storage.write(&changes, Durability::Synced).is_err() {
        return;
    }
    // An error is as good as a way to go on. A panic is not.
    let opened = resume(Arc::new(storage), "app", &[("socket".to_owned(), StreamId(0))]);
    if let Some(recovered) = opened.ok().and_then(|opened| opened.recovered) {
        let _ = (recovered.check_blocks(), recovered.had_block_log());
    }
}

/// The rows that `bytes` list.
fn rows(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let ([kind, length], rest) = bytes.split_first_chunk()?;
        let (length, rest) = match (*length, rest) {
            (255, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            (length, rest) => (usize::from(length), rest),
        };
        let (row, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        bytes = rest;
        Some((*kind, row))
    })
}

/// Lists rows.
fn list(rows: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, row) in rows {
        bytes.push(*kind);
        match u8::try_from(row.len()) {
            Ok(length) if length < 255 => bytes.push(length),
            _ => {
                let length = u16::try_from(row.len()).unwrap_or(u16::MAX);
                bytes.push(255);
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes.extend(row);
    }
    bytes
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let meta = Meta {
        application: "app".to_owned(),
        zero: Time::ZERO,
        interval: Duration::from_secs(1),
        streams: BTreeMap::from([("socket".to_owned(), 0), ("gone".to_owned(), 1)]),
        operators: Vec::new(),
        set_aside: Vec::new(),
        inputs: BTreeMap::new(),
        settings: BTreeMap::new(),
    };
    let storage = MemoryStorage::default();
    let _ = meta.store(&storage);
    let meta = storage.get(&Table::Meta, keys::APPLICATION).ok().flatten().unwrap_or_default();

    let block = |stream, sequence| BlockId { stream: StreamId(stream), sequence };
    let info = |id| BlockInfo { id, records: 3, bytes: 30 };
    let added = |id| LedgerEvent::BlockAdded { block: info(id) };
    let allocated = |stream| (StreamId(stream), vec![info(block(stream, 0))]);
    let second = |second: i64| Time::from_millis(second * 1000);
    let events = [
        added(block(0, 0)),
        added(block(1, 0)),
        LedgerEvent::BatchAllocated(Allocation {
            batch: second(1),
            blocks: BTreeMap::from([allocated(0), allocated(1)]),
        }),
        added(block(0, 1)),
        LedgerEvent::BatchDone { batch: second(1) },
        LedgerEvent::BatchesForgotten(Horizon::at(second(1))),
    ];
    let mut events: Vec<(u8, Vec<u8>)> =
        (0_u64..).zip(&events).flat_map(|event| encode(&event)).map(|row| (EVENT, row)).collect();
    let index = |id| (KEY, keys::block_index(id).split_off(keys::BLOCK_INDEX.len()));
    events.extend([
        index(block(0, 1)),
        (INDEX, vec![0; 16]),
        (KEY, keys::offset("socket", second(1))),
        (OFFSET, vec![7]),
    ]);
    let nothing_known = list(&events);
    events.push((META, meta.clone()));
    vec![
        list(&events),
        nothing_known,
        list(&[(META, meta)]),
        list(&[(SNAPSHOT, vec![0; 12])]),
        list(&[(META, b"application = 7".to_vec())]),
    ]
}
