//! The door of an intake: what comes in at once, what waits, what lies down in a file and what is dropped.

use super::{Assembler, Credit, Door, Intake, QueuedBlock, ReceiverStopped, SizeEstimate, State};
use crate::flow::{DoorCounts, Overload};
use crate::receiver::reliable::PositionBytes;
use crate::receiver::run::Run;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a store holds of the allowances.
pub(super) struct Admitted {
    pub(super) credit: Credit,
    /// Of the files, where the stream spills.
    pub(super) room: Option<Credit>,
}

/// What the door says to a store that does not wait.
enum Now {
    Admitted(Admitted),
    NoRoom,
}

impl<T: Serialize> Intake<T> {
    /// Takes in one record, waiting while a limit says so. Returns the number of the block that it is in; where the stream sheds
    /// and there is no room, the record is dropped and counted.
    pub async fn store(&self, record: T) -> Result<u64, ReceiverStopped> {
        self.store_in(None, record).await
    }

    /// [`store`](Intake::store) of a run, which is refused when that is over.
    pub(in crate::receiver) async fn store_in(&self, run: Option<&Run>, record: T) -> Result<u64, ReceiverStopped> {
        let bytes = self.lock().size.of_one(&record);
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
        let bytes = bytes.unwrap_or_else(|| SizeEstimate::of_many(&records));
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
    ) -> Result<Option<Admitted>, ReceiverStopped> {
        // A receiver that never has to wait would otherwise never let the arbiter's other receivers run.
        tokio::task::coop::consume_budget().await;
        match overload {
            Overload::Block => {
                self.wait_for_rate(records).await?;
                let credit = self.credit(self.permits(bytes)).await?;
                self.place_in_queue().await?;
                Ok(Some(Admitted { credit, room: None }))
            }
            Overload::Spill => {
                let room = self.acquire(&self.files, self.permits(bytes)).await?;
                let credit = self.credit(self.permits(bytes)).await?;
                self.place_in_queue().await?;
                Ok(Some(Admitted { credit, room: Some(room) }))
            }
            Overload::Shed => match self.admit_now(records, bytes)? {
                Now::Admitted(admitted) => Ok(Some(admitted)),
                Now::NoRoom => Ok(None),
            },
        }
    }

    /// What the records hold if they may come in at this moment. Otherwise they count as shed.
    fn admit_now(&self, records: usize, bytes: usize) -> Result<Now, ReceiverStopped> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        if state.door.is_shut() {
            return Err(ReceiverStopped);
        }
        let open = state.limiter.is_free(now) && state.quota.has_room() && state.queue.len() < self.limits.queue_blocks;
        let credit = open.then(|| self.credits.clone().try_acquire_many_owned(self.permits(bytes)).ok()).flatten();
        let Some(credit) = credit else {
            state.shed += records as u64;
            return Ok(Now::NoRoom);
        };
        state.limiter.reserve(records, now);
        state.quota.take(records);
        Ok(Now::Admitted(Admitted { credit, room: None }))
    }

    /// Waits for the rate limit, and until the batch has room.
    async fn wait_for_rate(&self, records: usize) -> Result<(), ReceiverStopped> {
        let wait = self.lock().limiter.reserve(records, self.clock.monotonic());
        if !wait.is_zero() {
            self.pause(wait).await?;
        }
        self.take_of_quota(records).await
    }

    /// Waits until the batch has room, and counts `records` for it.
    pub(super) async fn take_of_quota(&self, records: usize) -> Result<(), ReceiverStopped> {
        loop {
            let changed = self.room.notified();
            {
                let mut state = self.lock();
                if state.door.is_shut() {
                    return Err(ReceiverStopped);
                }
                if state.quota.has_room() {
                    state.quota.take(records);
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
        let State { quota, assembler, .. } = &mut *state;
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
