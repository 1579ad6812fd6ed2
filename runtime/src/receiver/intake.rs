//! Where a receiver's records wait until they are stored: the open block, the queue of cut blocks, and what may come in.
//!
//! Shared by the receiver's handle (puts in) and its supervisor (takes out). Four things make a receiver wait, each with a
//! stated capacity: the rate limiter, the quota of a batch, the bytes that were received but not processed yet
//! (`receiver.max_pending`), and the queue of blocks that wait to be stored (`block_queue_size`). Whether it waits for the rate
//! and the quota is said by its stream's [`Overload`].

mod admission;
mod depth;
mod paid;
mod patience;
mod promised;
mod recovered;

pub use depth::{IntakeDepth, LookedAt};
pub use patience::StoreWithinError;
pub use recovered::HeldByBlock;

use super::assembler::{AssembledBlock, Assembler};
use super::life::GRACE;
use super::limiter::RateLimiter;
use super::quota::Quota;
use super::reliable::PositionBytes;
use super::run::Run;
use crate::clock::SharedClock;
use crate::flow::{Amount, DoorCounts, Overload};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// What bounds an intake.
#[derive(Debug, Clone)]
pub struct IntakeLimits {
    /// A block is cut when it holds this many bytes.
    pub block_max_bytes: usize,
    /// Cut blocks that may wait to be stored.
    pub queue_blocks: usize,
    /// Bytes received but not processed.
    pub max_pending_bytes: usize,
    /// Records per second; `None` is no limit.
    pub max_rate: Option<u64>,
    /// What becomes of records for which there is no room.
    pub overload: Overload,
    /// Bytes received but not processed that may lie in files.
    pub max_spill_bytes: usize,
    /// The batch interval.
    pub interval: Duration,
    /// Block intervals in a batch interval: where a quota comes in at once, it is still cut into so many blocks.
    pub blocks_per_batch: u32,
    /// Records per second before anybody says otherwise; `None` is no limit.
    pub first_rate: Option<f64>,
}

impl Default for IntakeLimits {
    /// Those of the default configuration for batches of a second, without a rate.
    fn default() -> IntakeLimits {
        IntakeLimits {
            block_max_bytes: 8 << 20,
            queue_blocks: 10,
            max_pending_bytes: 512 << 20,
            max_rate: None,
            overload: Overload::Block,
            max_spill_bytes: 1 << 30,
            interval: Duration::from_secs(1),
            blocks_per_batch: 5,
            first_rate: None,
        }
    }
}

/// Bytes that a record or block holds of its receiver's allowance; given back when dropped.
pub type Credit = OwnedSemaphorePermit;

/// A cut block with its number in the stream and the allowance it holds.
pub struct QueuedBlock<T> {
    /// Position in the stream, from 0.
    pub sequence: u64,
    /// The records.
    pub block: AssembledBlock<T>,
    /// Held until the block's batch is done, or the block lies in a file.
    pub credit: Option<Credit>,
    /// As much in files as the block may take, held until its batch is done; where the stream spills.
    pub room: Option<Credit>,
    /// Whether the block has to lie in a file.
    pub spill: bool,
    /// What had come to the door when the block was cut.
    pub door: DoorCounts,
    /// Up to where its source has come with it.
    pub position: Option<PositionBytes>,
}

/// The records were not stored: the receiver has been stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receiver has been stopped; it takes no more records")]
pub struct ReceiverStopped;

/// See the module.
pub struct Intake<T> {
    state: Mutex<State<T>>,
    limits: IntakeLimits,
    credits: Arc<Semaphore>,
    /// Of memory and files together.
    files: Arc<Semaphore>,
    /// All that there is of those.
    all_files: usize,
    clock: SharedClock,
    /// Records taken in so far.
    records: Arc<AtomicU64>,
    /// Records that a chunk has at most if no batch is to hold much more than its quota.
    max_chunk: AtomicUsize,
    room: Notify,
    ready: Notify,
    emptied: Notify,
    /// How many messages wait before they are stored, where the receiver has a queue of its own.
    mailbox: OnceLock<depth::Mailbox>,
}

