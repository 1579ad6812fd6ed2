//! What cannot have been written, or is no longer all there.

use crate::block::{BlockInfo, Horizon, Ledger, LedgerEvent, LogRecord, When};
use crate::durable::*;
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn t(millis: i64) -> Time {
    Time::from_millis(millis)
}

fn streams(names: &[&str]) -> Vec<(String, StreamId)> {
    names.iter().enumerate().map(|(at, name)| (name.to_string(), StreamId(at as u32))).collect()
}

fn block(stream: u32, sequence: u64) -> BlockId {
    BlockId { stream: StreamId(stream), sequence }
}

fn write(storage: &MemoryStorage, journal: &mut Journal, ledger: &mut Ledger, record: LogRecord) {
    record.events.iter().for_each(|event| ledger.apply(event).unwrap());
    if let Some(planned) = journal.plan(record).unwrap() {
        storage.write(&planned.changes, Durability::Synced).unwrap();
        journal.confirm(planned).unwrap();
    }
}

/// Two streams with a block each in a batch that is done and kept, in one that is not done, and in none; with their data.
fn written(settings: &[(&str, &str)]) -> MemoryStorage {
    let storage = MemoryStorage::default();
    let opened = resume(Arc::new(storage.clone()), "clicks", &streams(&["a", "b"])).unwrap();
    let (mut journal, mut ledger) = (opened.journal, Ledger::new());
    let pairs = settings.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    let meta = Meta {
        application: "clicks".to_owned(),
        zero: Time::ZERO,
        interval: Duration::from_secs(1),
        streams: journal.streams().stored().clone(),
        operators: Vec::new(),
        set_aside: vec![],
        inputs: BTreeMap::new(),
        settings: pairs.collect(),
    };
    meta.store(&storage).unwrap();
    for batch in 0..3_u64 {
        for stream in 0..2 {
            let id = block(stream, batch);
            let put = |key, value: &[u8]| Change::Put { table: Table::Blocks, key, value: value.to_vec() };
            let rows = [put(keys::block_index(id), b""), put(keys::block_data(id), b"data")];
            storage.write(&rows, Durability::Ordered).unwrap();
            let added = LedgerEvent::BlockAdded { block: BlockInfo { id, records: 5, bytes: 10 } };
            write(&storage, &mut journal, &mut ledger, LogRecord::of(added));
        }
        if batch < 2 {
            let event = ledger.plan_allocation(t(1_000 * (batch as i64 + 1))).unwrap();
            write(&storage, &mut journal, &mut ledger, LogRecord::of(event));
        }
    }
    let (events, freed) = ledger.plan_commit(t(1_000), &Horizon::at(t(1_000)));
    write(&storage, &mut journal, &mut ledger, LogRecord { events, freed, ..LogRecord::default() });
    storage
}

fn opened(storage: &MemoryStorage, names: &[&str]) -> (Journal, Recovered) {
    let opened = resume(Arc::new(storage.clone()), "clicks", &streams(names)).unwrap();
    (opened.journal, opened.recovered.unwrap())
}

fn rows(storage: &MemoryStorage, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    };
    storage.scan(&table, b"", &mut each).unwrap();
    rows
}

#[test]
fn an_undamaged_storage_is_gone_on_from() {
    let storage = written(&[]);
    let (mut journal, recovered) = opened(&storage, &["a", "b"]);
    assert_eq!((recovered.check_blocks(), recovered.orphans, recovered.had_block_log()), (Ok(()), 0, true));
    assert_eq!(recovered.next_blocks, BTreeMap::from([(StreamId(0), 3), (StreamId(1), 3)]));
    assert_eq!(recovered.last_committed, Some(t(1_000)));
    assert!(journal.plan(LogRecord::default()).unwrap().is_none(), "there is nothing to clean up");
}

