//! The door of an intake: what comes in at once, what waits, what lies down in a file and what is dropped.

use super::paid::Paid;
use super::{Assembler, Credit, Door, Intake, QueuedBlock, ReceiverStopped, State};
use crate::flow::{DoorCounts, Overload};
use crate::receiver::limiter::RateLimiter;
use crate::receiver::quota::Quota;
use crate::receiver::reliable::PositionBytes;
use crate::receiver::run::Run;
use crate::weight;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a store holds of the allowances.
pub(super) struct Admitted<'a, T> {
    pub(super) credit: Credit,
    /// Of the files, where the stream spills.
    pub(super) room: Option<Credit>,
    pub(super) paid: Paid<'a, T>,
}

/// A receiver that has more stores it in so many pieces in a batch, or second of the configured maximum.
const PIECES: f64 = 10.0;

/// Records of one such piece.
pub(super) fn max_chunk(quota: &Quota, limiter: &RateLimiter) -> usize {
    let most = quota.per_batch().into_iter().chain(limiter.rate()).fold(f64::INFINITY, f64::min);
    // The cast saturates.
    ((most / PIECES) as usize).max(1)
}

impl<T: Serialize> Intake<T> {
    /// Takes in one record, waiting while a limit says so. Returns the number of the block that it is in; where the stream sheds
    /// and there is no room, the record is dropped and counted.
    pub async fn store(&self, record: T) -> Result<u64, ReceiverStopped> {
        self.store_in(None, record).await
    }

    /// [`store`](Intake::store) of a run, which is refused when that is over.
    pub(in crate::receiver) async fn store_in(&self, run: Option<&Run>, record: T) -> Result<u64, ReceiverStopped> {
        let bytes = weight::of_record(&record);
        match self.admit(1, bytes, self.limits.overload).await? {
            Some(admitted) => self.append(run, admitted, None, |assembler| assembler.push(record, bytes)),
            None => Ok(self.lock().cut),
        }
    }

    /// Takes in a chunk of records, which stay together in one block: the one whose number is returned. `bytes` is their
    /// size in memory, if the caller knows it. Where the stream sheds and there is no room, all of them are dropped and counted.
    pub async fn store_many(&self, records: Vec<T>, bytes: Option<usize>) -> Result<u64, ReceiverStopped> {
        self.store_many_in(None, records, bytes).await
    }

    /// [`store_many`](Intake::store_many) of a run, which is refused when that is over.
    pub(in crate::receiver) async fn store_many_in(
        &self,
        run: Option<&Run>,
        records: Vec<T>,
        bytes: Option<usize>,
    ) -> Result<u64, ReceiverStopped> {
        self.store_chunk(run, records, bytes, None, self.limits.overload).await
    }

    /// As [`store_many_in`](Intake::store_many_in), but nothing is dropped: where the stream sheds, this waits. With the records the
    /// source has come to `position`; without records the position is stored alone.
    pub(in crate::receiver) async fn store_for_good(
        &self,
        run: Option<&Run>,
        records: Vec<T>,
        bytes: Option<usize>,
        position: Option<PositionBytes>,
    ) -> Result<u64, ReceiverStopped> {
        self.store_chunk(run, records, bytes, position, self.without_loss()).await
    }

    /// What becomes of too many records that must not be dropped.
    pub(super) fn without_loss(&self) -> Overload {
        match self.limits.overload {
            Overload::Spill => Overload::Spill,
            Overload::Block | Overload::Shed => Overload::Block,
        }
    }

    async fn store_chunk(
        &self,
        run: Option<&Run>,
        records: Vec<T>,
        bytes: Option<usize>,
        position: Option<PositionBytes>,
        overload: Overload,
    ) -> Result<u64, ReceiverStopped> {
        if records.is_empty() && position.is_none() {
            return Ok(self.lock().cut);
        }
        let bytes = bytes.unwrap_or_else(|| weight::of_chunk(&records));
        match self.admit(records.len(), bytes, overload).await? {
            Some(admitted) => {
                self.append(run, admitted, position, |assembler: &mut Assembler<T>| assembler.push_many(records, bytes))
            }
            None => Ok(self.lock().cut),
        }
    }

