//! The numbers of streams in the storage, and their numbers in the program.
//!
//! In a program a stream's number is its position, which changes when a stream is added before it. What is stored therefore has
//! numbers of its own, given once to each name.

use crate::block::{Allocation, BlockInfo, Horizon, LedgerEvent};
use crate::ids::{BlockId, StreamId};
use std::collections::{BTreeMap, HashMap};

/// Which stream of the program has which number in the storage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamTable {
    stored: BTreeMap<String, u32>,
    outward: HashMap<StreamId, StreamId>,
    inward: HashMap<StreamId, StreamId>,
}

impl StreamTable {
    /// The table of a program whose streams have these names, over what was stored: a name keeps its number, a new one gets the
    /// next.
    ///
    /// ```
    /// use waterwheel_runtime::durable::StreamTable;
    /// use waterwheel_runtime::ids::StreamId;
    ///
    /// let first = StreamTable::new(Default::default(), &[("clicks".to_owned(), StreamId(0))]);
    /// let names = [("orders".to_owned(), StreamId(0)), ("clicks".to_owned(), StreamId(1))];
    /// let second = StreamTable::new(first.stored().clone(), &names);
    /// assert_eq!(second.outward(StreamId(1)), first.outward(StreamId(0)));
    /// ```
    pub fn new(stored: BTreeMap<String, u32>, program: &[(String, StreamId)]) -> StreamTable {
        let mut table = StreamTable { stored, ..StreamTable::default() };
        for (name, stream) in program {
            let next = table.stored.values().max().map_or(0, |last| last.saturating_add(1));
            let number = StreamId(*table.stored.entry(name.clone()).or_insert(next));
            table.outward.insert(*stream, number);
            table.inward.insert(number, *stream);
        }
        table
    }

    /// The number of each name, those of earlier programs among them: what is to be stored.
    pub fn stored(&self) -> &BTreeMap<String, u32> {
        &self.stored
    }

    /// The stored number of a stream of the program.
    pub fn outward(&self, stream: StreamId) -> Option<StreamId> {
        self.outward.get(&stream).copied()
    }

    /// The stream of the program with this stored number; `None` when the program no longer has it.
    pub fn inward(&self, stored: StreamId) -> Option<StreamId> {
        self.inward.get(&stored).copied()
    }

    /// The name of the stream with this stored number.
    pub fn name(&self, stored: StreamId) -> Option<&str> {
        self.stored.iter().find(|(_, number)| **number == stored.0).map(|(name, _)| name.as_str())
    }

    /// The stored name of a block of the program.
    pub fn block_outward(&self, block: BlockId) -> Option<BlockId> {
        Some(BlockId { stream: self.outward(block.stream)?, ..block })
    }

    /// An event of the program as it is stored; the stream that has no name when there is one.
    pub(super) fn event_outward(&self, event: &LedgerEvent) -> Result<LedgerEvent, StreamId> {
        let stream = |stream: StreamId| self.outward(stream).ok_or(stream);
        let info =
            |info: &BlockInfo| Ok(BlockInfo { id: BlockId { stream: stream(info.id.stream)?, ..info.id }, ..*info });
        Ok(match event {
            LedgerEvent::BlockAdded { block } => LedgerEvent::BlockAdded { block: info(block)? },
            LedgerEvent::BatchAllocated(Allocation { batch, blocks }) => {
                let theirs = |(id, blocks): (&StreamId, &Vec<BlockInfo>)| {
                    Ok((stream(*id)?, blocks.iter().map(info).collect::<Result<_, _>>()?))
                };
                LedgerEvent::BatchAllocated(Allocation {
                    batch: *batch,
                    blocks: blocks.iter().map(theirs).collect::<Result<_, _>>()?,
                })
            }
            LedgerEvent::BatchDone { batch } => LedgerEvent::BatchDone { batch: *batch },
            LedgerEvent::BatchesForgotten(Horizon { before, kept }) => {
                let kept = kept.iter().map(|(id, time)| Ok((stream(*id)?, *time))).collect::<Result<_, _>>()?;
                LedgerEvent::BatchesForgotten(Horizon { before: *before, kept })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_even_when_it_was_away() {
        let names = |names: &[&str]| -> Vec<(String, StreamId)> {
            names.iter().enumerate().map(|(at, name)| (name.to_string(), StreamId(at as u32))).collect()
        };
        let first = StreamTable::new(BTreeMap::new(), &names(&["a", "b"]));
        let second = StreamTable::new(first.stored().clone(), &names(&["c", "b"]));
        assert_eq!(second.stored(), &BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 1), ("c".to_owned(), 2)]));
        assert_eq!((second.inward(StreamId(0)), second.name(StreamId(0))), (None, Some("a")));
        assert_eq!(second.inward(StreamId(2)), Some(StreamId(0)));
        let third = StreamTable::new(second.stored().clone(), &names(&["a"]));
        assert_eq!((third.outward(StreamId(0)), third.outward(StreamId(1))), (Some(StreamId(0)), None));
    }
}