#[test]
fn each_row_of_the_ledger_that_is_missing_or_changed_is_found() {
    let storage = written(&[]);
    let ledger = rows(&storage, Table::Ledger);
    assert_eq!(ledger.len(), 9);
    for (at, (key, value)) in ledger.iter().enumerate() {
        let damaged = |change| {
            let storage = written(&[]);
            storage.write(&[change], Durability::Synced).unwrap();
            resume(Arc::new(storage), "clicks", &streams(&["a", "b"])).map(|_| ()).map_err(|error| error.to_string())
        };
        let (table, key) = (Table::Ledger, key.clone());
        // The last row alone cannot be missed here: that is what the storage is for.
        if at + 1 < ledger.len() {
            let missing = damaged(Change::Delete { table: table.clone(), key: key.clone() });
            assert!(missing.clone().is_err_and(|error| error.contains("contradicts itself")), "row {at}: {missing:?}");
        }
        let cut = value[..value.len() - 1].to_vec();
        assert!(damaged(Change::Put { table, key, value: cut }).is_err(), "row {at}");
    }
    for key in [&b"e"[..], b"e123", b"e1234567890"] {
        let storage = written(&[]);
        let change = Change::Put { table: Table::Ledger, key: key.to_vec(), value: ledger[0].1.clone() };
        storage.write(&[change], Durability::Synced).unwrap();
        assert!(resume(Arc::new(storage), "clicks", &[]).is_err());
    }
}

