//! What can go wrong while a batch is computed, and how it is told.

use crate::ids::{BlockId, RddId, ShuffleId, WorkerId};
use crate::site::Site;
use crate::time::Time;
use std::any::Any;
use std::fmt;

/// Where a task was when it failed: partition, and batch when it ran for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The partition that was being computed.
    pub partition: usize,
    /// The batch it was computed for; `None` for a job outside any batch.
    pub batch: Option<Time>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {}", self.partition)?;
        match self.batch {
            Some(time) => write!(f, " of batch {time}"),
            None => Ok(()),
        }
    }
}

/// The text of an error and of its sources, each after a colon: for errors that go on as text.
pub fn in_full(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// Why one attempt at a task failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A closure of the user panicked; it was caught at the task's boundary.
    #[error("{site} panicked in {place}: {message}")]
    Panicked {
        /// The operator whose closure was running.
        site: Site,
        /// Partition and batch.
        place: Place,
        /// The panic's own message.
        message: String,
    },
    /// A closure of the user, or an encoding of the user's type, returned an error.
    #[error("{site} failed in {place}: {message}")]
    Failed {
        /// The operator that failed.
        site: Site,
        /// Partition and batch.
        place: Place,
        /// The error's own message.
        message: String,
    },
    /// A block of received records is no longer in the block manager.
    #[error(
        "{block} is gone from the block manager; it was read after its batch was forgotten (a longer `remember` keeps it)"
    )]
    BlockMissing {
        /// The missing block.
        block: BlockId,
    },
    /// A persisted partition was dropped between planning and running; it is recomputed.
    #[error("cached partition {partition} of {rdd} was dropped; it will be recomputed")]
    CacheMissing {
        /// The persisted dataset.
        rdd: RddId,
        /// The dropped partition.
        partition: usize,
    },
    /// Buckets of a shuffle are gone; the map side is run again for this partition.
    #[error("partition {partition} of {shuffle} is lost: {cause}")]
    ShuffleLost {
        /// The shuffle.
        shuffle: ShuffleId,
        /// The lost target partition.
        partition: usize,
        /// What took it.
        cause: String,
    },
    /// A stage worker is gone.
    #[error("{worker} is gone")]
    WorkerLost {
        /// Which worker.
        worker: WorkerId,
    },
    /// Stored data could not be read back.
    #[error("{what}: {cause}")]
    Storage {
        /// The block or partition.
        what: String,
        /// The cause.
        cause: String,
    },
    /// The job was cancelled: its context is being stopped.
    #[error("cancelled")]
    Cancelled,
}

/// Why an action on a dataset has no result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A task failed as often as `task_max_failures` allows.
    #[error("{cause} (attempt {attempts} of {attempts})")]
    TaskFailed {
        /// How often it was tried.
        attempts: u32,
        /// The last attempt's fault.
        #[source]
        cause: TaskError,
    },
    /// User code that runs on the driver side (`transform`, `foreach_rdd`, an output) panicked.
    #[error("{site} panicked{}: {message}", OfBatch(*batch))]
    Panicked {
        /// The operator whose closure panicked.
        site: Site,
        /// The batch it ran for.
        batch: Option<Time>,
        /// The panic's own message.
        message: String,
    },
    /// User code that runs on the driver side returned an error.
    #[error("{site} failed{}: {message}", OfBatch(*batch))]
    Failed {
        /// The operator whose closure failed.
        site: Site,
        /// The batch it ran for.
        batch: Option<Time>,
        /// The error's own message.
        message: String,
    },
    /// An action was called inside a task.
    #[error(
        "{site} was called inside a task: datasets can only be used in `transform`, `foreach_rdd` and outside the stream; collect the data first and move the result into the closure"
    )]
    InsideTask {
        /// The action.
        site: Site,
    },
    /// The job was cancelled: its context is being stopped.
    #[error("{site} was cancelled: the context is being stopped")]
    Cancelled {
        /// The action.
        site: Site,
    },
    /// The engine has been stopped.
    #[error(
        "{site}: the engine has been stopped; keep the Engine (or the context that owns it) alive while its datasets are used"
    )]
    EngineStopped {
        /// The action.
        site: Site,
    },
}

/// ` of batch t`, or nothing.
struct OfBatch(Option<Time>);

impl fmt::Display for OfBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, " in batch {time}"),
            None => Ok(()),
        }
    }
}

/// The text of a caught panic.
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}
