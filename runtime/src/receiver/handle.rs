//! What a receiver sees of the runtime.

mod patience;
mod promised;

pub use promised::CameIn;

use super::blocking::BlockingHandle;
use super::intake::{Intake, ReceiverStopped};
use super::reliable::{self, LastPositionError, PositionBytes, StoreReliablyError};
use super::run::{Run, Wish};
use crate::clock::SharedClock;
use crate::ids::StreamId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;

/// A receiver's hold on its stream: it stores records through it and learns from it that it should stop. Clones share the stream.
///
/// Storing waits while a limit of the stream says so (rate, bytes received but not processed, blocks waiting to be stored), so
/// a receiver that awaits `store` before it reads on carries the back pressure to its source. Once its stream is being stopped, what
/// `receiver.max_rate` would hold back is refused, and for 5 seconds nothing else is held back but for memory: what a receiver has read
/// already comes in. After them, what the batch's quota would hold back is refused, too. So a receiver has to look at
/// [`is_stopped`](ReceiverHandle::is_stopped) or [`stopped`](ReceiverHandle::stopped) before it reads more.
///
/// A handle belongs to one run of the receiver, from being made to its end. When that is over, a handle that is left (in a task, on
/// a thread) stores nothing any more: the receiver that was made anew has another one.
pub struct ReceiverHandle<T> {
    stream: StreamId,
    intake: Arc<Intake<T>>,
    stopping: watch::Receiver<bool>,
    errors: Errors,
    clock: SharedClock,
    store_timeout: Duration,
    run: Arc<Run>,
}

/// Where a receiver's errors go that do not end it.
#[derive(Clone)]
pub(super) struct Errors {
    pub(super) told: mpsc::Sender<String>,
    /// Counts those that found no room there.
    pub(super) untold: Arc<AtomicU64>,
}

impl<T> Clone for ReceiverHandle<T> {
    fn clone(&self) -> Self {
        ReceiverHandle {
            stream: self.stream,
            intake: self.intake.clone(),
            stopping: self.stopping.clone(),
            errors: self.errors.clone(),
            clock: self.clock.clone(),
            store_timeout: self.store_timeout,
            run: self.run.clone(),
        }
    }
}

