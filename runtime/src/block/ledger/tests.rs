use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;

use super::*;
use crate::codec;

const STREAM: StreamId = StreamId(1);

pub(super) fn block(stream: StreamId, sequence: u64) -> BlockInfo {
    BlockInfo { id: BlockId { stream, sequence }, records: 10 + sequence, bytes: 100 + sequence }
}

pub(super) fn batch(number: i64) -> Time {
    Time::from_millis(number * 1_000)
}

fn blocks(sequences: std::ops::Range<u64>) -> Vec<BlockInfo> {
    sequences.map(|sequence| block(STREAM, sequence)).collect()
}

/// A log that keeps its events, and fails on demand: what a durable log looks like from here.
#[derive(Debug, Default)]
struct RecordingLog {
    events: Vec<LedgerEvent>,
    fails: bool,
}

impl LedgerLog for RecordingLog {
    fn append(&mut self, record: LogRecord) -> BoxFuture<'_, Result<(), LedgerLogError>> {
        let event = record.events[0].clone();
        async move {
            if self.fails {
                return Err(LedgerLogError::Failed { reason: "disk full".to_owned() });
            }
            self.events.push(event);
            Ok(())
        }
        .boxed()
    }
}

/// A ledger and its log, driven as the tracker drives them.
#[derive(Debug, Default)]
struct Tracked {
    ledger: Ledger,
    log: RecordingLog,
}

impl Tracked {
    fn apply(&mut self, event: &LedgerEvent) -> Result<(), EventError> {
        block_on(log_then_apply(&mut self.ledger, &mut self.log, LogRecord::of(event.clone())))
    }

    fn add(&mut self, blocks: &[BlockInfo]) {
        for block in blocks {
            self.apply(&LedgerEvent::BlockAdded { block: *block }).unwrap();
        }
    }

    fn allocate(&mut self, batch: Time) -> Result<(), EventError> {
        match self.ledger.plan_allocation(batch) {
            Some(event) => self.apply(&event),
            None => Ok(()),
        }
    }

    fn done(&mut self, batch: Time) {
        self.apply(&LedgerEvent::BatchDone { batch }).unwrap();
    }

    fn forget(&mut self, before: Time) {
        if let Some(event) = self.ledger.plan_forget(&Horizon::at(before)) {
            self.apply(&event).unwrap();
        }
    }

    fn unallocated(&self) -> Vec<BlockInfo> {
        self.ledger.unallocated(STREAM).copied().collect()
    }

    fn allocated(&self, batch: Time) -> Option<&[BlockInfo]> {
        self.ledger.allocated(batch).map(|allocation| allocation.of_stream(STREAM))
    }

    /// The ledger that a new process gets from the log, by way of bytes.
    fn recovered(&self) -> Ledger {
        replay(&self.log.events)
    }
}

fn replay(events: &[LedgerEvent]) -> Ledger {
    let mut ledger = Ledger::new();
    for event in events {
        let bytes = codec::encode(event).unwrap();
        ledger.apply(&codec::decode(&bytes, bytes.len()).unwrap()).unwrap();
    }
    ledger
}

/// Spark: "block addition, and block to batch allocation".
/// B-4
#[test]
fn a_batch_gets_all_unallocated_blocks_in_order_of_arrival() {
    let mut tracked = Tracked::default();
    let first = blocks(0..5);
    tracked.add(&first);
    assert_eq!(tracked.unallocated(), first);
    assert!(tracked.ledger.has_unallocated());

    tracked.allocate(batch(1)).unwrap();
    assert_eq!(tracked.allocated(batch(1)), Some(first.as_slice()));
    assert!(tracked.unallocated().is_empty() && !tracked.ledger.has_unallocated());

    tracked.allocate(batch(2)).unwrap();
    assert_eq!(tracked.allocated(batch(2)), Some([].as_slice()), "an empty batch is a batch");

    let later = blocks(5..10);
    tracked.add(&later);
    let before = tracked.ledger.clone();
    for old in [batch(1), batch(2)] {
        tracked.allocate(old).unwrap();
    }
    assert_eq!(tracked.ledger, before, "allocating again changes nothing");
    assert_eq!(tracked.unallocated(), later);
    assert_eq!(tracked.ledger.last_allocated(), Some(batch(2)));
}

