//! `Rdd<T>`: the immutable, partitioned, lazy dataset of one batch.
//!
//! An operator makes a new dataset that knows how to compute its partitions from those of its parents; nothing runs until an
//! action asks. Narrow operators (`narrow/`) compute a partition from one partition of the parent, in the same task, chunk by
//! chunk. Shuffles (`shuffle/`) move records between partitions and end a stage. Joins (`joins/`) bring the keys of two datasets
//! together. Actions (`actions/`) run a job.
//!
//! Every operator is in a file of its own. Read [`narrow/map.rs`](self) and you can read all of the narrow ones.

mod actions;
mod joins;
mod key_table;
mod narrow;
mod node;
mod partitioner;
mod persist;
mod read_files;
mod shuffle;
mod sink;
mod source;
#[cfg(test)]
mod testing;

pub(crate) use joins::Matches;
pub(crate) use key_table::KeyTable;
pub use node::{Input, RddNode};
pub use partitioner::{Partitioner, PartitionerId};
pub use read_files::ReadFiles;
pub(crate) use shuffle::{Combiner, reducer};
pub use sink::{CHUNK, EachChunk, EachShared, Flow, Sink, Stop, push_all, take};
pub(crate) use source::Blocks;
pub use source::Parallelize;

use crate::record::Data;
use node::{NarrowNode, PairedNode};
use std::fmt;
use std::sync::Arc;
use waterwheel_runtime::scope::JobScope;
use waterwheel_runtime::stage::TaskContext;

/// An immutable, partitioned, lazy dataset. A cheap handle: clones are the same dataset.
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// let engine = Engine::local(1)?;
/// let lengths = engine.parallelize(vec!["a", "bb", "ccc"], 2).map(|word| word.len());
/// assert_eq!(lengths.collect()?, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "datasets are lazy: nothing is computed until an action or an output asks"]
pub struct Rdd<T> {
    node: Arc<dyn RddNode<T>>,
    scope: Arc<JobScope>,
}

impl<T> Clone for Rdd<T> {
    fn clone(&self) -> Self {
        Rdd { node: self.node.clone(), scope: self.scope.clone() }
    }
}

impl<T> fmt::Debug for Rdd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} partitions", self.node.id(), self.node.partitions())
    }
}

impl<T: Data> Rdd<T> {
    /// A dataset over a node.
    pub fn new(node: Arc<dyn RddNode<T>>, scope: Arc<JobScope>) -> Rdd<T> {
        Rdd { node, scope }
    }

    /// The node that computes it.
    pub fn node(&self) -> &Arc<dyn RddNode<T>> {
        &self.node
    }

    /// Where its jobs run.
    pub fn scope(&self) -> &Arc<JobScope> {
        &self.scope
    }

    /// The same dataset, whose jobs belong to another scope (another batch).
    pub fn in_scope(&self, scope: &Arc<JobScope>) -> Rdd<T> {
        Rdd { node: self.node.clone(), scope: scope.clone() }
    }

    /// Number of partitions.
    pub fn num_partitions(&self) -> usize {
        self.node.partitions()
    }

    /// The number of records, when it is known without running a job: collections know it.
    pub fn known_count(&self) -> Option<u64> {
        self.node.known_count()
    }

    /// A dataset whose partition p is computed from partition p of this one, by `compute`, in the same task.
    ///
    /// `keeps_partitioning` says that every record stays in the partition that its key belongs to.
    pub(crate) fn narrow<U: Data>(
        &self,
        keeps_partitioning: bool,
        compute: impl Fn(&Input<'_, T>, &TaskContext, &mut dyn Sink<U>) -> Flow + Send + Sync + 'static,
    ) -> Rdd<U> {
        let id = self.scope.core().next_rdd();
        let partitioner = if keeps_partitioning { self.node.partitioner() } else { None };
        let node = NarrowNode { id, parent: self.node.clone(), partitioner, compute };
        Rdd::new(Arc::new(node), self.scope.clone())
    }

    /// A dataset whose partition p is computed from partition p of this one and of `other`, which has as many partitions, in
    /// the same task. `partitioner` says how its records are placed by key.
    pub(crate) fn beside<U: Data, R: Data>(
        &self,
        other: &Rdd<U>,
        partitioner: Option<PartitionerId>,
        compute: impl Fn(&Input<'_, T>, &Input<'_, U>, &TaskContext, &mut dyn Sink<R>) -> Flow + Send + Sync + 'static,
    ) -> Rdd<R> {
        let id = self.scope.core().next_rdd();
        let node = PairedNode { id, left: self.node.clone(), right: other.node.clone(), partitioner, compute };
        Rdd::new(Arc::new(node), self.scope.clone())
    }
}