impl<T> fmt::Debug for ReceiverHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverHandle").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<T> ReceiverHandle<T> {
    pub(super) fn new(
        stream: StreamId,
        intake: Arc<Intake<T>>,
        stopping: watch::Receiver<bool>,
        errors: Errors,
        clock: SharedClock,
        store_timeout: Duration,
    ) -> ReceiverHandle<T> {
        ReceiverHandle { stream, intake, stopping, errors, clock, store_timeout, run: Arc::default() }
    }

    /// The handle of the next run.
    pub(super) fn of_new_run(&self) -> ReceiverHandle<T> {
        ReceiverHandle { run: Arc::default(), ..self.clone() }
    }

    /// The run is over: nothing of it comes in any more.
    pub(super) fn end_run(&self) {
        self.intake.end_run(&self.run);
    }

    /// What the run asked for.
    pub(super) fn wish(&self) -> Option<Wish> {
        self.run.wish()
    }

    /// Completes when the run asks for something.
    pub(super) async fn asked(&self) {
        self.run.asked().await;
    }

    /// Completes when nothing of the run is stored any more.
    pub(super) async fn run_over(&self) {
        self.run.done().await;
    }

    /// Records that the stream has taken in, by all runs.
    pub(super) fn records(&self) -> u64 {
        self.intake.records()
    }

    /// The stream the records go to.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The clock that the receiver should take its time from.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Whether the receiver has to stop, or has stopped: its stream is being stopped, it asked for its own end or to be made anew,
    /// or this run of it is over.
    pub fn is_stopped(&self) -> bool {
        *self.stopping.borrow() || self.run.is_asked() || self.run.is_over()
    }

    /// Whether the receiver that this handle was given to runs: it has been started, and its `run` has not returned.
    pub fn is_started(&self) -> bool {
        !self.run.is_over()
    }

    /// Completes when the receiver has to stop: `select` it against the next read.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            // The sender lives in the supervisor; if that is gone the receiver has to stop as well.
            _ = stopping.wait_for(|stop| *stop) => {}
            () = self.run.asked() => {}
            () = self.run.done() => {}
        }
    }

    /// Asks that the receiver be stopped and made anew after the pause that its policy says, and returns at once: from its `run`,
    /// from a task or from a thread. `message` is told to listeners as the error that the receiver ended with.
    ///
    /// [`stopped`](ReceiverHandle::stopped) completes then, so that `run` can return; if it has not 5 seconds later, its future is
    /// dropped. The first wish of a run counts, and none after its end.
    pub fn restart(&self, message: impl fmt::Display) {
        self.run.ask(Wish::Restart { message: message.to_string(), after: None });
    }

    /// [`restart`](ReceiverHandle::restart) after a pause of one's own. It counts as the policy's restarts do.
    pub fn restart_after(&self, message: impl fmt::Display, pause: Duration) {
        self.run.ask(Wish::Restart { message: message.to_string(), after: Some(pause) });
    }

    /// Asks that the receiver be stopped, as [`restart`](ReceiverHandle::restart) does. `message` is logged and is no error. While
    /// its stream runs, the receiver is made anew after the pause that its policy says.
    pub fn stop(&self, message: impl fmt::Display) {
        self.run.ask(Wish::Stop { message: message.to_string() });
    }

    /// The records per second that the stream takes at present; `None` is no limit.
    ///
    /// A chunk is taken as a whole once the limit allows its first record: [`max_chunk`](ReceiverHandle::max_chunk) says how large it
    /// should be. The limit changes from batch to batch, as `backpressure.estimator` says.
    pub fn rate_limit(&self) -> Option<f64> {
        self.intake.rate()
    }

    /// How many records a chunk should have at most, so that no batch holds much more than it should: a tenth of what a batch may hold
    /// at present, or of a second of `receiver.max_rate`, and at least one. `usize::MAX` without a limit. Larger chunks are taken as
    /// well; what they bring too much is missing in the batches after them.
    pub fn max_chunk(&self) -> usize {
        self.intake.max_chunk()
    }

    /// For a receiver that has a queue of its own, before it stores: has `waiting` asked by whoever looks how many messages wait in it.
    /// Only the first call of a stream counts, so what is asked has to hold for all runs of the receiver.
    pub fn show_mailbox(&self, waiting: impl Fn() -> usize + Send + Sync + 'static) {
        self.intake.show_mailbox(waiting);
    }

    /// Tells listeners, and the log, of trouble that does not end the receiver. Only logged, and counted, when too many are waiting to
    /// be told.
    pub fn report_error(&self, message: impl fmt::Display) {
        let message = match self.errors.told.try_send(message.to_string()) {
            Ok(()) => return,
            Err(TrySendError::Full(message)) => {
                self.errors.untold.fetch_add(1, Ordering::Relaxed);
                message
            }
            // The supervisor has gone, and with it whoever would be told.
            Err(TrySendError::Closed(message)) => message,
        };
        log::debug!("the receiver of {} reports: {message}", self.stream);
    }
}

impl<T: Serialize> ReceiverHandle<T> {
    /// Stores one record. It is in memory when this returns, in a block that is cut later.
    ///
    /// # Errors
    /// [`ReceiverStopped`] once the stream takes no more records, or this run of the receiver is over; the record was not stored.
    pub async fn store(&self, record: T) -> Result<(), ReceiverStopped> {
        self.intake.store_in(Some(&self.run), record).await.map(drop)
    }

    /// Stores a chunk of records, in order and in one block. Much cheaper than one by one.
    ///
    /// # Errors
    /// As [`store`](ReceiverHandle::store); none of them was stored.
    pub async fn store_many(&self, records: Vec<T>) -> Result<(), ReceiverStopped> {
        self.intake.store_many_in(Some(&self.run), records, None).await.map(drop)
    }

    /// As [`store_many`](ReceiverHandle::store_many), for a caller that knows the records' size in bytes of memory.
    ///
    /// # Errors
    /// As [`store`](ReceiverHandle::store); none of them was stored.
    pub async fn store_sized(&self, records: Vec<T>, bytes: usize) -> Result<(), ReceiverStopped> {
        self.intake.store_many_in(Some(&self.run), records, Some(bytes)).await.map(drop)
    }

