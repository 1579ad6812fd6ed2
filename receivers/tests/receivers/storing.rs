//! Spark's `ReceivedBlockHandlerSuite` with its data: what is stored of a block at every level, with the block log and without, and
//! how its records are counted.

use crate::support::*;
use futures::executor::block_on;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use std::sync::mpsc::Receiver as Inbox;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::block::ErasedCodec;
use waterwheel_runtime::config::{ByteSize, StorageConfig};
use waterwheel_runtime::durable::{MemoryStorage, Storage, Table, keys};
use waterwheel_runtime::receiver::{LastPositionError, ReceiverHandle};

/// The records of one block, and how they come.
enum Arriving<T> {
    /// All at once, in a buffer: Spark's block of an array.
    Together(Vec<T>),
    /// One after another, and nobody knows how many: Spark's block of an iterator.
    Single(Vec<T>),
}

/// A program over one stream at one level.
struct Program<T> {
    running: RunningContext,
    clock: ManualClock,
    /// Where the block log is, if there is one.
    log: Option<MemoryStorage>,
    receiver: ReceiverHandle<T>,
    partitions: Inbox<Vec<Vec<T>>>,
    told: Inbox<Event>,
}

impl<T: Record> Program<T> {
    /// With `memory` for blocks. With the log the storage of this program lies in memory, too.
    fn start(level: StorageLevel, logged: bool, memory: ByteSize) -> Program<T> {
        let storage = StorageConfig::default().with_memory(memory);
        let (ssc, clock) = manual_context(config().with_storage(storage));
        let log = logged.then(MemoryStorage::default);
        if let Some(log) = &log {
            ssc.checkpoint_to(Arc::new(log.clone()));
        }
        let (stream, handles) = handing(&ssc, level);
        let (partitions, told) = (batches(stream.glom()), events(&ssc));
        let running = ssc.start().unwrap();
        let receiver = handles.recv_timeout(DEADLINE).unwrap();
        Program { running, clock, log, receiver, partitions, told }
    }

    /// Stores a block; whether that succeeds.
    fn store(&self, block: Arriving<T>) -> bool {
        match block {
            Arriving::Together(records) => block_on(self.receiver.store_many(records)).unwrap(),
            Arriving::Single(records) => {
                records.into_iter().for_each(|record| block_on(self.receiver.store(record)).unwrap());
            }
        }
        // The question cuts the open block, and is answered when that is stored or will not be.
        let stored = block_on(self.receiver.last_position::<()>());
        assert!(matches!(stored, Ok(None) | Err(LastPositionError::NotStored)), "{stored:?}");
        stored.is_ok()
    }

    /// The blocks of the next batch, and how many records it was said to have before it read any.
    fn batch(&self) -> (Vec<Vec<T>>, u64) {
        run_batch(&self.running, &self.clock, self.running.batches_completed() + 1);
        let counted = wait_for(&self.told, |event| match event {
            Event::BatchSubmitted(batch) => Some(batch.num_records()),
            _ => None,
        });
        (self.partitions.recv_timeout(DEADLINE).unwrap(), counted)
    }

    /// The blocks in the log, in the order of their numbers.
    fn in_the_log(&self) -> Option<Vec<Vec<T>>> {
        let mut blocks = Vec::new();
        let mut read = |_: &[u8], encoded: &[u8]| {
            let decoded = ErasedCodec::of::<T>().decode(encoded).unwrap();
            blocks.push(decoded.downcast_ref::<Vec<Vec<T>>>().unwrap().concat());
            Ok(())
        };
        self.log.as_ref()?.scan(&Table::Blocks, keys::BLOCK_DATA, &mut read).unwrap();
        Some(blocks)
    }
}

/// Every level, without the log and with it.
fn ways() -> impl Iterator<Item = (StorageLevel, bool)> {
    StorageLevel::ALL.into_iter().flat_map(|level| [(level, false), (level, true)])
}

const PLENTY: ByteSize = ByteSize::mib(1);

/// Spark: "store blocks", of both handlers: a hundred strings in blocks of ten.
/// B-6
#[test]
fn blocks_are_in_the_block_manager_and_with_the_log_in_that_too_equal_and_in_order() {
    let strings: Vec<String> = (1..=100).map(|n| n.to_string()).collect();
    let expected: Vec<Vec<String>> = strings.chunks(10).map(<[String]>::to_vec).collect();
    for (level, logged) in ways() {
        let program = Program::start(level, logged, PLENTY);
        for (number, block) in expected.iter().cloned().enumerate() {
            let block = if number % 2 == 0 { Arriving::Together(block) } else { Arriving::Single(block) };
            assert!(program.store(block));
        }
        assert_eq!(program.in_the_log(), logged.then(|| expected.clone()), "{level}");
        let held = program.running.engine().snapshot().unwrap().blocks;
        assert_eq!(
            (held.blocks, held.memory_bytes > 0, held.disk_bytes > 0),
            (10, level.uses_memory(), !level.uses_memory())
        );

        assert_eq!(program.batch(), (expected.clone(), 100), "{level}, log: {logged}");
        let read = program.running.engine().snapshot().unwrap().blocks.read_from_disk;
        assert_eq!(
            read,
            if level.uses_memory() { 0 } else { 10 },
            "{level}, log: {logged}: the batch read other blocks"
        );
        program.running.stop(Stop::Graceful).unwrap();
    }
}

