//! The dataset behind every shuffle: two typed kernels, and all the plumbing they need.

use crate::rdd::{Flow, Input, PartitionerId, Rdd, RddNode, Sink, Stop, push_all};
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::block::Erased;
use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::scope::EngineCore;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Bucket, InputId, Lineage, Requirement, ShuffleKernel, ShuffleProgress, TaskContext};

/// Describes a shuffle of records `P` through buckets of `B` into records `T`.
pub(crate) struct Shuffle<M, R> {
    /// Who asked for it.
    pub(crate) site: Site,
    /// Number of target partitions.
    pub(crate) targets: usize,
    /// How the result is partitioned by key, when it is.
    pub(crate) partitioner: Option<PartitionerId>,
    /// One map partition in, the records for each target out (an element per target).
    pub(crate) map: M,
    /// The records of one target, ordered by map partition, in; its partition out.
    pub(crate) reduce: R,
}

impl<M, R> Shuffle<M, R> {
    /// The shuffled dataset.
    pub(crate) fn of<P, B, T>(self, parent: &Rdd<P>) -> Rdd<T>
    where
        P: Data,
        B: Send + 'static,
        T: Data,
        M: Fn(&Input<'_, P>, &TaskContext) -> Result<Vec<Vec<B>>, Stop> + Send + Sync + 'static,
        R: Fn(Vec<Vec<B>>, &TaskContext) -> Result<Vec<T>, TaskError> + Send + Sync + 'static,
    {
        let core = parent.scope().core();
        let progress = ShuffleProgress::new(core.next_shuffle(), parent.num_partitions(), self.targets);
        let partitioner = self.partitioner.clone();
        let kernel = Kernel {
            core: core.clone(),
            progress,
            parent: parent.node().clone(),
            shuffle: self,
            types: std::marker::PhantomData::<fn() -> (B, T)>,
        };
        let node = Shuffled { id: core.next_rdd(), kernel: Arc::new(kernel), partitioner };
        Rdd::new(Arc::new(node), parent.scope().clone())
    }
}

struct Kernel<P, B, T, M, R> {
    core: Arc<EngineCore>,
    progress: ShuffleProgress,
    parent: Arc<dyn RddNode<P>>,
    shuffle: Shuffle<M, R>,
    types: std::marker::PhantomData<fn() -> (B, T)>,
}

impl<P, B, T, M, R> ShuffleKernel for Kernel<P, B, T, M, R>
where
    P: Data,
    B: Send + 'static,
    T: Data,
    M: Fn(&Input<'_, P>, &TaskContext) -> Result<Vec<Vec<B>>, Stop> + Send + Sync,
    R: Fn(Vec<Vec<B>>, &TaskContext) -> Result<Vec<T>, TaskError> + Send + Sync,
{
    fn progress(&self) -> &ShuffleProgress {
        &self.progress
    }

    fn site(&self) -> Site {
        self.shuffle.site
    }

    fn parent(&self) -> Arc<dyn Lineage> {
        self.parent.clone()
    }

    fn map(&self, map_partition: usize, task: &TaskContext) -> Result<Vec<Bucket>, TaskError> {
        let buckets = match (self.shuffle.map)(&Input::new(&*self.parent, map_partition), task) {
            Ok(buckets) => buckets,
            Err(Stop::Fault(error)) => return Err(error),
            // A map side wants every record; nobody downstream can have had enough.
            Err(Stop::Enough) => return Err(task.failed(self.shuffle.site, "the map side was cut short")),
        };
        let full = buckets.into_iter().enumerate().filter(|(_, records)| !records.is_empty());
        Ok(full
            .map(|(target, records)| Bucket { map_partition, target, records: records.len(), data: Box::new(records) })
            .collect())
    }

    fn reduce(&self, _: usize, buckets: Vec<Bucket>, task: &TaskContext) -> Result<Erased, TaskError> {
        let typed: Option<Vec<Vec<B>>> =
            buckets.into_iter().map(|bucket| bucket.data.downcast::<Vec<B>>().ok().map(|records| *records)).collect();
        let typed = typed.ok_or_else(|| task.failed(self.shuffle.site, "a bucket holds records of another type"))?;
        Ok(Arc::new((self.shuffle.reduce)(typed, task)?))
    }
}

impl<P, B, T, M, R> Drop for Kernel<P, B, T, M, R> {
    /// Nobody holds the dataset any more: the workers may let go of its buckets.
    fn drop(&mut self) {
        if self.progress.maps() > 0 {
            self.core.discard_shuffle(self.progress.id());
        }
    }
}

struct Shuffled {
    id: RddId,
    kernel: Arc<dyn ShuffleKernel>,
    partitioner: Option<PartitionerId>,
}

impl Lineage for Shuffled {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.kernel.progress().targets()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        vec![Requirement::Shuffle(self.kernel.clone(), partition)]
    }
}

impl<T: Data> RddNode<T> for Shuffled {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        match self.shared(partition, task) {
            Some(merged) => push_all(&merged, out),
            None => Err(Stop::Fault(task.failed(self.kernel.site(), "the merged partition was not provided"))),
        }
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        self.partitioner.clone()
    }

    fn is_held(&self) -> bool {
        true
    }

    fn shared(&self, partition: usize, task: &TaskContext) -> Option<Arc<Vec<T>>> {
        let id = InputId::Shuffle(self.kernel.progress().id(), partition);
        task.input(id)?.downcast().ok()
    }
}
