//! Receivers: how records come in from outside.
//!
//! A receiver is an asynchronous task: it occupies no core, only the time in which it decodes. It stores records through a
//! [`ReceiverHandle`]; they gather in a block, which is cut every block interval, at every batch tick and when it is full. A cut
//! block goes to the block manager, then into the ledger, then into the next batch.
//!
//! **What a return from `store` means.** The record is in this process's memory, in the open block of its stream. It survives
//! the receiver's death, not the process's.

mod assembler;
mod blocking;
mod handle;
mod intake;
mod life;
mod limiter;
mod policy;
mod quota;
mod rate;
mod reliable;
mod repeats;
mod run;
mod status;
mod supervisor;

pub use assembler::{AssembledBlock, Assembler, CHUNK_RECORDS};
pub use blocking::{BlockingHandle, BlockingStoreError};
pub use handle::{CameIn, ReceiverHandle};
pub use intake::{
    Credit, HeldByBlock, Intake, IntakeDepth, IntakeLimits, LookedAt, QueuedBlock, ReceiverStopped, StoreWithinError,
};
pub use limiter::{RateLimiter, Reserved};
pub use policy::{EndedRun, GivenUp, Restarts, SupervisorPolicy, Verdict};
pub use quota::{Quota, Taken};
pub use rate::{NextBatch, UpdateRate};
pub use reliable::{LastPositionError, MAX_POSITION_BYTES, PositionBytes, StoreReliablyError};
pub use status::{LastError, ReceiverSnapshot, ReceiverState, ReceiverStatus};
pub use supervisor::{CutBlock, ReceiverSupervisor, SnapshotReceiver, StopReceiver, SupervisorParts};

use std::future::Future;

/// The error of a receiver: any error, or a text.
pub type ReceiverError = Box<dyn std::error::Error + Send + Sync>;

/// A source that pushes records.
///
/// `run` receives until it is asked to stop ([`ReceiverHandle::stopped`]) or until its source ends. Whatever ends it (a return,
/// an error, a panic, a wish of its own) is reported, and unless the stream is stopping the receiver is made anew by its factory
/// when and as often as its [`SupervisorPolicy`] says: for ever, first after `receiver.restart_delay`, unless the stream was given
/// another. Its future may be dropped at any await, so keep nothing half done across one. What is left of a run that is over (tasks
/// and threads that hold its handle) stores nothing any more.
pub trait Receiver: 'static {
    /// What it stores.
    type Record: Send + Sync + 'static;

    /// Receives. Runs on an arbiter shared with other receivers: it must not block its thread.
    fn run(&mut self, handle: ReceiverHandle<Self::Record>) -> impl Future<Output = Result<(), ReceiverError>>;
}
