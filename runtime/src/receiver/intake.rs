//! Where a receiver's records wait until they are stored: the open block, the queue of cut blocks, and what may come in.
//!
//! Shared by the receiver's handle (puts in) and its supervisor (takes out). Three things make a receiver wait, each with a
//! stated capacity: the rate limiter, the bytes that were received but not processed yet (`receiver.max_pending`), and the
//! queue of blocks that wait to be stored (`block_queue_size`).

use super::assembler::{AssembledBlock, Assembler};
use super::limiter::RateLimiter;
use super::reliable::PositionBytes;
use super::run::Run;
use super::size::SizeEstimate;
use crate::clock::SharedClock;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
}

/// Bytes that a record or block holds of its receiver's allowance; given back when dropped.
pub type Credit = OwnedSemaphorePermit;

/// A cut block with its number in the stream and the allowance it holds.
pub struct QueuedBlock<T> {
    /// Position in the stream, from 0.
    pub sequence: u64,
    /// The records.
    pub block: AssembledBlock<T>,
    /// Held until the block's batch is done.
    pub credit: Option<Credit>,
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
    clock: SharedClock,
    /// Records taken in so far.
    records: Arc<AtomicU64>,
    room: Notify,
    ready: Notify,
    emptied: Notify,
}

struct State<T> {
    assembler: Assembler<T>,
    limiter: RateLimiter,
    size: SizeEstimate,
    credit: Option<Credit>,
    queue: VecDeque<QueuedBlock<T>>,
    /// Blocks cut so far: the number of the next one.
    cut: u64,
    /// Blocks stored so far.
    stored: u64,
    /// Up to where the source has come with the open block.
    position: Option<PositionBytes>,
    /// Up to where it has come with what is stored.
    reached: Option<PositionBytes>,
    door: Door,
}