#[test]
fn arrival_order_counts_not_the_sequence_number() {
    let mut tracked = Tracked::default();
    let arrived = [block(STREAM, 7), block(STREAM, 3), block(STREAM, 5)];
    tracked.add(&arrived);
    tracked.allocate(batch(1)).unwrap();
    assert_eq!(tracked.allocated(batch(1)), Some(arrived.as_slice()));
}

/// Spark: "block addition, and block to batch allocation with many blocks".
#[test]
fn a_hundred_thousand_blocks_are_logged_one_by_one_and_allocated_by_one_event() {
    let mut tracked = Tracked::default();
    let many = blocks(0..100_000);
    tracked.add(&many);
    tracked.allocate(batch(1)).unwrap();
    assert_eq!(tracked.allocated(batch(1)), Some(many.as_slice()));

    let (allocation, additions) = tracked.log.events.split_last().unwrap();
    let expected: Vec<_> = many.iter().map(|block| LedgerEvent::BlockAdded { block: *block }).collect();
    assert!(additions == expected);
    assert!(matches!(allocation, LedgerEvent::BatchAllocated(allocation) if allocation.of_stream(STREAM) == many));
    assert!(tracked.recovered() == tracked.ledger);
}

/// Spark: "recovery with write ahead logs should remove only allocated blocks from received queue".
#[test]
fn recovery_takes_only_the_allocated_blocks_from_the_queue() {
    let (allocated, waiting) = (blocks(0..5), blocks(5..10));
    let mut events: Vec<_> =
        allocated.iter().chain(&waiting).map(|block| LedgerEvent::BlockAdded { block: *block }).collect();
    let blocks = BTreeMap::from([(STREAM, allocated.clone())]);
    events.push(LedgerEvent::BatchAllocated(Allocation { batch: batch(1), blocks }));

    let ledger = replay(&events);
    assert_eq!(ledger.allocated(batch(1)).unwrap().of_stream(STREAM), allocated);
    assert_eq!(ledger.unallocated(STREAM).copied().collect::<Vec<_>>(), waiting);
}

/// Spark: "block allocation to batch should not loose blocks from received queue".
/// B-2
#[test]
fn a_failing_log_leaves_the_blocks_unallocated() {
    let mut tracked = Tracked::default();
    let received = blocks(0..5);
    tracked.add(&received);

    tracked.log.fails = true;
    assert!(matches!(tracked.allocate(batch(1)), Err(EventError::NotLogged(LedgerLogError::Failed { .. }))));
    assert_eq!(tracked.unallocated(), received);
    assert_eq!(tracked.allocated(batch(1)), None);

    tracked.log.fails = false;
    tracked.allocate(batch(2)).unwrap();
    for ledger in [&tracked.ledger, &tracked.recovered()] {
        assert!(ledger.allocated(batch(1)).is_none());
        assert_eq!(ledger.allocated(batch(2)).unwrap().of_stream(STREAM), received);
        assert!(!ledger.has_unallocated());
    }
}

/// Spark: "recovery and cleanup with write ahead logs".
#[test]
fn recovery_gives_the_same_ledger_before_and_after_forgetting() {
    let mut tracked = Tracked::default();
    assert_eq!(Ledger::new(), replay(&[]), "without a log there is nothing to recover");
    let (first, second) = (blocks(0..5), blocks(5..10));
    tracked.add(&first);
    assert_eq!(tracked.recovered(), tracked.ledger);
    tracked.allocate(batch(1)).unwrap();
    tracked.add(&second);
    tracked.allocate(batch(2)).unwrap();
    assert_eq!(tracked.recovered(), tracked.ledger);

    tracked.done(batch(1));
    assert_eq!(tracked.ledger.freed_by(&Horizon::at(batch(2))).copied().collect::<Vec<_>>(), first);
    tracked.forget(batch(2));
    assert_eq!(tracked.log.events.last(), Some(&LedgerEvent::BatchesForgotten(Horizon::at(batch(2)))));
    for ledger in [&tracked.ledger, &tracked.recovered()] {
        assert!(ledger.allocated(batch(1)).is_none());
        assert_eq!(ledger.allocated(batch(2)).unwrap().of_stream(STREAM), second);
        assert_eq!(ledger.freed_by(&Horizon::at(batch(2))).count(), 0);
    }
    assert_eq!(tracked.recovered(), tracked.ledger);
}