struct State<T> {
    assembler: Assembler<T>,
    limiter: RateLimiter,
    quota: Quota,
    credit: Option<Credit>,
    room: Option<Credit>,
    queue: VecDeque<QueuedBlock<T>>,
    /// The block that has left the queue and is not stored yet.
    leaving: Amount,
    /// Blocks cut so far: the number of the next one.
    cut: u64,
    /// Blocks stored so far.
    stored: u64,
    /// Records taken in so far, as `records` has it.
    taken: u64,
    /// Records dropped so far.
    shed: u64,
    /// Those of them that the last cut block tells of.
    told_shed: u64,
    /// Up to where the source has come with the open block.
    position: Option<PositionBytes>,
    /// Up to where it has come with what is stored.
    reached: Option<PositionBytes>,
    door: Door,
    /// While the receiver is stopping, the quota holds nothing back before this time of the monotonic clock.
    flushing_until: Duration,
}

/// What may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Everything, as soon as the limits allow.
    Open,
    /// What the rate limit does not hold back: the receiver is stopping, and that may not take as long as the limit says. The quota does
    /// not hold back what the receiver still has for a while.
    Closing,
    /// Nothing.
    Closed,
    /// Nothing; and what is here will not be stored.
    Failed,
}

impl Door {
    fn is_shut(self) -> bool {
        matches!(self, Door::Closed | Door::Failed)
    }
}

impl<T: Serialize> Intake<T> {
    /// An intake whose first block is number `first`.
    pub fn new(limits: IntakeLimits, clock: SharedClock, first: u64) -> Intake<T> {
        let pending = limits.max_pending_bytes.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let files = limits.max_spill_bytes.saturating_add(pending).min(Semaphore::MAX_PERMITS);
        let quota = Quota::new(limits.interval, limits.first_rate);
        let mut assembler = Assembler::new(limits.block_max_bytes);
        assembler.set_max_records(quota.per_batch(), limits.blocks_per_batch);
        let limiter = RateLimiter::new(limits.max_rate);
        Intake {
            max_chunk: AtomicUsize::new(admission::max_chunk(&quota, &limiter)),
            state: Mutex::new(State {
                assembler,
                limiter,
                quota,
                credit: None,
                room: None,
                queue: VecDeque::new(),
                leaving: Amount::default(),
                cut: first,
                stored: first,
                taken: 0,
                shed: 0,
                told_shed: 0,
                position: None,
                reached: None,
                door: Door::Open,
                flushing_until: Duration::ZERO,
            }),
            limits: IntakeLimits { max_pending_bytes: pending, ..limits },
            credits: Arc::new(Semaphore::new(pending)),
            files: Arc::new(Semaphore::new(files)),
            all_files: files,
            clock,
            records: Arc::default(),
            room: Notify::new(),
            ready: Notify::new(),
            emptied: Notify::new(),
            mailbox: OnceLock::new(),
        }
    }

    fn append(
        &self,
        run: Option<&Run>,
        admitted: admission::Admitted<'_, T>,
        position: Option<PositionBytes>,
        add: impl FnOnce(&mut Assembler<T>) -> Option<AssembledBlock<T>>,
    ) -> Result<u64, ReceiverStopped> {
        let mut state = self.lock();
        if state.door.is_shut() || run.is_some_and(Run::is_over) {
            return Err(ReceiverStopped);
        }
        admitted.paid.keep();
        admission::hold(&mut state.credit, Some(admitted.credit));
        admission::hold(&mut state.room, admitted.room);
        if position.is_some() {
            state.position = position;
        }
        let before = state.assembler.open_records();
        let full = add(&mut state.assembler);
        let after = full.as_ref().map_or(state.assembler.open_records(), |block| block.records);
        state.taken += (after - before) as u64;
        self.records.store(state.taken, Ordering::Relaxed);
        let block = state.cut;
        if let Some(block) = full {
            state.enqueue(block);
            drop(state);
            self.ready.notify_one();
        }
        Ok(block)
    }
}