/// What may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Everything, as soon as the limits allow.
    Open,
    /// What the rate limit does not hold back: the receiver is stopping, and that may not take as long as the limit says.
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
        Intake {
            state: Mutex::new(State {
                assembler: Assembler::new(limits.block_max_bytes),
                limiter: RateLimiter::new(limits.max_rate),
                size: SizeEstimate::default(),
                credit: None,
                queue: VecDeque::new(),
                cut: first,
                stored: first,
                position: None,
                reached: None,
                door: Door::Open,
            }),
            limits: IntakeLimits { max_pending_bytes: pending, ..limits },
            credits: Arc::new(Semaphore::new(pending)),
            clock,
            records: Arc::default(),
            room: Notify::new(),
            ready: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Takes in one record, waiting while a limit says so. Returns the number of the block that it is in.
    pub async fn store(&self, record: T) -> Result<u64, ReceiverStopped> {
        self.store_in(None, record).await
    }

    /// [`store`](Intake::store) of a run, which is refused when that is over.
    pub(super) async fn store_in(&self, run: Option<&Run>, record: T) -> Result<u64, ReceiverStopped> {
        let bytes = self.lock().size.of_one(&record);
        let credit = self.admit(1, bytes).await?;
        self.append(run, credit, None, |assembler| assembler.push(record, bytes))
    }

    /// Takes in a chunk of records, which stay together in one block: the one whose number is returned. `bytes` is their
    /// size in memory, if the caller knows it.
    pub async fn store_many(&self, records: Vec<T>, bytes: Option<usize>) -> Result<u64, ReceiverStopped> {
        self.store_many_in(None, records, bytes, None).await
    }

    /// [`store_many`](Intake::store_many) of a run, which is refused when that is over. With them the source has come to
    /// `position`; without records the position is stored alone.
    pub(super) async fn store_many_in(
        &self,
        run: Option<&Run>,
        records: Vec<T>,
        bytes: Option<usize>,
        position: Option<PositionBytes>,
    ) -> Result<u64, ReceiverStopped> {
        if records.is_empty() && position.is_none() {
            return Ok(self.lock().cut);
        }
        let bytes = bytes.unwrap_or_else(|| SizeEstimate::of_many(&records));
        let credit = self.admit(records.len(), bytes).await?;
        self.append(run, credit, position, |assembler| assembler.push_many(records, bytes))
    }

    /// Waits for the rate limit, for bytes and for a place in the queue.
    async fn admit(&self, records: usize, bytes: usize) -> Result<Credit, ReceiverStopped> {
        // A receiver that never has to wait would otherwise never let the arbiter's other receivers run.
        tokio::task::coop::consume_budget().await;
        let wait = self.lock().limiter.reserve(records, self.clock.monotonic());
        if !wait.is_zero() {
            self.pause(wait).await?;
        }
        // A chunk larger than the whole allowance takes all of it, or it would wait for ever.
        let permits = u32::try_from(bytes.clamp(1, self.limits.max_pending_bytes)).unwrap_or(u32::MAX);
        let credit = match self.credits.clone().try_acquire_many_owned(permits) {
            Ok(credit) => credit,
            Err(_) => {
                // What is in the open block may be all that is pending: hand it over, or it would wait for itself.
                self.cut();
                self.credits.clone().acquire_many_owned(permits).await.map_err(|_| ReceiverStopped)?
            }
        };
        loop {
            let room = self.room.notified();
            {
                let state = self.lock();
                if state.door.is_shut() {
                    return Err(ReceiverStopped);
                }
                if state.queue.len() < self.limits.queue_blocks {
                    return Ok(credit);
                }
            }
            room.await;
        }
    }

    /// Waits as long as the rate limit says, unless the receiver is asked to stop.
    async fn pause(&self, wait: Duration) -> Result<(), ReceiverStopped> {
        let mut over = self.clock.sleep(wait);
        loop {
            let changed = self.room.notified();
            if self.lock().door != Door::Open {
                return Err(ReceiverStopped);
            }
            tokio::select! {
                () = &mut over => return Ok(()),
                () = changed => {}
            }
        }
    }

    fn append(
        &self,
        run: Option<&Run>,
        credit: Credit,
        position: Option<PositionBytes>,
        add: impl FnOnce(&mut Assembler<T>) -> Option<AssembledBlock<T>>,
    ) -> Result<u64, ReceiverStopped> {
        let mut state = self.lock();
        if state.door.is_shut() || run.is_some_and(Run::is_over) {
            return Err(ReceiverStopped);
        }
        match &mut state.credit {
            Some(held) => held.merge(credit),
            None => state.credit = Some(credit),
        }
        if position.is_some() {
            state.position = position;
        }
        let before = state.assembler.open_records();
        let full = add(&mut state.assembler);
        let after = full.as_ref().map_or(state.assembler.open_records(), |block| block.records);
        self.records.fetch_add((after - before) as u64, Ordering::Relaxed);
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
            if let Some(block) = self.lock().queue.pop_front() {
                self.room.notify_waiters();
                return block;
            }
            ready.await;
        }
    }

    /// Records that every block before `sequence + 1` is stored and reported.
    pub fn stored(&self, sequence: u64) {
        self.lock().stored = sequence + 1;
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

    /// Takes no more records that the rate limit holds back, now or later; all others come in as before.
    pub fn close_to_waiting(&self) {
        let mut state = self.lock();
        if state.door == Door::Open {
            state.door = Door::Closing;
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
        self.room.notify_waiters();
    }

    /// Sets the rate in records per second, below the configured maximum.
    pub fn update_rate(&self, rate: f64) {
        self.lock().limiter.update_rate(rate);
    }

    /// The rate in records per second that comes in at most; `None` is no limit.
    pub fn rate(&self) -> Option<f64> {
        self.lock().limiter.rate()
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
        // Critical sections move values between fields, or weigh a record: a panic of its encoding leaves the fields whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn enqueue(&mut self, block: AssembledBlock<T>) {
        let (credit, position) = (self.credit.take(), self.position.take());
        self.queue.push_back(QueuedBlock { sequence: self.cut, block, credit, position });
        self.cut += 1;
    }
}

#[cfg(test)]
mod tests;
