//! A ledger that was read back, and one whose blocks or streams have other names or are gone.

use super::{Allocation, BlockInfo, Horizon, Ledger};
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use std::collections::BTreeMap;

impl Ledger {
    /// The blocks that belong to no batch yet.
    pub fn unallocated_blocks(&self) -> impl Iterator<Item = &BlockInfo> {
        self.unallocated.values().flatten()
    }

    /// The batches that are not forgotten, those that are not done first.
    pub fn batches(&self) -> impl Iterator<Item = &Allocation> {
        self.pending.values().chain(self.done.values())
    }

    /// All blocks that the ledger knows: those that belong to no batch yet, then those of batches.
    pub fn all_blocks(&self) -> impl Iterator<Item = &BlockInfo> {
        self.unallocated_blocks().chain(self.batches().flat_map(Allocation::all_blocks))
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.known.len()
    }

    /// Whether a batch is allocated and not done.
    pub fn is_pending(&self, batch: Time) -> bool {
        self.pending.contains_key(&batch)
    }

    /// The same ledger with every stream under the name that `stream` gives it, without the streams that it gives none, and
    /// without the blocks that `keep` refuses. A ledger that was decoded has to go through here: what it knows is found anew.
    pub fn renamed(self, stream: impl Fn(StreamId) -> Option<StreamId>, keep: impl Fn(&BlockInfo) -> bool) -> Ledger {
        let block = |info: BlockInfo| {
            let kept = keep(&info).then_some(info)?;
            Some(BlockInfo { id: BlockId { stream: stream(kept.id.stream)?, ..kept.id }, ..kept })
        };
        let allocation = |Allocation { batch, blocks }: Allocation| {
            let mut renamed = BTreeMap::<StreamId, Vec<BlockInfo>>::new();
            for info in blocks.into_values().flatten().filter_map(block) {
                renamed.entry(info.id.stream).or_default().push(info);
            }
            (batch, Allocation { batch, blocks: renamed })
        };
        let mut ledger = Ledger {
            pending: self.pending.into_values().map(allocation).collect(),
            done: self.done.into_values().map(allocation).collect(),
            horizon: self.horizon.map(|horizon| Horizon {
                before: horizon.before,
                kept: horizon.kept.iter().filter_map(|(id, time)| Some((stream(*id)?, *time))).collect(),
            }),
            last_allocated: self.last_allocated,
            ..Ledger::default()
        };
        for info in self.unallocated.into_values().flatten().filter_map(block) {
            ledger.unallocated.entry(info.id.stream).or_default().push_back(info);
        }
        ledger.known = ledger.all_blocks().map(|info| info.id).collect();
        let unprocessed = ledger.unallocated.values().flatten();
        let unprocessed = unprocessed.chain(ledger.pending.values().flat_map(Allocation::all_blocks));
        ledger.unprocessed_bytes = unprocessed.fold(0, |bytes, info| bytes.saturating_add(info.bytes));
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::LedgerEvent;
    use crate::codec;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new();
        let add = |ledger: &mut Ledger, stream, sequence| {
            let id = BlockId { stream: StreamId(stream), sequence };
            ledger.apply(&LedgerEvent::BlockAdded { block: BlockInfo { id, records: 1, bytes: 10 } }).unwrap();
        };
        for batch in [1_000, 2_000, 3_000] {
            add(&mut ledger, 0, batch);
            add(&mut ledger, 1, batch);
            let event = ledger.plan_allocation(Time::from_millis(batch as i64)).unwrap();
            ledger.apply(&event).unwrap();
        }
        let (events, _) = ledger.plan_commit(Time::from_millis(1_000), &Horizon::at(Time::from_millis(900)));
        events.iter().for_each(|event| ledger.apply(event).unwrap());
        add(&mut ledger, 1, 4_000);
        ledger
    }

    #[test]
    fn a_ledger_that_was_written_and_read_is_the_same() {
        let ledger = ledger();
        let bytes = codec::encode(&ledger).unwrap();
        let read: Ledger = codec::decode(&bytes, bytes.len()).unwrap();
        assert_ne!(read, ledger, "it does not know its blocks");
        assert_eq!(read.renamed(Some, |_| true), ledger);
        assert_eq!(ledger.blocks(), 7);
    }

    #[test]
    fn streams_change_their_names_or_go_with_their_blocks() {
        let swapped = ledger().renamed(|stream| Some(StreamId(1 - stream.0)), |_| true);
        assert_eq!(swapped.unallocated(StreamId(0)).count(), 1);
        let first = swapped.allocated(Time::from_millis(1_000)).unwrap();
        assert_eq!(first.of_stream(StreamId(1))[0].id, BlockId { stream: StreamId(1), sequence: 1_000 });
        assert!(swapped.is_pending(Time::from_millis(2_000)) && !swapped.is_pending(Time::from_millis(1_000)));
        let alone = ledger().renamed(|stream| (stream.0 == 1).then_some(StreamId(5)), |info| info.id.sequence != 2_000);
        assert_eq!((alone.blocks(), alone.unprocessed_bytes()), (3, 20));
        assert_eq!(alone.pending_batches().count(), 2, "a batch without blocks is still to be done");
        assert_eq!(alone.last_allocated(), ledger().last_allocated());
    }
}
