//! The three answers to too many records, at the door and on the way behind it.

use super::*;
use crate::block::{BlockInfo, Ledger, LedgerEvent};
use crate::clock::ManualClock;
use crate::flow::{FlowBook, FlowCounts};
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use futures::FutureExt;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const STREAM: StreamId = StreamId(0);

/// Blocks of 1000 bytes; ten of them fill the memory, a hundred more the files.
fn limits(overload: Overload, rate: Option<f64>) -> IntakeLimits {
    IntakeLimits {
        block_max_bytes: 1000,
        queue_blocks: 2,
        max_pending_bytes: 10_240,
        overload,
        max_spill_bytes: 102_400,
        first_rate: rate,
        ..IntakeLimits::default()
    }
}

/// An intake with a supervisor, a ledger and batches behind it, all by hand.
struct Stream {
    intake: Intake<u32>,
    /// Records that a batch takes at most, where the stream spills.
    most: BTreeMap<StreamId, u64>,
    ledger: Ledger,
    book: FlowBook,
    batches: std::collections::VecDeque<(Time, FlowCounts)>,
    next_batch: i64,
    /// What the blocks that are not done hold.
    held: HashMap<u64, (Vec<u32>, [Option<Credit>; 2])>,
    /// What was handed over and not dropped, and what batches that are done had, in order.
    accepted: Vec<u32>,
    processed: Vec<u32>,
    next_record: u32,
}

impl Stream {
    fn new(overload: Overload, rate: Option<f64>) -> Stream {
        let most = match (overload, rate) {
            (Overload::Spill, Some(rate)) => BTreeMap::from([(STREAM, rate as u64)]),
            _ => BTreeMap::new(),
        };
        let clock = Arc::new(ManualClock::new(Time::ZERO));
        let ledger = Ledger::new();
        Stream {
            intake: Intake::new(limits(overload, rate), clock, 0),
            most,
            book: FlowBook::of(&ledger),
            ledger,
            batches: Default::default(),
            next_batch: 1,
            held: HashMap::new(),
            accepted: Vec::new(),
            processed: Vec::new(),
            next_record: 0,
        }
    }

    /// Stores so many records of 100 bytes; `false` if that would wait.
    fn store(&mut self, records: u32) -> bool {
        let all: Vec<u32> = (self.next_record..self.next_record + records).collect();
        let shed = self.intake.door().shed;
        let stored = self.intake.store_many(all.clone(), Some(100 * all.len())).now_or_never();
        if let Some(stored) = stored {
            stored.unwrap();
            self.next_record += records;
            if self.intake.door().shed == shed {
                self.accepted.extend(all);
            }
        }
        stored.is_some()
    }

    /// Takes cut blocks to where the supervisor takes them; how many went to files.
    fn pump(&mut self) -> usize {
        let mut spilled = 0;
        while let Some(queued) = self.intake.next_block().now_or_never() {
            let QueuedBlock { sequence, block, credit, room, spill, door, .. } = queued;
            let id = BlockId { stream: STREAM, sequence };
            let info = BlockInfo { id, records: block.records as u64, bytes: block.bytes as u64 };
            self.ledger.apply(&LedgerEvent::BlockAdded { block: info }).unwrap();
            self.book.added(&info, door);
            self.held.insert(sequence, (block.chunks.concat(), [credit.filter(|_| !spill), room]));
            self.intake.stored(sequence);
            spilled += usize::from(spill);
        }
        spilled
    }

    fn tick(&mut self) {
        self.intake.cut();
        self.intake.next_batch();
        self.pump();
        if let Some(door) = self.intake.dropped_behind_the_last_block() {
            self.book.at_door(STREAM, door);
        }
        let batch = Time::from_millis(self.next_batch * 1000);
        self.next_batch += 1;
        let event = self.ledger.plan_allocation_within(batch, &self.most).unwrap();
        self.ledger.apply(&event).unwrap();
        self.book.allocated(self.ledger.allocated(batch).unwrap());
        self.batches.push_back((batch, self.counts()));
    }

    /// The oldest batch is done. The counts as of its cut have to be even.
    fn commit(&mut self) {
        let Some((batch, at_its_cut)) = self.batches.pop_front() else { return };
        self.ledger.apply(&LedgerEvent::BatchDone { batch }).unwrap();
        let allocation = self.ledger.allocated(batch).unwrap().clone();
        self.book.committed(&allocation);
        for block in allocation.all_blocks() {
            self.processed.extend(self.held.remove(&block.id.sequence).unwrap().0);
        }
        let committed = self.counts().committed;
        assert_eq!(at_its_cut.received, committed + at_its_cut.spilled + at_its_cut.shed, "{at_its_cut}");
    }

