//! Why an event cannot follow what has happened so far.

use thiserror::Error;

use crate::ids::{BlockId, StreamId};
use crate::time::Time;

/// An event that the ledger refuses. On the live path it is a mistake of the caller, in recovery a log that was not
/// written by a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A block was added before.
    #[error("block {block} was added before")]
    DuplicateBlock {
        /// The block.
        block: BlockId,
    },
    /// A batch is allocated that is not newer than the last allocated.
    #[error("batch {batch} cannot be allocated: the last allocated batch is {last}")]
    NotNewer {
        /// The batch of the event.
        batch: Time,
        /// The last batch that was allocated.
        last: Time,
    },
    /// An allocation takes a block that is not the next unallocated one of its stream: unknown, out of order, or of
    /// another batch already.
    #[error("batch {batch} cannot take block {block}: it is not the next unallocated block of {stream}")]
    NotNext {
        /// The batch of the event.
        batch: Time,
        /// The stream whose blocks the allocation takes.
        stream: StreamId,
        /// The block.
        block: BlockId,
    },
    /// A batch is done that was never allocated, or was done before.
    #[error("batch {batch} cannot be done: it is not an allocated batch that is still to be done")]
    NotPending {
        /// The batch of the event.
        batch: Time,
    },
    /// Batches are forgotten, one of which is not done.
    #[error("batches before {before} cannot be forgotten: batch {batch} is not done")]
    NotDone {
        /// The oldest batch that is not done.
        batch: Time,
        /// The bound of the event.
        before: Time,
    },
}
