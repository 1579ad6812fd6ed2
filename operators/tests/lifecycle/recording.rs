//! What listeners are told of a batch whose record in the checkpoint directory takes long.

use crate::common::{INTERVAL, Seen, config, context, numbers, wait_until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use waterwheel_operators::prelude::*;
use waterwheel_runtime::durable::{Change, Durability, EachRow, MemoryStorage, Storage, StorageError, Table};

/// How long a write takes once an output has run.
const WRITING: std::time::Duration = std::time::Duration::from_millis(400);

/// A storage whose next write takes long, by the program's clock, once it is told so.
struct Slow {
    inner: MemoryStorage,
    clock: ManualClock,
    slow: Arc<AtomicBool>,
}

impl Storage for Slow {
    fn write(&self, changes: &[Change], durability: Durability) -> Result<(), StorageError> {
        if self.slow.swap(false, Ordering::AcqRel) {
            self.clock.advance(WRITING);
        }
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

#[test]
fn a_batch_is_worked_on_until_its_last_output_has_ended_however_long_its_record_takes() {
    let (ssc, clock) = context(config());
    let slow = Arc::new(AtomicBool::new(false));
    ssc.checkpoint_to(Arc::new(Slow { inner: MemoryStorage::default(), clock: clock.clone(), slow: slow.clone() }));
    let (commits, batches) = (Seen::default(), Seen::default());
    let (their_commits, their_batches) = (commits.clone(), batches.clone());
    ssc.add_streaming_listener(move |event: &Event| match event {
        Event::StateCommitted { took, .. } => their_commits.note(*took),
        Event::BatchCompleted(info) => their_batches.note(info.clone()),
        _ => {}
    });
    let (worked, working) = (milliseconds(30), clock.clone());
    numbers(&ssc).foreach_rdd(move |_| {
        working.advance(worked);
        slow.store(true, Ordering::Release);
    });
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the batch", || !batches.all().is_empty());
    running.stop(Stop::Immediate).unwrap();
    assert_eq!(commits.all().first(), Some(&WRITING));
    let info = batches.all().remove(0);
    assert_eq!((info.processing_delay, info.total_delay()), (Some(worked), Some(worked)));
}
