//! The count of every stream's records on their way: from the blocks that come in, the batches that take them and the commits.

use super::{Amount, DoorCounts, FlowCounts, LedgerDepth};
use crate::block::{Allocation, BlockInfo, Ledger};
use crate::ids::StreamId;
use std::collections::BTreeMap;

/// The counts of all streams of a context. Told of every block, allocation and commit, in the order in which the ledger is.
#[derive(Debug, Clone, Default)]
pub struct FlowBook {
    streams: BTreeMap<StreamId, Way>,
}

/// The records of one stream.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// Of an earlier run.
    recovered: u64,
    door: DoorCounts,
    /// In no batch.
    waiting: Amount,
    /// Those of `waiting` that the last batch left behind.
    behind: Amount,
    /// In batches that are not done.
    allocated: Amount,
    committed: u64,
}

impl FlowBook {
    /// The book of a ledger that an earlier run left, or of an empty one.
    pub fn of(ledger: &Ledger) -> FlowBook {
        let mut book = FlowBook::default();
        for block in ledger.all_unallocated() {
            let way = book.way(block.id.stream);
            way.recovered += block.records;
            way.waiting += block.into();
        }
        for block in ledger.pending_batches().flat_map(Allocation::all_blocks) {
            let way = book.way(block.id.stream);
            way.recovered += block.records;
            way.allocated += block.into();
        }
        book
    }

    /// A block came in; `door` is what had come to the door of its stream when it was cut.
    pub fn added(&mut self, block: &BlockInfo, door: DoorCounts) {
        let way = self.way(block.id.stream);
        way.door = door;
        // Only a position is in a block without records, and no batch takes it.
        if block.records > 0 {
            way.waiting += block.into();
        }
    }

    /// What has come to the door of a stream by now: what is in no block that was added was dropped.
    pub fn at_door(&mut self, stream: StreamId, door: DoorCounts) {
        let way = self.way(stream);
        // A block that was cut later may have been quicker.
        if door.received > way.door.received {
            way.door = door;
        }
    }

    /// A batch took its blocks. What it left behind is spilled.
    pub fn allocated(&mut self, allocation: &Allocation) {
        for block in allocation.all_blocks() {
            let way = self.way(block.id.stream);
            way.waiting = way.waiting.without(block.into());
            way.allocated += block.into();
        }
        self.streams.values_mut().for_each(|way| way.behind = way.waiting);
    }

    /// A batch is done.
    pub fn committed(&mut self, allocation: &Allocation) {
        for block in allocation.all_blocks() {
            let way = self.way(block.id.stream);
            way.allocated = way.allocated.without(block.into());
            way.committed += block.records;
        }
    }

    /// Where the records of each stream are.
    pub fn counts(&self) -> BTreeMap<StreamId, FlowCounts> {
        let counts = |way: &Way| FlowCounts {
            received: way.recovered + way.door.received,
            committed: way.committed,
            pending: way.allocated.records + way.waiting.without(way.behind).records,
            spilled: way.behind.records,
            shed: way.door.shed,
        };
        self.streams.iter().map(|(stream, way)| (*stream, counts(way))).collect()
    }

    /// What of each stream lies in the ledger and is not done.
    pub fn depths(&self) -> BTreeMap<StreamId, LedgerDepth> {
        let depth = |way: &Way| LedgerDepth { waiting: way.waiting, spilled: way.behind, allocated: way.allocated };
        self.streams.iter().map(|(stream, way)| (*stream, depth(way))).collect()
    }

