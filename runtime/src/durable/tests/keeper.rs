//! The keeper and the log through it.

use crate::block::{BlockInfo, Horizon, Ledger, LedgerEvent, LedgerLog, LedgerLogError, LogRecord, log_then_apply};
use crate::durable::*;
use crate::ids::{BlockId, StreamId};
use actix::Actor;
use futures::future::join_all;
use std::sync::{Arc, Mutex};

/// Remembers how many changes each write had, and how durable it was to be.
struct Counting {
    inner: FaultyStorage,
    writes: Mutex<Vec<(usize, Durability)>>,
}

impl Storage for Counting {
    fn write(&self, changes: &[Change], durability: Durability) -> Result<(), StorageError> {
        self.writes.lock().unwrap().push((changes.len(), durability));
        self.inner.write(changes, durability)
    }
    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.get(table, key)
    }
    fn scan(&self, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError> {
        self.inner.scan(table, prefix, each)
    }
    fn state_tables(&self) -> Result<Vec<Arc<str>>, StorageError> {
        self.inner.state_tables()
    }
    fn drop_state(&self, operator: &str) -> Result<(), StorageError> {
        self.inner.drop_state(operator)
    }
}

fn counting(outcomes: impl IntoIterator<Item = WriteOutcome>) -> Arc<Counting> {
    let inner = FaultyStorage::new(Arc::new(MemoryStorage::default()));
    inner.script(outcomes);
    Arc::new(Counting { inner, writes: Mutex::default() })
}

fn put(key: u8) -> Change {
    Change::Put { table: Table::Meta, key: vec![key], value: vec![key] }
}

fn append(key: u8, durability: Durability) -> Append {
    Append { changes: vec![put(key)], durability }
}

#[actix::test]
async fn what_waits_is_written_together_and_as_durably_as_the_strictest_asked() {
    let storage = counting([]);
    let keeper = Keeper::new(storage.clone()).start();
    let asked = [Durability::Ordered, Durability::Synced, Durability::Ordered];
    let sent = (0_u8..).zip(asked).map(|(key, durability)| keeper.send(append(key, durability)));
    for answer in join_all(sent.collect::<Vec<_>>()).await {
        assert_eq!(answer.unwrap(), Ok(()));
    }
    keeper.send(append(9, Durability::Ordered)).await.unwrap().unwrap();
    assert_eq!(*storage.writes.lock().unwrap(), [(3, Durability::Synced), (1, Durability::Ordered)]);
    for key in [0, 1, 2, 9] {
        assert_eq!(storage.get(&Table::Meta, &[key]).unwrap(), Some(vec![key]));
    }
}

#[actix::test]
async fn one_write_that_fails_does_not_take_the_others_with_it_and_comes_back() {
    // Together, then each alone.
    let storage = counting([WriteOutcome::Failed, WriteOutcome::Done, WriteOutcome::Failed]);
    let keeper = Keeper::new(storage.clone()).start();
    let sent: Vec<_> = (0..3).map(|key| keeper.send(append(key, Durability::Synced))).collect();
    let answers: Vec<_> = join_all(sent).await.into_iter().map(Result::unwrap).collect();
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    let error = answers[1].clone().unwrap_err();
    assert!(matches!(error.cause, StorageError::NotWritten { .. }));
    assert_eq!(error.changes, [put(1)]);
    assert_eq!(keeper.send(append(1, Durability::Synced)).await.unwrap(), Ok(()), "it may be tried again");
}

#[actix::test]
async fn after_a_write_of_which_nobody_knows_nothing_is_written_and_the_first_cause_is_told() {
    for outcome in [WriteOutcome::DoneButReportedFailed, WriteOutcome::NotDoneAndTimedOut] {
        let storage = counting([WriteOutcome::Done, outcome]);
        let keeper = Keeper::new(storage.clone()).start();
        keeper.send(append(0, Durability::Synced)).await.unwrap().unwrap();
        let first = keeper.send(append(1, Durability::Synced)).await.unwrap().unwrap_err();
        assert!(matches!(first.cause, StorageError::Unknown { .. }) && first.changes.is_empty());
        let second = keeper.send(append(2, Durability::Ordered)).await.unwrap().unwrap_err();
        assert_eq!(second.cause, first.cause);
        assert_eq!(storage.writes.lock().unwrap().len(), 2, "never tried again");
    }
}

fn added(sequence: u64) -> LogRecord {
    let id = BlockId { stream: StreamId(0), sequence };
    LogRecord::of(LedgerEvent::BlockAdded { block: BlockInfo { id, records: 1, bytes: 1 } })
}

fn log(storage: Arc<dyn Storage>) -> KeeperLog {
    let opened = resume(storage, "test", &[("clicks".to_owned(), StreamId(0))]).unwrap();
    KeeperLog::new(Keeper::new(opened.storage).start().into(), opened.journal, Durability::Synced)
}

#[actix::test]
async fn a_record_that_is_answered_is_in_the_storage() {
    let storage = counting([]);
    let (mut log, mut ledger) = (log(storage.clone()), Ledger::new());
    log_then_apply(&mut ledger, &mut log, added(0)).await.unwrap();
    let batch = crate::time::Time::from_millis(1_000);
    let event = ledger.plan_allocation(batch).unwrap();
    log_then_apply(&mut ledger, &mut log, LogRecord::of(event)).await.unwrap();
    assert_eq!(recovery::read_position(&*storage).unwrap().0.ledger, ledger);
    let (events, freed) = ledger.plan_commit(batch, &Horizon::at(batch));
    let record = LogRecord { events, freed, changes: vec![put(7)], ..LogRecord::default() };
    log_then_apply(&mut ledger, &mut log, record).await.unwrap();
    assert_eq!(recovery::read_position(&*storage).unwrap().0.ledger, ledger);
    assert_eq!(storage.get(&Table::Meta, &[7]).unwrap(), Some(vec![7]));
}

#[actix::test]
async fn a_record_that_failed_may_be_logged_again_and_one_of_which_nobody_knows_ends_the_log() {
    let storage = counting([WriteOutcome::Failed, WriteOutcome::Done, WriteOutcome::NotDoneAndTimedOut]);
    let mut log = log(storage.clone());
    assert!(matches!(log.append(added(0)).await, Err(LedgerLogError::Failed { .. })));
    assert_eq!(log.append(added(0)).await, Ok(()));
    let first = log.append(added(1)).await.unwrap_err();
    assert!(matches!(first, LedgerLogError::Unknown { .. }));
    assert!(matches!(log.append(added(1)).await, Err(LedgerLogError::Unknown { .. })));
    let (position, rows) = recovery::read_position(&*storage).unwrap();
    assert_eq!((position.ledger.blocks(), rows), (1, 1));
}

#[actix::test]
async fn a_write_that_was_given_up_half_way_ends_the_log() {
    let mut log = log(counting([]));
    drop(futures::FutureExt::now_or_never(log.append(added(0))));
    assert!(matches!(log.append(added(1)).await, Err(LedgerLogError::Unknown { .. })));
}
