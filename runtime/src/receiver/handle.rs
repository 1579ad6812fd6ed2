//! What a receiver sees of the runtime.

mod patience;

use super::intake::{Intake, ReceiverStopped};
use crate::clock::SharedClock;
use crate::ids::StreamId;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;

/// A receiver's hold on its stream: it stores records through it and learns from it that it should stop. Clones share the stream.
///
/// Storing waits while a limit of the stream says so (rate, bytes received but not processed, blocks waiting to be stored), so
/// a receiver that awaits `store` before it reads on carries the back pressure to its source. Once the receiver has been asked to
/// stop, what the rate limit would hold back is refused.
pub struct ReceiverHandle<T> {
    stream: StreamId,
    intake: Arc<Intake<T>>,
    stopping: watch::Receiver<bool>,
    errors: mpsc::Sender<String>,
    clock: SharedClock,
}

impl<T> Clone for ReceiverHandle<T> {
    fn clone(&self) -> Self {
        ReceiverHandle {
            stream: self.stream,
            intake: self.intake.clone(),
            stopping: self.stopping.clone(),
            errors: self.errors.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl<T> fmt::Debug for ReceiverHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverHandle").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<T> ReceiverHandle<T> {
    pub(crate) fn new(
        stream: StreamId,
        intake: Arc<Intake<T>>,
        stopping: watch::Receiver<bool>,
        errors: mpsc::Sender<String>,
        clock: SharedClock,
    ) -> ReceiverHandle<T> {
        ReceiverHandle { stream, intake, stopping, errors, clock }
    }

    /// The stream the records go to.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The clock that the receiver should take its time from.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Whether the receiver has been asked to stop.
    pub fn is_stopped(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Completes when the receiver has been asked to stop: `select` it against the next read.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // The sender lives in the supervisor; if that is gone the receiver has to stop as well.
        let _ = stopping.wait_for(|stop| *stop).await;
    }

    /// The records per second that the stream takes at present; `None` is no limit.
    ///
    /// A chunk is taken as a whole once the limit allows its first record. A receiver that stores large chunks under a limit
    /// does well to store them in pieces of a fraction of this.
    pub fn rate_limit(&self) -> Option<f64> {
        self.intake.rate()
    }

    /// Tells listeners, and the log, of trouble that does not end the receiver. Only logged when too many are waiting to be told.
    pub fn report_error(&self, message: impl fmt::Display) {
        if let Err(TrySendError::Full(message) | TrySendError::Closed(message)) =
            self.errors.try_send(message.to_string())
        {
            log::debug!("the receiver of {} reports: {message}", self.stream);
        }
    }
}

impl<T: Serialize> ReceiverHandle<T> {
    /// Stores one record. It is in memory when this returns, in a block that is cut later.
    ///
    /// # Errors
    /// [`ReceiverStopped`] once the stream takes no more records; the record was not stored.
    pub async fn store(&self, record: T) -> Result<(), ReceiverStopped> {
        self.intake.store(record).await.map(drop)
    }

    /// Stores a chunk of records, in order and in one block. Much cheaper than one by one.
    ///
    /// # Errors
    /// [`ReceiverStopped`] once the stream takes no more records; none of them was stored.
    pub async fn store_many(&self, records: Vec<T>) -> Result<(), ReceiverStopped> {
        self.intake.store_many(records, None).await.map(drop)
    }

    /// As [`store_many`](ReceiverHandle::store_many), for a caller that knows the records' size in bytes of memory.
    ///
    /// # Errors
    /// [`ReceiverStopped`] once the stream takes no more records; none of them was stored.
    pub async fn store_sized(&self, records: Vec<T>, bytes: usize) -> Result<(), ReceiverStopped> {
        self.intake.store_many(records, Some(bytes)).await.map(drop)
    }

    /// Stores a chunk of records, and returns once the block that holds them is in the ledger: with a checkpoint directory and the
    /// block log they survive the process from then on, so a receiver may acknowledge them to its source. Waits up to one block
    /// interval for the block to be cut; calls that run at the same time share a block.
    ///
    /// # Errors
    /// [`ReceiverStopped`] when the stream takes no more records, or ended before these were stored: they may be stored, or not.
    pub async fn store_reliably(&self, records: Vec<T>) -> Result<(), ReceiverStopped> {
        if records.is_empty() {
            return Ok(());
        }
        let block = self.intake.store_many(records, None).await?;
        if self.intake.wait_stored(block + 1).await { Ok(()) } else { Err(ReceiverStopped) }
    }
}