impl<T> Intake<T> {
    /// Closes the open block and queues it. Returns the number up to which blocks must be stored for it to be in.
    pub fn cut(&self) -> u64 {
        let mut state = self.lock();
        let open = state.assembler.cut();
        // A position that came without records is stored, too.
        if let Some(block) = open.or_else(|| state.position.is_some().then(AssembledBlock::empty)) {
            state.enqueue(block);
            self.ready.notify_one();
        }
        state.cut
    }

    /// Closes the open block if it is one of those before number `until`.
    pub fn cut_up_to(&self, until: u64) {
        if self.lock().cut < until {
            self.cut();
        }
    }

    /// Closes the open block unless the queue is full; the timer's form of [`cut`](Intake::cut).
    pub fn cut_if_room(&self) {
        if self.lock().queue.len() < self.limits.queue_blocks {
            self.cut();
        }
    }

    /// The oldest queued block, when there is one.
    pub async fn next_block(&self) -> QueuedBlock<T> {
        loop {
            let ready = self.ready.notified();
            let next = self.lock().leave();
            if let Some(block) = next {
                self.room.notify_waiters();
                return self.placed(block);
            }
            ready.await;
        }
    }

    /// Records that every block before `sequence + 1` is stored and reported.
    pub fn stored(&self, sequence: u64) {
        let mut state = self.lock();
        (state.stored, state.leaving) = (sequence + 1, Amount::default());
        drop(state);
        self.emptied.notify_waiters();
    }

    /// With what is stored, the source has come to `position`.
    pub fn reach(&self, position: PositionBytes) {
        self.lock().reached = Some(position);
    }

    /// Up to where the source has come with what is stored.
    pub fn reached(&self) -> Option<PositionBytes> {
        self.lock().reached.clone()
    }

    /// Nothing of `run` comes in after this.
    pub(super) fn end_run(&self, run: &Run) {
        // With the lock held: what is let in, is let in before.
        let _state = self.lock();
        run.end();
    }

    /// Waits until every block before `until` is stored; `false` when that will not be.
    pub async fn wait_stored(&self, until: u64) -> bool {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Registered before the check, so that a store between the two is not missed.
            emptied.as_mut().enable();
            {
                let state = self.lock();
                if state.stored >= until {
                    return true;
                }
                if state.door == Door::Failed {
                    return false;
                }
            }
            emptied.await;
        }
    }

    /// Takes no more records that the rate limit holds back, now or later. All others come in, for a while whatever the quota says: what a
    /// receiver has read already and hands over as it stops would be lost.
    pub fn close_to_waiting(&self) {
        let mut state = self.lock();
        if state.door == Door::Open {
            state.door = Door::Closing;
            state.flushing_until = self.clock.monotonic() + GRACE;
        }
        drop(state);
        self.room.notify_waiters();
    }

    /// Takes no more records; those that wait to come in are refused. What is here is still to be stored.
    pub fn close(&self) {
        self.shut(Door::Closed);
    }

    /// A block could not be stored: nothing comes in or is stored any more, and nobody waits for that.
    pub fn fail(&self) {
        self.shut(Door::Failed);
        self.emptied.notify_waiters();
    }

    fn shut(&self, door: Door) {
        let mut state = self.lock();
        if state.door != Door::Failed {
            state.door = door;
        }
        drop(state);
        self.credits.close();
        self.files.close();
        self.room.notify_waiters();
    }

    /// Records taken in so far.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// The counter of these records, for whoever looks.
    pub fn counter(&self) -> Arc<AtomicU64> {
        self.records.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Critical sections move values between fields, which a panic leaves whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn enqueue(&mut self, block: AssembledBlock<T>) {
        let (credit, room, position) = (self.credit.take(), self.room.take(), self.position.take());
        let door = self.door_counts();
        self.told_shed = door.shed;
        let queued = QueuedBlock { sequence: self.cut, block, credit, room, spill: false, door, position };
        self.queue.push_back(queued);
        self.cut += 1;
    }
}

#[cfg(test)]
mod overload;
#[cfg(test)]
mod tests;
