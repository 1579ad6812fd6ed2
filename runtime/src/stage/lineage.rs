//! What the runtime knows of a dataset: how many partitions it has and what each is computed from.
//!
//! The typed side (how records are computed) lives in the `operators` crate; nothing here ever sees a record.

use super::shuffle::ShuffleKernel;
use crate::block::StorageLevel;
use crate::ids::{BlockId, ContextId, RddId};
use std::sync::Arc;

/// A dataset, as the planner sees it.
pub trait Lineage: Send + Sync {
    /// The dataset's id, unique within its engine.
    fn id(&self) -> RddId;

    /// Number of partitions; fixed for the life of the dataset.
    fn partitions(&self) -> usize;

    /// What `partition` is computed from.
    fn requirements(&self, partition: usize) -> Vec<Requirement>;

    /// Whether computing `partition` is work even when its inputs are empty, so that it belongs on a worker.
    fn is_work(&self, partition: usize) -> bool {
        let _ = partition;
        false
    }

    /// Set when partitions of this dataset are kept by the block manager once they have been computed.
    fn storage_level(&self) -> Option<StorageLevel> {
        None
    }
}

/// One thing that a partition is computed from.
pub enum Requirement {
    /// A partition of another dataset, computed in the same task.
    Parent(Arc<dyn Lineage>, usize),
    /// One target partition of a shuffle: a stage boundary.
    Shuffle(Arc<dyn ShuffleKernel>, usize),
    /// A block of received records.
    Block(ContextId, BlockId),
}
