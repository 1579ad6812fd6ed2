//! The datasets of stateful operators: lazy views of the version of a batch.

use super::step::Step;
use crate::rdd::{CHUNK, Flow, PartitionerId, Rdd, RddNode, Sink, Stop};
use crate::record::{Data, Key, Record};
use std::sync::Arc;
use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::scope::JobScope;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};
use waterwheel_runtime::state::{ByProduct, StateStore, VersionError};

/// The keys with their states in the version of a step, segment by segment, ordered by hash: what is not asked for is not
/// copied. `partitioner` is that of the state.
pub(crate) fn versions<K: Key, S: Record, X: ByProduct<K>>(
    step: Arc<Step<K, S, X>>,
    partitioner: PartitionerId,
    scope: &Arc<JobScope>,
) -> Rdd<(K, S)> {
    let push = |step: &Arc<Step<K, S, X>>, partition: usize, task: &TaskContext, out: &mut dyn Sink<(K, S)>| {
        let mut chunk = Vec::new();
        for segment in 0..StateStore::<K, S, X>::SEGMENTS {
            let view = || step.store().view(partition, step.batch(), segment);
            chunk.append(&mut task.run(step.site(), 0, view)?.map_err(|error| told(step, partition, task, error))?);
            if chunk.len() >= CHUNK {
                out.push(&mut chunk)?;
            }
        }
        if chunk.is_empty() { Ok(()) } else { out.push(&mut chunk) }
    };
    dataset(step, Some(partitioner), scope, push)
}

/// The records that `push` makes of the by-product of a step; none when the version was given up.
pub(crate) fn by_products<K: Key, S: Record, X: ByProduct<K>, T: Data>(
    step: Arc<Step<K, S, X>>,
    partitioner: Option<PartitionerId>,
    scope: &Arc<JobScope>,
    push: impl Fn(&X, &mut dyn Sink<T>) -> Flow + Send + Sync + 'static,
) -> Rdd<T> {
    let push = move |step: &Arc<Step<K, S, X>>, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>| {
        let found = step.store().by_product(partition, step.batch());
        match found.map_err(|error| told(step, partition, task, error))? {
            Some(by_product) => push(&by_product, out),
            None => Ok(()),
        }
    };
    dataset(step, partitioner, scope, push)
}

fn told<K: Key, S: Record, X: ByProduct<K>>(
    step: &Arc<Step<K, S, X>>,
    partition: usize,
    task: &TaskContext,
    error: VersionError,
) -> TaskError {
    match error {
        // Taken back after this task was planned: it is planned again, with all that it takes to make it.
        VersionError::NotMade { .. } => TaskError::CacheMissing { rdd: step.id(), partition },
        error => task.failed(step.site(), error),
    }
}

fn dataset<K, S, X, T, F>(
    step: Arc<Step<K, S, X>>,
    partitioner: Option<PartitionerId>,
    scope: &Arc<JobScope>,
    push: F,
) -> Rdd<T>
where
    K: Key,
    S: Record,
    X: ByProduct<K>,
    T: Data,
    F: Fn(&Arc<Step<K, S, X>>, usize, &TaskContext, &mut dyn Sink<T>) -> Flow + Send + Sync + 'static,
{
    let view = View { id: scope.core().next_rdd(), step, partitioner, push };
    Rdd::new(Arc::new(view), scope.clone())
}

struct View<K: Key, S: Record, X: ByProduct<K>, F> {
    id: RddId,
    step: Arc<Step<K, S, X>>,
    partitioner: Option<PartitionerId>,
    push: F,
}

impl<K: Key, S: Record, X: ByProduct<K>, F: Send + Sync> Lineage for View<K, S, X, F> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.step.partitions()
    }

    fn is_work(&self, partition: usize) -> bool {
        self.step.is_work(partition)
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        self.step.requirements(partition)
    }
}

impl<K, S, X, T, F> RddNode<T> for View<K, S, X, F>
where
    K: Key,
    S: Record,
    X: ByProduct<K>,
    F: Fn(&Arc<Step<K, S, X>>, usize, &TaskContext, &mut dyn Sink<T>) -> Flow + Send + Sync,
{
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        self.step.advance(partition, task).map_err(|stop| match stop {
            // Whoever reads this wants all of the version's input, however little of the version.
            Stop::Enough => Stop::Fault(task.failed(self.step.site(), "its input was cut short")),
            fault => fault,
        })?;
        (self.push)(&self.step, partition, task, out)
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        self.partitioner.clone()
    }

    fn is_held(&self) -> bool {
        true
    }
}