/// Spark: "count messages". There it does not know how many records a block of bytes has; here every block has its count.
#[test]
fn the_records_of_a_block_are_counted_at_every_level_however_they_come() {
    use Arriving::{Single, Together};
    type Arrival = fn(Vec<u32>) -> Arriving<u32>;

    let blocks: [(Arrival, u32); 8] = [
        (Together, 25),
        (Together, 25),
        (Together, 50),
        (Together, 75),
        (Single, 100),
        (Single, 100),
        (Single, 125),
        (Single, 150),
    ];
    for (level, logged) in ways() {
        let program = Program::start(level, logged, PLENTY);
        for (arriving, count) in blocks {
            let records: Vec<u32> = (0..count).collect();
            assert!(program.store(arriving(records.clone())));
            assert_eq!(program.batch(), (vec![records], u64::from(count)), "{level}, log: {logged}");
        }
        program.running.stop(Stop::Graceful).unwrap();
    }
}

/// Spark: "isFullyConsumed": seventy records of a hundred bytes where not even their bytes have room. A block that the log has is
/// read from there; one that could lie in memory only is told by name.
/// B-5
#[test]
fn a_block_that_does_not_fit_is_stored_and_counted_in_full_unless_it_could_lie_in_memory_only() {
    let records: Vec<Vec<u8>> = (0..70).map(|n| vec![n; 100]).collect();
    for arriving in [Arriving::Together, Arriving::Single] {
        for (level, logged) in ways() {
            let program = Program::start(level, logged, ByteSize(7_000));
            let stored = program.store(arriving(records.clone()));
            assert_eq!(stored, level.uses_disk() || logged, "{level}, log: {logged}");
            if stored {
                let held = program.running.engine().snapshot().unwrap().blocks;
                assert_eq!((held.blocks, held.memory_bytes), (1, 0), "{level}, log: {logged}");
                assert_eq!(program.batch(), (vec![records.clone()], 70), "{level}, log: {logged}");
                program.running.stop(Stop::Graceful).unwrap();
                assert_eq!(program.in_the_log().unwrap_or_default(), [[[0; 0]; 0]; 0], "it is given back");
            } else {
                let error = program.running.await_termination_or_timeout(DEADLINE).unwrap_err().to_string();
                let parts = ["could not be stored", "is larger than the block memory of 7000 bytes"];
                assert!(parts.iter().all(|part| error.contains(part)), "{level}: {error}");
            }
        }
    }
}

/// A number that cannot be encoded if it is 3.
#[derive(Debug, Clone, PartialEq)]
struct Stubborn(u32);

impl Serialize for Stubborn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            3 => Err(serde::ser::Error::custom("not this one")),
            number => serializer.serialize_u32(number),
        }
    }
}

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stubborn, D::Error> {
        u32::deserialize(deserializer).map(Stubborn)
    }
}

/// Spark: "handle errors in storing block", of both handlers. Records that stay in memory as they are, are encoded by nobody.
#[test]
fn a_block_that_cannot_be_encoded_is_not_stored_where_it_has_to_be_and_the_cause_is_told() {
    let numbers: Vec<Stubborn> = (1..=10).map(Stubborn).collect();
    for (level, logged) in ways() {
        let program = Program::start(level, logged, PLENTY);
        let stored = program.store(Arriving::Together(numbers.clone()));
        assert_eq!(stored, !level.serialized() && !logged, "{level}, log: {logged}");
        if stored {
            assert_eq!(program.batch(), (vec![numbers.clone()], 10), "{level}");
            program.running.stop(Stop::Graceful).unwrap();
        } else {
            let error = program.running.await_termination_or_timeout(DEADLINE).unwrap_err().to_string();
            let parts = ["could not be stored", "cannot encode", "not this one"];
            assert!(parts.iter().all(|part| error.contains(part)), "{level}, log: {logged}: {error}");
            assert_eq!(program.in_the_log().unwrap_or_default(), Vec::<Vec<Stubborn>>::new());
        }
    }
}