/// Spark: "parallel file deletion ... is robust to deletion error": what an event says stays said, however much of the
/// log before it is still there.
#[test]
fn forgetting_is_for_good_once_it_is_logged() {
    let mut tracked = Tracked::default();
    for (number, range) in [(1, 0..5), (3, 5..10)] {
        tracked.add(&blocks(range));
        tracked.allocate(batch(number)).unwrap();
        tracked.done(batch(number));
    }
    tracked.add(&blocks(10..15));
    tracked.forget(batch(3));
    let recovered = tracked.recovered();
    assert!(recovered.allocated(batch(1)).is_none());
    assert_eq!(recovered.allocated(batch(3)).unwrap().of_stream(STREAM), blocks(5..10));
    assert_eq!(recovered.unallocated(STREAM).copied().collect::<Vec<_>>(), blocks(10..15));
    assert_eq!(recovered.last_allocated(), Some(batch(3)));
}

/// Spark: "disable write ahead log when checkpoint directory is not set".
#[test]
fn the_memory_log_takes_everything() {
    let mut ledger = Ledger::new();
    let event = LedgerEvent::BlockAdded { block: block(STREAM, 0) };
    assert_eq!(block_on(log_then_apply(&mut ledger, &mut MemoryLog, LogRecord::of(event))), Ok(()));
    assert!(ledger.has_unallocated());
}

/// SPARK-6222: batch 3 still runs while batches 4 to 10 have been generated, and are even done.
/// B-3
#[test]
fn the_blocks_of_a_running_batch_are_kept_however_far_later_batches_are() {
    let mut tracked = Tracked::default();
    for number in 1..=10_u64 {
        tracked.add(&blocks(number..number + 1));
        tracked.allocate(batch(number as i64)).unwrap();
    }
    for number in (1..=10).filter(|number| *number != 3) {
        tracked.done(batch(number));
    }

    let early = LedgerEvent::BatchesForgotten(Horizon::at(batch(10)));
    let before = tracked.ledger.clone();
    let refused = LedgerError::NotDone { batch: batch(3), before: batch(10) };
    assert_eq!(tracked.apply(&early), Err(EventError::Refused(refused)));
    assert_eq!(tracked.ledger, before);

    tracked.forget(batch(10));
    assert!(tracked.allocated(batch(2)).is_none());
    assert_eq!(tracked.allocated(batch(3)), Some(blocks(3..4).as_slice()));
    assert!(tracked.allocated(batch(4)).is_some());

    tracked.done(batch(3));
    tracked.forget(batch(10));
    assert!(tracked.allocated(batch(9)).is_none());
    assert!(tracked.allocated(batch(10)).is_some());
}

/// B-1.
/// B-1
#[test]
fn a_block_belongs_to_one_batch_only() {
    let mut tracked = Tracked::default();
    tracked.add(&blocks(0..2));
    let taken = tracked.ledger.plan_allocation(batch(1)).unwrap();
    tracked.apply(&taken).unwrap();

    let LedgerEvent::BatchAllocated(allocation) = taken else { panic!("expected an allocation") };
    let again = LedgerEvent::BatchAllocated(Allocation { batch: batch(2), ..allocation });
    let id = block(STREAM, 0).id;
    let refused = LedgerError::NotNext { batch: batch(2), stream: STREAM, block: id };
    assert_eq!(tracked.apply(&again), Err(EventError::Refused(refused)));

    let duplicate = LedgerEvent::BlockAdded { block: block(STREAM, 0) };
    assert_eq!(tracked.apply(&duplicate), Err(EventError::Refused(LedgerError::DuplicateBlock { block: id })));
    assert_eq!(tracked.log.events.len(), 3, "what is refused is not logged");
}