    /// What the records hold once they may come in; `None` when they have been shed.
    pub(super) async fn admit(
        &self,
        records: usize,
        bytes: usize,
        overload: Overload,
    ) -> Result<Option<Admitted<'_, T>>, ReceiverStopped> {
        // A receiver that never has to wait would otherwise never let the arbiter's other receivers run.
        tokio::task::coop::consume_budget().await;
        match overload {
            Overload::Block => {
                if let Some(admitted) = self.admit_at_once(records, bytes)? {
                    return Ok(Some(admitted));
                }
                let paid = self.wait_for_rate(records).await?;
                let credit = self.credit(self.permits(bytes)).await?;
                self.place_in_queue().await?;
                Ok(Some(Admitted { credit, room: None, paid }))
            }
            Overload::Spill => {
                let room = self.acquire(&self.files, self.permits(bytes)).await?;
                let credit = self.credit(self.permits(bytes)).await?;
                self.place_in_queue().await?;
                // A block takes of the quota when it is placed.
                Ok(Some(Admitted { credit, room: Some(room), paid: Paid::nothing(self) }))
            }
            Overload::Shed => {
                let admitted = self.admit_at_once(records, bytes)?;
                if admitted.is_none() {
                    self.lock().shed += records as u64;
                }
                Ok(admitted)
            }
        }
    }

    /// What the records hold if they may come in at this moment.
    fn admit_at_once(&self, records: usize, bytes: usize) -> Result<Option<Admitted<'_, T>>, ReceiverStopped> {
        let mut state = self.lock();
        if state.door.is_shut() {
            return Err(ReceiverStopped);
        }
        let open = state.queue.len() < self.limits.queue_blocks && self.has_room(&state);
        let now = self.time_of_rate(&state);
        let credit = (open && now.is_none_or(|now| state.limiter.wait(now).is_zero()))
            .then(|| self.credits.clone().try_acquire_many_owned(self.permits(bytes)).ok());
        let Some(credit) = credit.flatten() else { return Ok(None) };
        let mut paid = Paid::nothing(self);
        paid.reserve(&mut state, records, now);
        paid.take(&mut state, records);
        Ok(Some(Admitted { credit, room: None, paid }))
    }

    /// Waits for the rate limit, and until the batch has room.
    async fn wait_for_rate(&self, records: usize) -> Result<Paid<'_, T>, ReceiverStopped> {
        let mut paid = Paid::nothing(self);
        let wait = {
            let mut state = self.lock();
            let now = self.time_of_rate(&state);
            paid.reserve(&mut state, records, now)
        };
        if !wait.is_zero() {
            self.pause(wait).await?;
        }
        self.wait_for_quota(|state| paid.take(state, records)).await?;
        Ok(paid)
    }

    /// Waits until the batch has room, and has `take` take of it.
    pub(super) async fn wait_for_quota(&self, take: impl FnOnce(&mut State<T>)) -> Result<(), ReceiverStopped> {
        loop {
            let changed = self.room.notified();
            {
                let mut state = self.lock();
                if state.door.is_shut() {
                    return Err(ReceiverStopped);
                }
                if self.has_room(&state) {
                    take(&mut state);
                    return Ok(());
                }
                if state.door != Door::Open {
                    return Err(ReceiverStopped);
                }
            }
            changed.await;
        }
    }

    /// Waits as long as the rate limit says, unless the receiver is asked to stop.
    pub(super) async fn pause(&self, wait: Duration) -> Result<(), ReceiverStopped> {
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

    /// So much of the memory, as soon as it is free.
    pub(super) async fn credit(&self, permits: u32) -> Result<Credit, ReceiverStopped> {
        self.acquire(&self.credits, permits).await
    }

    /// A part of an allowance, as soon as it is free.
    async fn acquire(&self, of: &Arc<Semaphore>, permits: u32) -> Result<Credit, ReceiverStopped> {
        if let Ok(credit) = of.clone().try_acquire_many_owned(permits) {
            return Ok(credit);
        }
        // What is in the open block may be all that is pending: hand it over, or it would wait for itself.
        self.cut();
        of.clone().acquire_many_owned(permits).await.map_err(|_| ReceiverStopped)
    }

    /// Waits for a place in the queue of cut blocks.
    pub(super) async fn place_in_queue(&self) -> Result<(), ReceiverStopped> {
        loop {
            let room = self.room.notified();
            {
                let state = self.lock();
                if state.door.is_shut() {
                    return Err(ReceiverStopped);
                }
                if state.queue.len() < self.limits.queue_blocks {
                    return Ok(());
                }
            }
            room.await;
        }
    }

    /// A chunk larger than the whole allowance takes all of it, or it would wait for ever.
    pub(super) fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.clamp(1, self.limits.max_pending_bytes)).unwrap_or(u32::MAX)
    }
}

