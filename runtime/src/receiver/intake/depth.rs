//! How much waits in an intake, for whoever looks: read when it is asked for, and counted nowhere on the way of a record.

use super::{AssembledBlock, Intake, QueuedBlock, State};
use crate::flow::Amount;

/// How many messages wait in the queue of a receiver's own.
pub(super) type Mailbox = Box<dyn Fn() -> usize + Send + Sync>;

/// What waits on the way from a receiver to the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IntakeDepth {
    /// In the open block, in cut blocks that wait to be stored, and in the one that is being stored.
    pub waiting: Amount,
    /// Bytes that everything which is not processed yet holds in memory, of `receiver.max_pending`: here, in the ledger and in
    /// batches.
    pub memory_bytes: u64,
    /// The same in files, of `receiver.max_spill`; 0 where the stream does not spill.
    pub file_bytes: u64,
    /// Messages in the queue of the receiver's own, which it has not begun with; `None` when it has none. That of an actor stream is
    /// the mailboxes of its actor and its workers.
    pub mailbox: Option<usize>,
}

/// Something whose depth can be looked at, of whatever records.
pub trait LookedAt: Send + Sync {
    /// How much waits at present.
    fn depth(&self) -> IntakeDepth;
}

impl<T: Send> LookedAt for Intake<T> {
    fn depth(&self) -> IntakeDepth {
        let waiting = {
            let state = self.lock();
            let queued = state.queue.iter().map(|queued| amount(&queued.block));
            queued.fold(amount(state.assembler.open()) + state.leaving, |sum, block| sum + block)
        };
        let taken = |all: usize, free: usize| all.saturating_sub(free) as u64;
        let memory_bytes = taken(self.limits.max_pending_bytes, self.credits.available_permits());
        // What spills takes of memory and files together, and of memory as long as it lies there.
        let together = taken(self.all_files, self.files.available_permits());
        let mailbox = self.mailbox.get().map(|waiting| waiting());
        IntakeDepth { waiting, memory_bytes, file_bytes: together.saturating_sub(memory_bytes), mailbox }
    }
}

impl<T> Intake<T> {
    /// Has `waiting` asked by whoever looks how many messages wait in the queue of the receiver's own. Only the first of a stream counts.
    pub(in crate::receiver) fn show_mailbox(&self, waiting: impl Fn() -> usize + Send + Sync + 'static) {
        // The runs of a receiver have one queue.
        let _ = self.mailbox.set(Box::new(waiting));
    }
}

impl<T> State<T> {
    /// The oldest queued block, which is on its way to be stored from here on.
    pub(super) fn leave(&mut self) -> Option<QueuedBlock<T>> {
        let leaves = self.queue.pop_front()?;
        self.leaving = amount(&leaves.block);
        Some(leaves)
    }
}

fn amount<T>(block: &AssembledBlock<T>) -> Amount {
    Amount { blocks: u64::from(block.records > 0), records: block.records as u64, bytes: block.bytes as u64 }
}

#[cfg(test)]
mod tests {
    use super::super::IntakeLimits;
    use super::*;
    use crate::clock::ManualClock;
    use crate::flow::Overload;
    use crate::time::Time;
    use futures::FutureExt;
    use std::sync::Arc;

    /// Blocks of 100 bytes.
    fn intake(overload: Overload) -> Intake<u8> {
        let limits = IntakeLimits {
            block_max_bytes: 100,
            queue_blocks: 3,
            max_pending_bytes: 1000,
            max_spill_bytes: 1000,
            overload,
            ..IntakeLimits::default()
        };
        Intake::new(limits, Arc::new(ManualClock::new(Time::ZERO)), 0)
    }

    fn store(intake: &Intake<u8>, records: usize, bytes: usize) {
        assert!(intake.store_many(vec![0; records], Some(bytes)).now_or_never().is_some_and(|stored| stored.is_ok()));
    }

    fn amount(blocks: u64, records: u64, bytes: u64) -> Amount {
        Amount { blocks, records, bytes }
    }

    #[test]
    fn what_came_in_is_counted_until_its_block_is_in_the_ledger() {
        let intake = intake(Overload::Block);
        assert_eq!(intake.depth(), IntakeDepth::default());
        store(&intake, 3, 60);
        assert_eq!(
            intake.depth(),
            IntakeDepth { waiting: amount(1, 3, 60), memory_bytes: 60, ..IntakeDepth::default() }
        );
        store(&intake, 2, 40);
        store(&intake, 1, 10);
        assert_eq!(intake.depth().waiting, amount(2, 6, 110), "one is cut and one is open");
        let leaving = intake.next_block().now_or_never().unwrap();
        assert_eq!(intake.depth().waiting, amount(2, 6, 110), "it is not stored yet");
        intake.stored(leaving.sequence);
        assert_eq!(
            intake.depth(),
            IntakeDepth { waiting: amount(1, 1, 10), memory_bytes: 110, ..IntakeDepth::default() }
        );
        drop(leaving);
        assert_eq!(intake.depth().memory_bytes, 10, "its batch is done");
    }

    #[test]
    fn what_is_spilled_is_told_apart_from_what_lies_in_memory() {
        let intake = intake(Overload::Spill);
        store(&intake, 10, 600);
        let mut block = intake.next_block().now_or_never().unwrap();
        assert!(block.spill, "more than half of the memory is taken");
        let bytes = |intake: &Intake<u8>| (intake.depth().memory_bytes, intake.depth().file_bytes);
        assert_eq!(bytes(&intake), (600, 0));
        drop(block.credit.take());
        intake.stored(block.sequence);
        assert_eq!(bytes(&intake), (0, 600));
        drop(block);
        assert_eq!(intake.depth(), IntakeDepth::default());
    }

    #[test]
    fn the_first_queue_that_is_shown_is_asked() {
        let intake = intake(Overload::Shed);
        assert_eq!(intake.depth().mailbox, None);
        intake.show_mailbox(|| 7);
        intake.show_mailbox(|| 8);
        assert_eq!(intake.depth().mailbox, Some(7));
    }
}
