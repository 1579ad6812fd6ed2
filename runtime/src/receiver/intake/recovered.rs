//! What an earlier run received and did not process: it counts against the allowances of this one.

use super::{Credit, Intake};
use crate::block::BlockInfo;
use crate::flow::Overload;
use crate::ids::BlockId;

/// What a block that an earlier run left holds of its receiver's allowances until its batch is done: memory and files.
pub type HeldByBlock = (BlockId, [Option<Credit>; 2]);

impl<T> Intake<T> {
    /// Has these blocks of an earlier run hold their part of the allowance, as far as that goes: otherwise each run that ends before
    /// its backlog is processed would add one more allowance to it. What they hold is to be dropped when their batch is done.
    pub fn hold_for(&self, blocks: &[BlockInfo]) -> Vec<HeldByBlock> {
        let spills = self.limits.overload == Overload::Spill;
        let allowance = if spills { &self.files } else { &self.credits };
        let held = |block: &BlockInfo| {
            let bytes = usize::try_from(block.bytes).unwrap_or(usize::MAX).min(allowance.available_permits());
            let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
            let credit = allowance.clone().try_acquire_many_owned(permits).ok().filter(|_| permits > 0)?;
            Some((block.id, if spills { [None, Some(credit)] } else { [Some(credit), None] }))
        };
        blocks.iter().filter_map(held).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::IntakeLimits;
    use super::*;
    use crate::clock::ManualClock;
    use crate::ids::StreamId;
    use crate::time::Time;
    use futures::FutureExt;
    use std::sync::Arc;

    fn intake(overload: Overload) -> Intake<u8> {
        let limits =
            IntakeLimits { max_pending_bytes: 1000, max_spill_bytes: 1000, overload, ..IntakeLimits::default() };
        Intake::new(limits, Arc::new(ManualClock::new(Time::ZERO)), 0)
    }

    fn blocks(bytes: &[u64]) -> Vec<BlockInfo> {
        let block = |(sequence, bytes): (u64, &u64)| BlockInfo {
            id: BlockId { stream: StreamId(0), sequence },
            records: 1,
            bytes: *bytes,
        };
        (0..).zip(bytes).map(block).collect()
    }

    /// P-1
    #[test]
    fn what_an_earlier_run_left_holds_back_what_comes_until_its_batch_is_done() {
        let intake = intake(Overload::Block);
        let mut held = intake.hold_for(&blocks(&[600, 500, 7]));
        let sequences: Vec<u64> = held.iter().map(|(block, _)| block.sequence).collect();
        assert_eq!(sequences, [0, 1], "no more than there is");
        let mut waiting = Box::pin(intake.store_many(vec![1], Some(100)));
        assert!((&mut waiting).now_or_never().is_none());
        held.remove(1);
        assert!(waiting.now_or_never().is_some());
    }

    /// P-9
    #[test]
    fn what_an_earlier_run_spilled_takes_of_the_files_and_not_of_the_memory() {
        let intake = intake(Overload::Spill);
        let held = intake.hold_for(&blocks(&[1500]));
        let free = (intake.credits.available_permits(), intake.files.available_permits());
        assert_eq!(free, (1000, 500));
        drop(held);
        assert_eq!(intake.files.available_permits(), 2000);
    }
}