    /// Stores a chunk of records, and returns once the block that holds them is in the ledger: with a checkpoint directory and the
    /// block log they survive the process from then on, so a receiver may acknowledge them to its source. Waits up to one block
    /// interval for the block to be cut, though not longer than half of `receiver.store_timeout`, nor for anything once the receiver has
    /// to stop; calls that run at the same time share a block.
    ///
    /// Waiting for room is no part of that time: it is the back pressure, and lasts as long as the stream's limits say, or until a stop.
    ///
    /// A source that sends again what was not acknowledged sends some records twice this way: those that were stored, when the
    /// acknowledgement did not arrive. [`store_reliably_at`](ReceiverHandle::store_reliably_at) tells them apart.
    ///
    /// # Errors
    /// [`StoreReliablyError::Stopped`] when the stream takes no more records, or ended (as this run may have) before these were
    /// stored; [`StoreReliablyError::TimedOut`] when they were taken in and their block was not stored within
    /// `receiver.store_timeout`. After either they may be stored, or not; so it is when the future is dropped.
    pub async fn store_reliably(&self, records: Vec<T>) -> Result<(), StoreReliablyError> {
        self.store_for_good(records, None).await
    }

    /// [`store_reliably`](ReceiverHandle::store_reliably), and stores in the same write up to where the source has come with these
    /// records: an offset, or the offsets of all its partitions. [`last_position`](ReceiverHandle::last_position) gives it back, to
    /// every later run of the receiver, and with a checkpoint directory and the block log to every later run of the program. A
    /// receiver that skips what is at or before it takes in each record of a source that redelivers exactly once.
    ///
    /// The position of a block is the last one that was stored in it, so the calls of one stream have to come in the order of its
    /// positions. `records` may be empty: then the position is stored alone. Positions have at most
    /// [`MAX_POSITION_BYTES`](super::MAX_POSITION_BYTES), and keep their type as long as their stream its name.
    ///
    /// # Errors
    /// As [`store_reliably`](ReceiverHandle::store_reliably); [`StoreReliablyError::PositionTooLarge`] and
    /// [`StoreReliablyError::Position`] when the position cannot be stored, and then nothing was.
    pub async fn store_reliably_at<P: Serialize>(
        &self,
        records: Vec<T>,
        position: &P,
    ) -> Result<(), StoreReliablyError> {
        self.store_for_good(records, Some(reliable::encode(position)?)).await
    }

    async fn store_for_good(&self, records: Vec<T>, position: Option<PositionBytes>) -> Result<(), StoreReliablyError> {
        if records.is_empty() && position.is_none() {
            return Ok(());
        }
        let block = self.intake.store_for_good(Some(&self.run), records, None, position).await?;
        self.wait_for_good(block + 1).await
    }

    /// Waits until every block before `until` is in the ledger.
    async fn wait_for_good(&self, until: u64) -> Result<(), StoreReliablyError> {
        let timeout = self.store_timeout;
        let cut_early = async {
            tokio::select! {
                // Nothing much comes any more: no need to wait for the time of the block. Nobody may be left to turn the clock.
                () = self.stopped() => {}
                // A block interval may be longer than anybody waits for its block.
                () = self.clock.sleep(timeout / 2) => {}
            }
            self.intake.cut_up_to(until);
            std::future::pending().await
        };
        tokio::select! {
            biased;
            stored = self.intake.wait_stored(until) => if stored { Ok(()) } else { Err(ReceiverStopped.into()) },
            // With the supervisor gone nobody stores anything, and nobody would say so.
            () = self.run.done() => Err(ReceiverStopped.into()),
            () = self.clock.sleep(timeout) => Err(StoreReliablyError::TimedOut { timeout }),
            outcome = cut_early => outcome,
        }
    }

    /// The position of the last records that are stored for good: of an earlier run of this receiver, or (with a checkpoint
    /// directory and the block log) of an earlier run of the program; `None` when none was ever stored.
    ///
    /// Waits until everything that was taken in so far is stored, so that nothing of an earlier run can come in behind it. Ask at
    /// the beginning of `run`, and skip what the source delivers at or before it.
    ///
    /// # Errors
    /// When what was taken in could not be stored, or the stored position is of another type.
    pub async fn last_position<P: DeserializeOwned>(&self) -> Result<Option<P>, LastPositionError> {
        let until = self.intake.cut();
        tokio::select! {
            biased;
            stored = self.intake.wait_stored(until) => if !stored { return Err(LastPositionError::NotStored) },
            () = self.run.done() => return Err(LastPositionError::NotStored),
        }
        self.intake.reached().map(|bytes| reliable::decode(&bytes)).transpose()
    }

    /// The same handle for a thread that may wait: one of the receiver's own, or of `spawn_blocking`. Made within `run`.
    ///
    /// # Errors
    /// When no event loop drives the calling thread, so that nobody would tell when a pause is over.
    pub fn blocking(&self) -> Result<BlockingHandle<T>, tokio::runtime::TryCurrentError> {
        BlockingHandle::new(self.clone())
    }
}
