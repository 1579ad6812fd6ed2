//! What is held of received blocks: Spark's rows "rdd cleanup - input blocks and persisted RDDs" and "write ahead log - generating
//! and cleaning", where a stream under a window keeps its blocks and another does not.

use crate::support::{DEADLINE, config, manual_context, run_batch};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use waterwheel_operators::prelude::*;
use waterwheel_runtime::durable::{MemoryStorage, Storage, Table, keys};
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Stores what a test gives it, and says when it has.
struct Fed {
    records: UnboundedReceiver<u64>,
    stored: Sender<()>,
}

impl Receiver for Fed {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        loop {
            tokio::select! {
                () = handle.stopped() => return Ok(()),
                Some(record) = self.records.recv() => {
                    handle.store(record).await?;
                    self.stored.send(())?;
                }
            }
        }
    }
}

/// The side of the test.
struct Feed {
    records: UnboundedSender<u64>,
    stored: Inbox<()>,
}

impl Feed {
    fn store(&self, record: u64) {
        self.records.send(record).unwrap();
        self.stored.recv_timeout(DEADLINE).unwrap();
    }
}

fn fed<'c>(ssc: &'c StreamingContext, name: &str) -> (DStream<'c, u64>, Feed) {
    let ((records, theirs), (told, stored)) = (unbounded_channel(), channel());
    let once = Mutex::new(Some(Fed { records: theirs, stored: told }));
    let stream = ssc.receiver_stream(name, StorageLevel::MemoryAndDisk, move || {
        once.lock().unwrap().take().expect("this receiver never ends by itself")
    });
    (stream, Feed { records, stored })
}

/// B-8
#[test]
fn a_stream_under_a_window_keeps_its_blocks_and_another_does_not() {
    let (ssc, clock) = manual_context(config().with_block_interval(seconds(1)));
    let (windowed, first) = fed(&ssc, "windowed");
    let (plain, second) = fed(&ssc, "plain");
    let (send, sums) = channel();
    let window = windowed.window(seconds(3), seconds(1));
    window.foreach_rdd(move |numbers| numbers.collect().map(|numbers| drop(send.send(numbers))));
    plain.map(|n| n + 1).cache().foreach_rdd(|numbers| numbers.count().map(drop));
    let running = ssc.start().unwrap();
    for batch in 1..=6 {
        first.store(batch);
        second.store(batch);
        run_batch(&running, &clock, batch);
        let held = running.settled_snapshot().unwrap();
        // One block a batch; the next window reads two that have been. Of the other stream nothing: its dataset was kept while
        // its batch ran, and so was the block that it is made of.
        assert_eq!((held.blocks.blocks, held.blocks.partitions), (2.min(batch as usize), 0), "after batch {batch}");
        let last = sums.recv_timeout(DEADLINE).unwrap();
        assert_eq!(last, (batch.saturating_sub(2).max(1)..=batch).collect::<Vec<_>>());
    }
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(running.engine().snapshot().unwrap().blocks.blocks, 0);
}

/// The batches in which the blocks in the log were stored: one block a batch here, and the records are the numbers of the batches.
fn logged(storage: &MemoryStorage, stream: u32) -> Vec<u64> {
    let mut batches = Vec::new();
    let mut read = |key: &[u8], _: &[u8]| {
        let block = keys::block_of_index(key).unwrap();
        if block.stream.0 == stream {
            batches.push(block.sequence + 1);
        }
        Ok(())
    };
    storage.scan(&Table::Blocks, keys::BLOCK_INDEX, &mut read).unwrap();
    batches
}

/// Spark: "write ahead log - generating and cleaning": of two receivers with logs, one under a window of three seconds.
/// B-8
#[test]
fn the_log_keeps_what_later_windows_read_of_one_stream_and_nothing_of_another() {
    let storage = MemoryStorage::default();
    let (ssc, clock) = manual_context(config().with_block_interval(seconds(1)));
    ssc.checkpoint_to(Arc::new(storage.clone()));
    let (windowed, first) = fed(&ssc, "windowed");
    let (plain, second) = fed(&ssc, "plain");
    windowed.window(seconds(3), seconds(1)).foreach_rdd(|numbers| numbers.count().map(drop));
    plain.foreach_rdd(|numbers| numbers.count().map(drop));
    let running = ssc.start().unwrap();
    for batch in 1..=7_u64 {
        first.store(batch);
        second.store(batch);
        run_batch(&running, &clock, batch);
        running.settled_snapshot().unwrap();
        let last_two: Vec<u64> = (batch.saturating_sub(1).max(1)..=batch).collect();
        assert_eq!((logged(&storage, 0), logged(&storage, 1)), (last_two, vec![]), "after batch {batch}");
    }
    running.stop(Stop::Graceful).unwrap();
}