#[test]
fn rows_of_other_tables_that_cannot_be_read_are_found() {
    let change = |table: Table, key: &[u8]| Change::Put { table, key: key.to_vec(), value: b"?".to_vec() };
    for change in [
        change(Table::Blocks, b"i12"),
        change(Table::Offsets, b"\0\0\0\x09name"),
        change(Table::Meta, keys::APPLICATION),
        change(Table::Ledger, keys::SNAPSHOT),
        change(Table::Ledger, b"p123"),
    ] {
        let storage = written(&[]);
        storage.write(std::slice::from_ref(&change), Durability::Synced).unwrap();
        assert!(resume(Arc::new(storage), "clicks", &[]).is_err(), "{change:?}");
    }
    let storage = written(&[]);
    let gone = Change::Delete { table: Table::Meta, key: keys::APPLICATION.to_vec() };
    storage.write(&[gone], Durability::Synced).unwrap();
    let error = resume(Arc::new(storage), "clicks", &[]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no record of the application"), "{error}");
}

#[test]
fn the_storage_of_another_application_is_refused() {
    let error = resume(Arc::new(written(&[])), "orders", &[]).map(|_| ()).unwrap_err();
    assert!(matches!(error, RecoveryError::OtherApplication { .. }));
}

#[test]
fn records_that_are_missing_are_named_and_everything_else_goes_on() {
    let storage = written(&[]);
    let gone: Vec<Change> = [0, 1, 2]
        .map(|sequence| Change::Delete { table: Table::Blocks, key: keys::block_index(block(1, sequence)) })
        .into();
    storage.write(&gone, Durability::Synced).unwrap();
    let (mut journal, recovered) = opened(&storage, &["a", "b"]);
    let error = recovered.check_blocks().unwrap_err();
    let batches: Vec<_> = error.blocks.iter().map(|block| (block.sequence, block.batch)).collect();
    assert_eq!(batches, [(2, None), (1, Some(t(2_000))), (0, Some(t(1_000)))]);
    assert!(error.to_string().starts_with(
        "the records of 3 received blocks (15 in all) are not in the checkpoint: \
         block 2 of stream \"b\" with 5 records, of no batch yet; block 1"
    ));
    assert_eq!((recovered.ledger.blocks(), recovered.ledger.pending_batches().count()), (3, 1));
    let planned = journal.plan(LogRecord::default()).unwrap().unwrap();
    storage.write(&planned.changes, Durability::Synced).unwrap();
    journal.confirm(planned).unwrap();
    let (_, again) = opened(&storage, &["a", "b"]);
    assert_eq!((again.check_blocks(), again.ledger), (Ok(()), recovered.ledger), "it is told once");
    assert!(!opened(&written(&[(BLOCK_LOG_SETTING, "false")]), &["a"]).1.had_block_log());
}

#[test]
fn a_stream_that_is_gone_is_named_with_what_it_leaves_and_its_data_is_deleted() {
    let storage = written(&[]);
    let (mut journal, recovered) = opened(&storage, &["b", "c"]);
    let abandoned = AbandonedStream { name: "a".to_owned(), blocks: 2, records: 10 };
    assert_eq!((recovered.abandoned, recovered.orphans), (vec![abandoned], 0));
    let left: Vec<_> = recovered.ledger.all_blocks().map(|info| info.id.stream).collect();
    assert_eq!(left, [StreamId(0); 3], "the other has another number in the program now");
    let mut ledger = recovered.ledger;
    write(&storage, &mut journal, &mut ledger, LogRecord::default());
    assert_eq!(rows(&storage, Table::Blocks).len(), 6);
    let (mut journal, recovered) = opened(&storage, &["b", "c"]);
    assert_eq!((recovered.abandoned.len(), &recovered.ledger), (0, &ledger));
    // What belongs to the next batch is found in the ledger as it is stored.
    let event = ledger.plan_allocation(t(3_000)).unwrap();
    write(&storage, &mut journal, &mut ledger, LogRecord { when: When::Now, ..LogRecord::of(event) });
    assert_eq!(opened(&storage, &["b"]).1.ledger, ledger);
}

#[test]
fn data_that_was_never_reported_is_deleted_and_its_name_is_not_given_again() {
    let storage = written(&[]);
    let orphan = block(0, 7);
    let put = |key| Change::Put { table: Table::Blocks, key, value: b"data".to_vec() };
    let rows_of = [put(keys::block_index(orphan)), put(keys::block_data(orphan))];
    storage.write(&rows_of, Durability::Ordered).unwrap();
    let (mut journal, recovered) = opened(&storage, &["a", "b"]);
    assert_eq!((recovered.orphans, recovered.next_blocks[&StreamId(0)]), (1, 8));
    let mut ledger = recovered.ledger;
    write(&storage, &mut journal, &mut ledger, LogRecord::default());
    assert_eq!(rows(&storage, Table::Blocks).len(), 12);
    assert_eq!(opened(&storage, &["a", "b"]).1.orphans, 0);
}

#[test]
fn offsets_are_found_by_source_and_batch() {
    let storage = written(&[]);
    let put = |source: &str, batch| Change::Put {
        table: Table::Offsets,
        key: keys::offset(source, t(batch)),
        value: vec![batch as u8],
    };
    storage.write(&[put("logs", 2), put("logs", 1), put("log", 3)], Durability::Synced).unwrap();
    let offsets = opened(&storage, &["a", "b"]).1.offsets;
    assert_eq!(offsets["logs"], BTreeMap::from([(t(1), vec![1]), (t(2), vec![2])]));
    assert_eq!(offsets["log"], BTreeMap::from([(t(3), vec![3])]));
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_directory_is_opened_in_one_step() {
    let dir = tempfile::tempdir().unwrap();
    let names = streams(&["a"]);
    let request = OpenRequest { directory: dir.path(), application: "clicks", streams: &names, now: Time::ZERO };
    let opened = open(request).unwrap();
    assert!(opened.recovered.is_none());
    let in_use = open(request).map(|_| ()).unwrap_err();
    assert!(in_use.to_string().contains("in use by process"), "{in_use}");
    let meta = Meta {
        application: "clicks".to_owned(),
        zero: t(5),
        interval: Duration::from_secs(1),
        streams: opened.journal.streams().stored().clone(),
        operators: Vec::new(),
        set_aside: vec![],
        inputs: BTreeMap::new(),
        settings: BTreeMap::new(),
    };
    meta.store(&*opened.storage).unwrap();
    drop(opened);
    assert_eq!(open(request).unwrap().recovered.unwrap().meta, meta);
    let other = OpenRequest { application: "orders", ..request };
    assert!(matches!(open(other), Err(OpenError::Directory(_))));
}
