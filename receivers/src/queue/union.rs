//! All queued datasets as one.

use std::collections::VecDeque;
use std::sync::Arc;
use waterwheel_operators::rdd::{Flow, Rdd, RddNode, Sink};
use waterwheel_operators::record::Data;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};

/// The datasets one after another; `None` when there are none.
pub(super) fn union_of<T: Data>(datasets: VecDeque<Rdd<T>>) -> Option<Rdd<T>> {
    let scope = datasets.front()?.scope().clone();
    let parents = datasets.iter().map(|dataset| dataset.node().clone()).collect();
    Some(Rdd::new(Arc::new(Union { id: scope.core().next_rdd(), parents }), scope))
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
}
