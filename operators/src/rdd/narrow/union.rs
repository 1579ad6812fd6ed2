//! `union`: datasets one after another, or partition by partition when their keys lie alike.

use crate::rdd::{Flow, PartitionerId, Rdd, RddNode, Sink};
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};

impl<T: Data> Rdd<T> {
    /// The partitions of this dataset, then those of `that`. Nothing is moved, and records that are in both stay twice.
    ///
    /// Datasets with equal partitioners are united partition by partition instead, and the result has that partitioner, too:
    /// an operator on its keys needs no shuffle.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let both = engine.parallelize(1..=2, 1).union(&engine.parallelize(2..=3, 2));
    /// assert_eq!(both.collect()?, [1, 2, 2, 3]);
    /// assert_eq!(both.num_partitions(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn union(&self, that: &Rdd<T>) -> Rdd<T> {
        self.union_all(vec![that.clone()])
    }

    /// The partitions of this dataset, then those of each of `those`, in their order; as [`union`](Rdd::union).
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let numbers = |from: i32| engine.parallelize(from..from + 2, 1);
    /// assert_eq!(numbers(1).union_all(vec![numbers(5), numbers(3)]).collect()?, [1, 2, 5, 6, 3, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn union_all(&self, those: Vec<Rdd<T>>) -> Rdd<T> {
        let parents: Vec<_> = std::iter::once(self).chain(&those).map(|dataset| dataset.node().clone()).collect();
        let id = self.scope().core().next_rdd();
        let alike =
            self.node().partitioner().filter(|alike| parents.iter().all(|p| p.partitioner().as_ref() == Some(alike)));
        let node: Arc<dyn RddNode<T>> = match alike {
            Some(partitioner) => Arc::new(Aligned { id, partitioner, partitions: self.num_partitions(), parents }),
            None => Arc::new(Union { id, parents }),
        };
        Rdd::new(node, self.scope().clone())
    }
}

/// Parents whose keys lie alike: partition p is that of every parent, one after another.
struct Aligned<T> {
    id: RddId,
    partitioner: PartitionerId,
    partitions: usize,
    parents: Vec<Arc<dyn RddNode<T>>>,
}

impl<T: Data> Lineage for Aligned<T> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.partitions
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        self.parents.iter().map(|parent| Requirement::Parent(parent.clone(), partition)).collect()
    }
}

impl<T: Data> RddNode<T> for Aligned<T> {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        self.parents.iter().try_for_each(|parent| parent.compute(partition, task, out))
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        Some(self.partitioner.clone())
    }

    fn known_count(&self) -> Option<u64> {
        self.parents.iter().map(|parent| parent.known_count()).sum()
    }

    fn is_held(&self) -> bool {
        self.parents.iter().all(|parent| parent.is_held())
    }
}

struct Union<T> {
    id: RddId,
    parents: Vec<Arc<dyn RddNode<T>>>,
}

impl<T> Union<T> {
    /// Which partition of which parent `partition` is.
    fn locate(&self, mut partition: usize) -> Option<(&Arc<dyn RddNode<T>>, usize)> {
        for parent in &self.parents {
            if partition < parent.partitions() {
                return Some((parent, partition));
            }
            partition -= parent.partitions();
        }
        None
    }
}

impl<T: Data> Lineage for Union<T> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.parents.iter().map(|parent| parent.partitions()).sum()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        let place = self.locate(partition);
        place.map(|(parent, theirs)| Requirement::Parent(parent.clone(), theirs)).into_iter().collect()
    }
}

impl<T: Data> RddNode<T> for Union<T> {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        self.locate(partition).map_or(Ok(()), |(parent, theirs)| parent.compute(theirs, task, out))
    }

    fn known_count(&self) -> Option<u64> {
        self.parents.iter().map(|parent| parent.known_count()).sum()
    }

    fn is_held(&self) -> bool {
        self.parents.iter().all(|parent| parent.is_held())
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::per_batch;

    #[test]
    fn this_datasets_partitions_come_first() {
        let both = per_batch(vec![(1..=4).collect(), (101..=104).collect(), (201..=204).collect()], |batch| {
            batch.union(&batch.map(|n: i32| n + 4))
        });
        let expected: [Vec<i32>; 3] = [(1..=8).collect(), (101..=108).collect(), (201..=208).collect()];
        assert_eq!(both, expected);
    }

    #[test]
    fn many_datasets_are_strung_together_in_the_order_of_the_arguments() {
        let three = per_batch(vec![(1..=4).collect(), (101..=104).collect(), (201..=204).collect()], |batch| {
            batch.union_all(vec![batch.map(|n: i32| n + 4), batch.map(|n| n + 8)])
        });
        let expected: [Vec<i32>; 3] = [(1..=12).collect(), (101..=112).collect(), (201..=212).collect()];
        assert_eq!(three, expected);
    }

    #[test]
    fn datasets_without_partitions_add_none() {
        let engine = Engine::local(1).unwrap();
        let none = engine.empty_rdd();
        let some = none.union_all(vec![engine.parallelize([1], 2), none.clone(), engine.parallelize([2], 1)]);
        assert_eq!(some.num_partitions(), 3);
        assert_eq!(some.collect().unwrap(), [1, 2]);
        assert_eq!(none.union(&none).collect().unwrap(), []);
    }
}
