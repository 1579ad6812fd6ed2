use super::*;
use crate::block::{BlockInfo, Horizon};
use crate::durable::recovery::read_position;
use crate::durable::{Durability, MemoryStorage, Storage};

const NAME: &str = "clicks";

fn t(millis: i64) -> Time {
    Time::from_millis(millis)
}

fn journal(least_events: usize) -> Journal {
    let streams = StreamTable::new(BTreeMap::from([("gone".to_owned(), 0)]), &[(NAME.to_owned(), StreamId(0))]);
    Journal::new(Position::default(), streams, 0, Vec::new(), false).with_least_events(least_events)
}

fn block(sequence: u64) -> BlockId {
    BlockId { stream: StreamId(0), sequence }
}

fn added(sequence: u64) -> LogRecord {
    LogRecord::of(LedgerEvent::BlockAdded { block: BlockInfo { id: block(sequence), records: 1, bytes: 1 } })
}

fn state(value: &str) -> Change {
    Change::Put { table: Table::state("s"), key: b"k".to_vec(), value: value.into() }
}

/// A ledger, its journal and a storage.
struct Desk {
    ledger: Ledger,
    journal: Journal,
    storage: MemoryStorage,
}

impl Desk {
    fn new(least_events: usize) -> Desk {
        Desk { ledger: Ledger::new(), journal: journal(least_events), storage: MemoryStorage::default() }
    }

    /// Plans a record, which the ledger takes; writes it, if it is to be written.
    fn append(&mut self, record: LogRecord) -> bool {
        record.events.iter().for_each(|event| self.ledger.apply(event).unwrap());
        let Some(planned) = self.journal.plan(record).unwrap() else { return false };
        self.storage.write(&planned.changes, Durability::Synced).unwrap();
        self.journal.confirm(planned).unwrap();
        true
    }

    fn allocate(&mut self, batch: i64) {
        let event = self.ledger.plan_allocation(t(batch)).unwrap();
        assert!(self.append(LogRecord::of(event)));
    }

    fn commit(&mut self, batch: i64, when: When) -> bool {
        let (events, freed) = self.ledger.plan_commit(t(batch), &Horizon::at(t(batch + 1)));
        self.append(LogRecord { events, changes: vec![state(&batch.to_string())], freed, when, ..LogRecord::default() })
    }

    /// What a restart finds, with the numbers of the program.
    fn found(&self) -> (Ledger, Position) {
        let (position, _) = read_position(&self.storage).unwrap();
        (position.ledger.clone().renamed(|stream| self.journal.streams().inward(stream), |_| true), position)
    }

    fn stored_state(&self) -> Option<Vec<u8>> {
        self.storage.get(&Table::state("s"), b"k").unwrap()
    }
}

#[test]
fn commits_that_are_held_back_are_not_there_after_a_crash_and_all_that_came_between_is() {
    let mut desk = Desk::new(1_000);
    desk.append(added(0));
    desk.allocate(1_000);
    assert!(!desk.commit(1_000, When::WithNextCommit));
    desk.append(added(1));
    desk.allocate(2_000);
    assert!(!desk.commit(2_000, When::WithNextCommit));
    desk.append(added(2));

    let (ledger, position) = desk.found();
    let pending: Vec<_> = ledger.pending_batches().map(|allocation| allocation.batch).collect();
    assert_eq!((pending, position.last_done, desk.stored_state()), (vec![t(1_000), t(2_000)], None, None));
    assert_eq!(ledger.unallocated(StreamId(0)).count(), 1);

    desk.allocate(3_000);
    assert!(desk.commit(3_000, When::Now));
    let (ledger, position) = desk.found();
    assert_eq!((&ledger, position.last_done), (&desk.ledger, Some(t(3_000))));
    assert_eq!(desk.stored_state(), Some(b"3000".to_vec()), "in their order");
}

#[test]
fn an_empty_record_writes_what_is_held_back_and_nothing_when_there_is_nothing() {
    let mut desk = Desk::new(1_000);
    assert!(!desk.append(LogRecord::default()));
    desk.append(added(0));
    desk.allocate(1_000);
    assert!(!desk.commit(1_000, When::WithNextCommit));
    assert!(desk.append(LogRecord::default()));
    assert_eq!(desk.found().0, desk.ledger);
    assert!(!desk.append(LogRecord::default()));
}

#[test]
fn what_is_held_back_is_bounded() {
    let mut desk = Desk::new(1_000);
    desk.allocate(1_000);
    desk.allocate(2_000);
    let big = Change::Put { table: Table::state("s"), key: b"big".to_vec(), value: vec![0; HELD_BYTES] };
    let (events, _) = desk.ledger.plan_commit(t(1_000), &Horizon::at(t(1)));
    let record = LogRecord { events, changes: vec![big], when: When::WithNextCommit, ..LogRecord::default() };
    assert!(desk.append(record), "written all the same");
    assert_eq!(desk.found().1.last_done, Some(t(1_000)));
}