impl<T> Intake<T> {
    /// Whether the quota lets anything in.
    pub(super) fn has_room(&self, state: &State<T>) -> bool {
        let flushing = || state.door == Door::Closing && self.clock.monotonic() < state.flushing_until;
        state.quota.has_room() || flushing()
    }

    /// The time, if the rate limit has to know it: reading it costs more than all the rest of a store.
    pub(super) fn time_of_rate(&self, state: &State<T>) -> Option<Duration> {
        state.limiter.rate().map(|_| self.clock.monotonic())
    }

    /// Records that a chunk should have at most.
    pub fn max_chunk(&self) -> usize {
        self.max_chunk.load(Ordering::Relaxed)
    }

    /// Says where a block that leaves the queue has to lie. Where the stream spills, a file is the place of what the next batch
    /// will not take, and of everything once half of the memory is taken: the other half is for what is on its way to a file.
    pub(super) fn placed(&self, mut block: QueuedBlock<T>) -> QueuedBlock<T> {
        if self.limits.overload == Overload::Spill {
            let mut state = self.lock();
            let scarce = self.credits.available_permits() < self.limits.max_pending_bytes / 2;
            block.spill = scarce || !state.quota.has_room();
            state.quota.take(block.block.records);
        }
        block
    }

    /// A batch takes what has come in: the quota is there again.
    pub fn next_batch(&self) {
        self.lock().quota.next_batch();
        self.room.notify_waiters();
    }

    /// Sets the rate in records per second. The configured maximum is in force beside it.
    pub fn update_rate(&self, rate: f64) {
        let mut state = self.lock();
        state.quota.set_rate(rate);
        let State { quota, limiter, assembler, .. } = &mut *state;
        self.max_chunk.store(max_chunk(quota, limiter), Ordering::Relaxed);
        assembler.set_max_records(quota.per_batch(), self.limits.blocks_per_batch);
        drop(state);
        self.room.notify_waiters();
    }

    /// The rate in records per second that comes in at most; `None` is no limit.
    pub fn rate(&self) -> Option<f64> {
        let state = self.lock();
        let of_batches = state.quota.per_batch().map(|records| records / self.limits.interval.as_secs_f64());
        match (of_batches, state.limiter.rate()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// What has come to the door so far, dropped or not.
    pub fn door(&self) -> DoorCounts {
        self.lock().door_counts()
    }

    /// What has come to the door so far, if the last of it was dropped and everything else is stored: no block tells it then.
    pub fn dropped_behind_the_last_block(&self) -> Option<DoorCounts> {
        let state = self.lock();
        let all_stored = state.assembler.open_records() == 0 && state.stored == state.cut;
        (all_stored && state.shed > state.told_shed).then(|| state.door_counts())
    }
}

impl<T> State<T> {
    pub(super) fn door_counts(&self) -> DoorCounts {
        DoorCounts { received: self.taken + self.shed, shed: self.shed }
    }
}

/// Adds a part of an allowance to what is held of it.
pub(super) fn hold(held: &mut Option<Credit>, more: Option<Credit>) {
    match (held, more) {
        (Some(held), Some(more)) => held.merge(more),
        (held, Some(more)) => *held = Some(more),
        (_, None) => {}
    }
}