#[test]
fn a_batch_is_done_once_and_only_after_it_was_allocated() {
    let mut tracked = Tracked::default();
    let event = LedgerEvent::BatchDone { batch: batch(1) };
    let refused = Err(EventError::Refused(LedgerError::NotPending { batch: batch(1) }));
    assert_eq!(tracked.apply(&event), refused);
    tracked.allocate(batch(1)).unwrap();
    assert_eq!(tracked.apply(&event), Ok(()));
    assert_eq!(tracked.apply(&event), refused);
}

#[test]
fn bytes_are_unprocessed_until_their_batch_is_done() {
    let mut tracked = Tracked::default();
    tracked.add(&[block(STREAM, 1), block(StreamId(2), 2)]);
    tracked.allocate(batch(1)).unwrap();
    tracked.add(&[block(STREAM, 3)]);
    assert_eq!(tracked.ledger.unprocessed_bytes(), 101 + 102 + 103);
    assert_eq!(tracked.ledger.pending_batches().map(Allocation::records).collect::<Vec<_>>(), [11 + 12]);
    tracked.done(batch(1));
    assert_eq!(tracked.ledger.unprocessed_bytes(), 103);
    assert_eq!(tracked.ledger.pending_batches().count(), 0);
}

/// Spark: "write ahead log - generating and cleaning": the stream under a window keeps its blocks, the other does not.
/// B-8
#[test]
fn a_stream_that_is_needed_longer_does_not_hold_the_blocks_of_another() {
    let (windowed, other) = (StreamId(1), StreamId(2));
    let mut tracked = Tracked::default();
    let of = |stream, number: i64| block(stream, number.unsigned_abs());
    let horizon =
        |number: i64| Horizon { before: batch(number + 1), kept: BTreeMap::from([(windowed, batch(number - 2))]) };
    for number in 1..=9 {
        tracked.add(&[of(windowed, number), of(other, number)]);
        tracked.allocate(batch(number)).unwrap();
        tracked.done(batch(number));
        let freed: Vec<_> = tracked.ledger.freed_by(&horizon(number)).copied().collect();
        let old = (number > 3).then(|| of(windowed, number - 3));
        assert_eq!(freed, [of(other, number)].into_iter().chain(old).collect::<Vec<_>>(), "after batch {number}");
        let event = tracked.ledger.plan_forget(&horizon(number)).unwrap();
        tracked.apply(&event).unwrap();
    }
    let kept: Vec<_> = (5..=9).filter_map(|number| tracked.ledger.allocated(batch(number))).cloned().collect();
    assert_eq!(
        kept.iter().flat_map(Allocation::all_blocks).copied().collect::<Vec<_>>(),
        [7, 8, 9].map(|n| of(windowed, n))
    );
    assert_eq!(tracked.recovered(), tracked.ledger);
}

#[test]
fn a_limited_stream_gives_its_oldest_blocks_and_the_others_wait_for_later_batches() {
    let mut tracked = Tracked::default();
    // They hold 10, 11, 12 and 13 records.
    tracked.add(&blocks(0..4));
    let other = block(StreamId(2), 0);
    tracked.add(&[other]);
    for (number, limit, expected) in [(1, 0, 0..0), (2, 1, 0..1), (3, 12, 1..3), (4, 100, 3..4)] {
        let limits = BTreeMap::from([(STREAM, limit)]);
        let event = tracked.ledger.plan_allocation_within(batch(number), &limits).unwrap();
        tracked.apply(&event).unwrap();
        assert_eq!(tracked.allocated(batch(number)), Some(blocks(expected).as_slice()), "limit {limit}");
    }
    let allocation = tracked.ledger.allocated(batch(1)).unwrap();
    assert_eq!(allocation.of_stream(StreamId(2)), [other], "the others give all");
}