    fn counts(&self) -> FlowCounts {
        self.book.counts().get(&STREAM).copied().unwrap_or_default()
    }

    /// Whether all that was let in comes out in the end, in order.
    fn finish(mut self) {
        for _ in 0..1000 {
            self.tick();
            self.commit();
        }
        assert_eq!(self.processed, self.accepted);
        let counts = self.counts();
        assert_eq!((counts.committed, counts.pending, counts.spilled), (self.accepted.len() as u64, 0, 0));
        assert_eq!(counts.received, u64::from(self.next_record));
    }
}

#[test]
fn a_stream_that_blocks_waits_for_the_next_batch_once_its_quota_is_used() {
    let mut stream = Stream::new(Overload::Block, Some(10.0));
    assert!(stream.store(4) && stream.store(6));
    assert!(!stream.store(1));
    stream.tick();
    assert!(stream.store(1));
    stream.finish();
}

#[test]
fn whoever_waits_for_the_quota_comes_in_with_the_next_batch_or_a_higher_rate() {
    for higher in [false, true] {
        let stream = Stream::new(Overload::Block, Some(10.0));
        assert!(stream.intake.store_many(vec![0; 10], Some(1)).now_or_never().is_some());
        let mut waiting = Box::pin(stream.intake.store(1));
        assert!((&mut waiting).now_or_never().is_none());
        if higher {
            stream.intake.update_rate(11.0)
        } else {
            stream.intake.next_batch()
        }
        assert!(waiting.now_or_never().is_some());
    }
}

/// P-7
#[test]
fn a_stop_lets_in_what_only_waits_for_the_quota_for_a_while() {
    for overload in [Overload::Block, Overload::Shed] {
        let clock = ManualClock::new(Time::ZERO);
        let intake = Intake::new(limits(overload, Some(1.0)), Arc::new(clock.clone()), 0);
        assert!(intake.store(0).now_or_never().is_some());
        let mut waiting = Box::pin(intake.store_for_good(None, vec![1], None, None));
        assert!((&mut waiting).now_or_never().is_none());
        intake.close_to_waiting();
        assert_eq!(waiting.now_or_never(), Some(Ok(0)));
        assert_eq!(intake.store(2).now_or_never(), Some(Ok(0)));
        assert_eq!(intake.door(), DoorCounts { received: 3, shed: 0 });
        clock.advance(GRACE);
        let refused = intake.store_for_good(None, vec![3], None, None).now_or_never();
        assert_eq!(refused, Some(Err(ReceiverStopped)), "{overload:?}");
    }
}

/// P-7: a receiver that selects a store against something else would otherwise be held back for many batches.
#[test]
fn a_store_that_is_given_up_or_refused_takes_nothing_of_the_quota() {
    let (over, stream) = (Run::default(), Stream::new(Overload::Block, Some(10.0)));
    let store = |records: usize, bytes| Box::pin(stream.intake.store_many(vec![0; records], Some(bytes)));
    assert!(store(4, 10_000).now_or_never().is_some());
    let mut waits_for_memory = store(1000, 1000);
    assert!((&mut waits_for_memory).now_or_never().is_none());
    drop(waits_for_memory);
    over.end();
    let refused = stream.intake.store_many_in(Some(&over), vec![0; 1000], Some(1)).now_or_never();
    assert_eq!(refused, Some(Err(ReceiverStopped)));
    assert!(store(5, 1).now_or_never().is_some() && store(1, 1).now_or_never().is_some());
    assert!(store(1, 1).now_or_never().is_none(), "ten are in");
}

#[test]
fn a_store_that_is_given_up_takes_nothing_of_the_rate() {
    let clock = ManualClock::new(Time::ZERO);
    let intake: Intake<u32> =
        Intake::new(IntakeLimits { max_rate: Some(10), ..limits(Overload::Block, None) }, Arc::new(clock.clone()), 0);
    assert!(intake.store(0).now_or_never().is_some());
    let mut waiting = Box::pin(intake.store_many(vec![1; 1000], Some(1)));
    assert!((&mut waiting).now_or_never().is_none());
    drop(waiting);
    clock.advance(crate::time::milliseconds(100));
    assert!(intake.store(2).now_or_never().is_some());
}

