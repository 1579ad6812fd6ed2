//! For sources that block: a handle for threads of the receiver's own.

use super::{LastPositionError, ReceiverHandle, ReceiverStopped, StoreReliablyError};
use crate::inside::on_engine_thread;
use futures::executor::block_on;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use tokio::runtime::{Handle, TryCurrentError};

/// A [`ReceiverHandle`] whose calls wait on the thread that makes them: for sources whose clients block, on a thread of the
/// receiver's own or in `tokio::task::spawn_blocking`.
///
/// ```
/// use std::thread;
/// use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};
///
/// /// Reads from a client that blocks.
/// struct Blocking;
///
/// impl Receiver for Blocking {
///     type Record = String;
///
///     async fn run(&mut self, handle: ReceiverHandle<String>) -> Result<(), ReceiverError> {
///         let blocking = handle.blocking()?;
///         let reader = thread::Builder::new().spawn(move || {
///             // Here the client is asked for the next record, for a second at most.
///             let next = || "a record".to_owned();
///             while !blocking.is_stopped() {
///                 if let Err(stopped) = blocking.store(next()) {
///                     return log::info!("{stopped}");
///                 }
///             }
///         });
///         reader?;
///         handle.stopped().await;
///         Ok(())
///     }
/// }
/// ```
///
/// **Bounded.** A call returns when the record is in, so a thread never holds more than what it is storing, and waits when the
/// stream's limits say so.
///
/// **Ends with the run.** When the run of the receiver is over, or its stream is stopped, calls that wait and all later ones return an
/// error. So a `run` that wants the thread's last calls to succeed waits for the thread before it returns, as it can with
/// `spawn_blocking`. A thread that waits for its source meanwhile is not woken: give its reads a timeout, and ask
/// [`is_stopped`](BlockingHandle::is_stopped) between them.
///
/// **Not on an engine's thread.** There, in `run` itself for example, a call would hold up what it waits for: it is refused.
pub struct BlockingHandle<T> {
    handle: ReceiverHandle<T>,
    timers: Handle,
}

impl<T> Clone for BlockingHandle<T> {
    fn clone(&self) -> Self {
        BlockingHandle { handle: self.handle.clone(), timers: self.timers.clone() }
    }
}

impl<T> fmt::Debug for BlockingHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingHandle").field("stream", &self.handle.stream()).finish_non_exhaustive()
    }
}

/// Why a thread's records were not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockingStoreError {
    /// See there.
    #[error(transparent)]
    Store(#[from] StoreReliablyError),
    /// The last position is not known.
    #[error(transparent)]
    LastPosition(#[from] LastPositionError),
    /// The calling thread belongs to an engine. Nothing was stored.
    #[error(
        "a thread of an engine cannot wait for a store: use the `ReceiverHandle` there, or a thread of the receiver's own"
    )]
    OnEngineThread,
}

impl From<ReceiverStopped> for BlockingStoreError {
    fn from(stopped: ReceiverStopped) -> Self {
        BlockingStoreError::Store(stopped.into())
    }
}

impl<T: Serialize> BlockingHandle<T> {
    pub(super) fn new(handle: ReceiverHandle<T>) -> Result<BlockingHandle<T>, TryCurrentError> {
        Ok(BlockingHandle { handle, timers: Handle::try_current()? })
    }

    /// Whether the receiver has to stop: ask between two reads.
    pub fn is_stopped(&self) -> bool {
        self.handle.is_stopped()
    }

    /// [`ReceiverHandle::store`].
    ///
    /// # Errors
    /// As there; on an engine's thread.
    pub fn store(&self, record: T) -> Result<(), BlockingStoreError> {
        self.wait(self.handle.store(record))
    }

    /// [`ReceiverHandle::store_many`].
    ///
    /// # Errors
    /// As there; on an engine's thread.
    pub fn store_many(&self, records: Vec<T>) -> Result<(), BlockingStoreError> {
        self.wait(self.handle.store_many(records))
    }

    /// [`ReceiverHandle::store_reliably`].
    ///
    /// # Errors
    /// As there; on an engine's thread.
    pub fn store_reliably(&self, records: Vec<T>) -> Result<(), BlockingStoreError> {
        self.wait(self.handle.store_reliably(records))
    }

    /// [`ReceiverHandle::store_reliably_at`].
    ///
    /// # Errors
    /// As there; on an engine's thread.
    pub fn store_reliably_at<P: Serialize>(&self, records: Vec<T>, position: &P) -> Result<(), BlockingStoreError> {
        self.wait(self.handle.store_reliably_at(records, position))
    }

    /// [`ReceiverHandle::last_position`].
    ///
    /// # Errors
    /// As there; on an engine's thread.
    pub fn last_position<P: DeserializeOwned>(&self) -> Result<Option<P>, BlockingStoreError> {
        self.wait(self.handle.last_position())
    }

    /// The handle for code that does not block: to restart, stop, or report an error.
    pub fn handle(&self) -> &ReceiverHandle<T> {
        &self.handle
    }

    fn wait<R, E>(&self, call: impl Future<Output = Result<R, E>>) -> Result<R, BlockingStoreError>
    where
        BlockingStoreError: From<E>,
    {
        if on_engine_thread() {
            return Err(BlockingStoreError::OnEngineThread);
        }
        // Pauses are timed by the loop of the receiver's thread.
        let _timers = self.timers.enter();
        block_on(async {
            tokio::select! {
                biased;
                outcome = call => outcome.map_err(BlockingStoreError::from),
                () = self.handle.run_over() => Err(ReceiverStopped.into()),
            }
        })
    }
}
