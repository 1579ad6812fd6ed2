//! The typed side of a dataset's lineage, and the node that narrow operators are made of.

use super::partitioner::PartitionerId;
use super::sink::{EachChunk, Flow, Sink};
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};

/// Computes the partitions of a dataset.
pub trait RddNode<T>: Lineage {
    /// Pushes the records of `partition`, in order, into `out`.
    ///
    /// # Errors
    /// A fault of the computation, or the sink's wish to stop.
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow;

    /// How records are spread over the partitions by their key, when that is known.
    fn partitioner(&self) -> Option<PartitionerId> {
        None
    }

    /// The number of records, when it is known without computing anything.
    fn known_count(&self) -> Option<u64> {
        None
    }

    /// Whether its partitions lie somewhere already, so that reading them again computes nothing.
    fn is_held(&self) -> bool {
        false
    }

    /// The records of `partition` where they lie in one list already: whoever needs all of them at once need not copy them.
    fn shared(&self, partition: usize, task: &TaskContext) -> Option<Arc<Vec<T>>> {
        let _ = (partition, task);
        None
    }

    /// Stops keeping computed partitions and gives back those that are held; nothing to do for a node that keeps none.
    fn unpersist(&self) {}
}

/// One partition of a parent, as an operator reads it.
pub struct Input<'a, T> {
    node: &'a dyn RddNode<T>,
    partition: usize,
}

impl<'a, T: Data> Input<'a, T> {
    /// Partition `partition` of `node`.
    pub fn new(node: &'a dyn RddNode<T>, partition: usize) -> Input<'a, T> {
        Input { node, partition }
    }

    /// The partition's number.
    pub fn partition(&self) -> usize {
        self.partition
    }

    /// Calls `each` with every chunk of records, which it may take or change.
    ///
    /// # Errors
    /// A fault of the parent, or of `each`.
    pub fn each(&self, task: &TaskContext, each: impl FnMut(&mut Vec<T>) -> Flow) -> Flow {
        self.node.compute(self.partition, task, &mut EachChunk(each))
    }

    /// Pushes the records into `sink`.
    ///
    /// # Errors
    /// A fault of the parent, or of the sink.
    pub fn push_into(&self, task: &TaskContext, sink: &mut dyn Sink<T>) -> Flow {
        self.node.compute(self.partition, task, sink)
    }

    /// All records of the partition.
    ///
    /// # Errors
    /// A fault of the parent.
    pub fn to_vec(&self, task: &TaskContext) -> Result<Vec<T>, super::Stop> {
        let mut records = Vec::new();
        self.each(task, |chunk| {
            records.append(chunk);
            Ok(())
        })?;
        Ok(records)
    }

    /// All records of the partition, not copied if they lie in one list already.
    ///
    /// # Errors
    /// A fault of the parent.
    pub fn to_shared(&self, task: &TaskContext) -> Result<Arc<Vec<T>>, super::Stop> {
        match self.node.shared(self.partition, task) {
            Some(records) => Ok(records),
            None => self.to_vec(task).map(Arc::new),
        }
    }
}

/// A dataset whose partition p is computed from partition p of its parent.
pub(super) struct NarrowNode<P, F> {
    pub(super) id: RddId,
    pub(super) parent: Arc<dyn RddNode<P>>,
    pub(super) partitioner: Option<PartitionerId>,
    pub(super) compute: F,
}

impl<P: Data, F: Send + Sync> Lineage for NarrowNode<P, F> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.parent.partitions()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        vec![Requirement::Parent(self.parent.clone(), partition)]
    }
}

impl<P, T, F> RddNode<T> for NarrowNode<P, F>
where
    P: Data,
    F: Fn(&Input<'_, P>, &TaskContext, &mut dyn Sink<T>) -> Flow + Send + Sync,
{
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        (self.compute)(&Input::new(&*self.parent, partition), task, out)
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        self.partitioner.clone()
    }
}

/// A dataset whose partition p is computed from partition p of each of two parents, which have equally many.
pub(super) struct PairedNode<A, B, F> {
    pub(super) id: RddId,
    pub(super) left: Arc<dyn RddNode<A>>,
    pub(super) right: Arc<dyn RddNode<B>>,
    pub(super) partitioner: Option<PartitionerId>,
    pub(super) compute: F,
}

impl<A: Data, B: Data, F: Send + Sync> Lineage for PairedNode<A, B, F> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.left.partitions()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        vec![Requirement::Parent(self.left.clone(), partition), Requirement::Parent(self.right.clone(), partition)]
    }
}

impl<A, B, T, F> RddNode<T> for PairedNode<A, B, F>
where
    A: Data,
    B: Data,
    F: Fn(&Input<'_, A>, &Input<'_, B>, &TaskContext, &mut dyn Sink<T>) -> Flow + Send + Sync,
{
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        let (left, right) = (Input::new(&*self.left, partition), Input::new(&*self.right, partition));
        (self.compute)(&left, &right, task, out)
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        self.partitioner.clone()
    }
}