#[test]
fn a_chunk_should_be_a_part_of_what_the_next_batch_may_hold() {
    let of = |interval, first_rate, max_rate| {
        let limits = IntakeLimits { interval, first_rate, max_rate, ..IntakeLimits::default() };
        Intake::<u32>::new(limits, Arc::new(ManualClock::new(Time::ZERO)), 0)
    };
    let (short, long) = (crate::time::milliseconds(10), crate::time::seconds(1));
    assert_eq!(of(short, Some(100_000.0), None).max_chunk(), 100);
    assert_eq!(of(long, Some(100_000.0), Some(2000)).max_chunk(), 200);
    assert_eq!(of(long, Some(1.0), None).max_chunk(), 1);
    let unlimited = of(long, None, None);
    assert_eq!(unlimited.max_chunk(), usize::MAX);
    unlimited.update_rate(500.0);
    assert_eq!(unlimited.max_chunk(), 50);
}

/// P-10
#[test]
fn a_stream_that_sheds_drops_the_newest_whole_stores_and_never_what_is_stored_for_good() {
    let mut stream = Stream::new(Overload::Shed, Some(10.0));
    assert!(stream.store(4) && stream.store(7) && stream.store(3));
    assert_eq!(stream.intake.door(), DoorCounts { received: 14, shed: 3 });
    assert_eq!(stream.accepted, (0..11).collect::<Vec<_>>());
    {
        let mut waiting = Box::pin(stream.intake.store_for_good(None, vec![14], None, None));
        assert!((&mut waiting).now_or_never().is_none(), "it waits");
        stream.intake.next_batch();
        assert!(waiting.now_or_never().is_some());
    }
    assert_eq!(stream.intake.door(), DoorCounts { received: 15, shed: 3 });
}

/// P-9
#[test]
fn a_stream_that_spills_takes_in_what_the_next_batch_cannot_and_keeps_it_out_of_memory() {
    let mut stream = Stream::new(Overload::Spill, Some(10.0));
    let mut to_files = 0;
    for _ in 0..20 {
        assert!(stream.store(10));
        to_files += stream.pump();
    }
    assert_eq!(to_files, 19, "all but what the next batch takes");
    let free = stream.intake.credits.available_permits();
    assert_eq!(free, 10_240 - 1000);
    stream.tick();
    assert_eq!(stream.counts(), FlowCounts { received: 200, pending: 10, spilled: 190, ..FlowCounts::default() });
    stream.finish();
}

/// P-9
#[test]
fn a_stream_that_spills_waits_when_its_files_are_full_and_goes_on_when_a_batch_is_done() {
    let mut stream = Stream::new(Overload::Spill, Some(10.0));
    let mut stored = 0;
    while stream.store(10) {
        stream.pump();
        stored += 1;
        assert!(stored < 1000, "nothing holds it");
    }
    assert_eq!(stored, (10_240 + 102_400) / 1000, "memory and files have room for so many blocks");
    stream.tick();
    assert!(!stream.store(10));
    stream.commit();
    assert!(stream.store(10));
    stream.finish();
}

proptest! {
    /// P-8
    #[test]
    fn no_record_is_lost_doubled_or_out_of_order_and_all_are_counted_under_any_load(
        overload in prop::sample::select(vec![Overload::Block, Overload::Spill, Overload::Shed]),
        rate in prop::option::of(1..200_u32),
        steps in prop::collection::vec((0..5_u8, 1..30_u32), 1..200),
    ) {
        let mut stream = Stream::new(overload, rate.map(f64::from));
        for (step, number) in steps {
            match step {
                0 | 1 => {
                    let waits = !stream.store(number);
                    prop_assert!(!(waits && overload == Overload::Shed), "shedding never waits");
                }
                2 => _ = stream.pump(),
                3 => stream.tick(),
                _ => stream.commit(),
            }
            prop_assert!(stream.counts().is_balanced(), "{}", stream.counts());
            let in_memory: usize = stream.held.values().filter(|(_, held)| held[0].is_some()).map(|(all, _)| 100 * all.len()).sum();
            prop_assert!(in_memory <= 10_240);
            let dropped = stream.counts().shed;
            prop_assert!(dropped == 0 || overload == Overload::Shed);
        }
        stream.finish();
    }
}
