//! `coalesce`: fewer partitions without a shuffle.

use crate::rdd::{Flow, Rdd, RddNode, Sink};
use crate::record::Data;
use std::ops::Range;
use std::sync::Arc;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};

impl<T: Data> Rdd<T> {
    /// Puts neighbouring partitions together until there are `partitions` of them (at least 1), in groups of even size.
    /// Never more partitions than there are: [`repartition`](Rdd::repartition) makes more.
    ///
    /// Each group is computed by one task, so a small number also means few tasks for everything up to the last shuffle.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let fewer = engine.parallelize(1..=6, 6).coalesce(2);
    /// assert_eq!(fewer.glom().collect()?, [[1, 2, 3], [4, 5, 6]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn coalesce(&self, partitions: usize) -> Rdd<T> {
        let groups = partitions.max(1);
        if groups >= self.num_partitions() {
            return self.clone();
        }
        let node = Coalesced { id: self.scope().core().next_rdd(), parent: self.node().clone(), groups };
        Rdd::new(Arc::new(node), self.scope().clone())
    }
}

struct Coalesced<T> {
    id: RddId,
    parent: Arc<dyn RddNode<T>>,
    groups: usize,
}

impl<T> Coalesced<T> {
    /// The parent's partitions that `group` is made of.
    fn members(&self, group: usize) -> Range<usize> {
        let total = self.parent.partitions();
        group * total / self.groups..(group + 1) * total / self.groups
    }
}

impl<T: Data> Lineage for Coalesced<T> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.groups
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        self.members(partition).map(|member| Requirement::Parent(self.parent.clone(), member)).collect()
    }
}

impl<T: Data> RddNode<T> for Coalesced<T> {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        self.members(partition).try_for_each(|member| self.parent.compute(member, task, out))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn groups_are_of_even_size_and_in_order() {
        let engine = Engine::local(2).unwrap();
        let fewer = engine.parallelize(0..7, 7).coalesce(3);
        assert_eq!(fewer.glom().collect().unwrap(), [vec![0, 1], vec![2, 3], vec![4, 5, 6]]);
    }

    #[test]
    fn partitions_are_never_added() {
        let engine = Engine::local(1).unwrap();
        assert_eq!(engine.parallelize(0..4, 2).coalesce(5).num_partitions(), 2);
        assert_eq!(engine.empty_rdd::<i32>().coalesce(5).num_partitions(), 0);
    }

    #[test]
    fn no_partitions_are_understood_as_one() {
        let engine = Engine::local(1).unwrap();
        assert_eq!(engine.parallelize(0..4, 2).coalesce(0).glom().collect().unwrap(), [[0, 1, 2, 3]]);
    }
}