    fn way(&mut self, stream: StreamId) -> &mut Way {
        self.streams.entry(stream).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::LedgerEvent;
    use crate::ids::BlockId;
    use crate::time::Time;
    use proptest::prelude::*;

    const STREAM: StreamId = StreamId(0);

    fn block(sequence: u64, records: u64) -> BlockInfo {
        BlockInfo { id: BlockId { stream: STREAM, sequence }, records, bytes: records }
    }

    fn batch(number: i64) -> Time {
        Time::from_millis(number * 1000)
    }

    /// Has the ledger take the event, and tells the book.
    fn apply(ledger: &mut Ledger, book: &mut FlowBook, event: &LedgerEvent) {
        ledger.apply(event).unwrap();
        match event {
            LedgerEvent::BatchAllocated(allocation) => book.allocated(allocation),
            LedgerEvent::BatchDone { batch } => book.committed(ledger.allocated(*batch).unwrap()),
            _ => {}
        }
    }

    #[test]
    fn what_a_batch_cannot_take_is_spilled_until_a_later_one_does() {
        let (mut ledger, mut door) = (Ledger::new(), DoorCounts::default());
        let mut book = FlowBook::of(&ledger);
        for sequence in 0..3 {
            door.received += 10;
            let block = block(sequence, 10);
            ledger.apply(&LedgerEvent::BlockAdded { block }).unwrap();
            book.added(&block, door);
        }
        let counts = |book: &FlowBook| book.counts()[&STREAM];
        assert_eq!(counts(&book), FlowCounts { received: 30, pending: 30, ..FlowCounts::default() });

        let limits = BTreeMap::from([(STREAM, 15)]);
        let first = ledger.plan_allocation_within(batch(1), &limits).unwrap();
        apply(&mut ledger, &mut book, &first);
        assert_eq!(counts(&book), FlowCounts { received: 30, pending: 20, spilled: 10, ..FlowCounts::default() });
        let amount = |blocks| Amount { blocks, records: 10 * blocks, bytes: 10 * blocks };
        let depth = LedgerDepth { waiting: amount(1), spilled: amount(1), allocated: amount(2) };
        assert_eq!(book.depths(), BTreeMap::from([(STREAM, depth)]));
        apply(&mut ledger, &mut book, &LedgerEvent::BatchDone { batch: batch(1) });
        assert_eq!(counts(&book), FlowCounts { received: 30, committed: 20, spilled: 10, ..FlowCounts::default() });

        let taken_up = FlowBook::of(&ledger);
        assert_eq!(counts(&taken_up), FlowCounts { received: 10, pending: 10, ..FlowCounts::default() });
    }

    proptest! {
        /// P-8
        #[test]
        fn every_record_is_in_exactly_one_count_whatever_happens(
            steps in prop::collection::vec((0..4_u8, 1..50_u64), 0..120), most in 1..200_u64,
        ) {
            let (mut ledger, mut door) = (Ledger::new(), DoorCounts::default());
            let mut book = FlowBook::of(&ledger);
            let (mut sequence, mut allocated, mut done) = (0, 0, 0);
            let mut at_the_cut: Vec<FlowCounts> = Vec::new();
            for (step, records) in steps {
                match step {
                    0 => door = DoorCounts { received: door.received + records, shed: door.shed + records },
                    1 => {
                        door.received += records;
                        let block = block(sequence, records);
                        sequence += 1;
                        ledger.apply(&LedgerEvent::BlockAdded { block }).unwrap();
                        book.added(&block, door);
                    }
                    2 => {
                        allocated += 1;
                        let limits = BTreeMap::from([(STREAM, most)]);
                        let event = ledger.plan_allocation_within(batch(allocated), &limits).unwrap();
                        apply(&mut ledger, &mut book, &event);
                        at_the_cut.push(book.counts().get(&STREAM).copied().unwrap_or_default());
                    }
                    _ if done < allocated => {
                        done += 1;
                        apply(&mut ledger, &mut book, &LedgerEvent::BatchDone { batch: batch(done) });
                        let committed = book.counts().get(&STREAM).copied().unwrap_or_default().committed;
                        let cut = at_the_cut[done as usize - 1];
                        prop_assert_eq!(cut.received, committed + cut.spilled + cut.shed);
                    }
                    _ => {}
                }
                prop_assert!(book.counts().values().all(FlowCounts::is_balanced), "{:?}", book.counts());
                let sum = |blocks: &mut dyn Iterator<Item = &BlockInfo>| {
                    blocks.fold(Amount::default(), |sum, block| sum + block.into())
                };
                let depth = book.depths().get(&STREAM).copied().unwrap_or_default();
                prop_assert_eq!(depth.waiting, sum(&mut ledger.all_unallocated()));
                prop_assert_eq!(depth.allocated, sum(&mut ledger.pending_batches().flat_map(Allocation::all_blocks)));
                prop_assert!(depth.spilled.blocks <= depth.waiting.blocks, "{:?}", depth);
            }
        }
    }
}