#[test]
fn a_write_that_failed_leaves_what_was_held_back_held_back() {
    let mut desk = Desk::new(1_000);
    desk.append(added(0));
    desk.allocate(1_000);
    desk.allocate(2_000);
    assert!(!desk.commit(1_000, When::WithNextCommit));
    let (events, freed) = desk.ledger.plan_commit(t(2_000), &Horizon::at(t(2_001)));
    let record = LogRecord { events, changes: vec![state("2000")], freed, ..LogRecord::default() };
    let mut planned = desk.journal.plan(record.clone()).unwrap().unwrap();
    let changes = std::mem::take(&mut planned.changes);
    desk.journal.abandon(planned, changes);
    assert_eq!(desk.found().1.last_done, None);
    assert!(desk.append(record));
    assert_eq!((desk.found().0, desk.stored_state()), (desk.ledger.clone(), Some(b"2000".to_vec())));
}

#[test]
fn many_events_are_replaced_by_a_snapshot_with_the_next_record() {
    let mut desk = Desk::new(6);
    for batch in 1..=50_i64 {
        desk.append(added(batch as u64));
        desk.allocate(batch * 1_000);
        let when = if batch % 3 == 0 { When::Now } else { When::WithNextCommit };
        desk.commit(batch * 1_000, when);
        let (position, rows) = read_position(&desk.storage).unwrap();
        assert!(rows <= 24, "{rows} rows");
        if batch % 3 == 0 {
            assert_eq!(desk.found().0, desk.ledger);
            assert_eq!(position, desk.journal.durable);
        }
    }
    let snapshot = desk.storage.get(&Table::Ledger, keys::SNAPSHOT).unwrap();
    assert!(snapshot.is_some());
    assert_eq!(desk.found().1.next_blocks, BTreeMap::from([(StreamId(1), 51)]), "the stored number of the stream");
}

#[test]
fn the_data_of_freed_blocks_goes_with_the_commit_that_frees_them() {
    let mut desk = Desk::new(1_000);
    for sequence in [0, 1] {
        let data = BlockId { stream: StreamId(1), sequence };
        let rows = [keys::block_index(data), keys::block_data(data)];
        let rows = rows.map(|key| Change::Put { table: Table::Blocks, key, value: b"x".to_vec() });
        desk.storage.write(&rows, Durability::Ordered).unwrap();
        desk.append(added(sequence));
        desk.allocate(sequence as i64 + 1);
    }
    desk.commit(1, When::Now);
    let there = |sequence| {
        let data = BlockId { stream: StreamId(1), sequence };
        let found = |key: Vec<u8>| desk.storage.get(&Table::Blocks, &key).unwrap().is_some();
        (found(keys::block_index(data)), found(keys::block_data(data)))
    };
    assert_eq!((there(0), there(1)), ((false, false), (true, true)));
}

#[test]
fn a_stream_that_the_storage_was_not_opened_with_is_refused() {
    let mut journal = journal(1_000);
    let id = BlockId { stream: StreamId(9), sequence: 0 };
    let record = LogRecord::of(LedgerEvent::BlockAdded { block: BlockInfo { id, records: 1, bytes: 1 } });
    assert!(journal.plan(record).unwrap_err().to_string().contains("stream 9"));
    let record = LogRecord { freed: vec![id], ..LogRecord::default() };
    assert!(journal.plan(record).is_err());
}

/// I-26
#[test]
fn the_position_of_a_source_is_in_the_write_of_its_block_and_takes_the_place_of_the_one_before() {
    let mut desk = Desk::new(2);
    let at = |position: &str| vec![(StreamId(0), position.as_bytes().into())];
    let found = |desk: &Desk| crate::durable::recovery::read_positions(&desk.storage).unwrap();
    assert_eq!(found(&desk), BTreeMap::new());
    for (sequence, position) in [(0, "first"), (1, "second")] {
        let planned = desk.journal.plan(LogRecord { reached: at(position), ..added(sequence) }).unwrap().unwrap();
        let puts = planned.changes.iter().filter(|change| matches!(change, Change::Put { .. })).count();
        assert_eq!(puts, 2, "the event and the position");
        desk.storage.write(&planned.changes, Durability::Synced).unwrap();
        desk.journal.confirm(planned).unwrap();
        added(sequence).events.iter().for_each(|event| desk.ledger.apply(event).unwrap());
        // The stored number of the stream, whose name came second.
        assert_eq!(found(&desk), BTreeMap::from([(StreamId(1), position.into())]));
    }
    assert!(desk.append(LogRecord { reached: at("third"), ..LogRecord::default() }));
    // Enough events for a snapshot, which does not touch it.
    for batch in 2..9 {
        desk.append(added(batch));
        desk.allocate(1_000 * batch as i64);
        desk.commit(1_000 * batch as i64, When::Now);
    }
    assert!(desk.storage.get(&Table::Ledger, keys::SNAPSHOT).unwrap().is_some());
    assert_eq!(found(&desk), BTreeMap::from([(StreamId(1), b"third".to_vec())]));
    let unknown = LogRecord { reached: vec![(StreamId(9), b"x".as_slice().into())], ..LogRecord::default() };
    assert!(desk.journal.plan(unknown).unwrap_err().to_string().contains("stream 9"));
}
