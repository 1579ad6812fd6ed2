//! How a batch makes its version of an operator's state: partition by partition, by the first task that needs it.

use crate::context::StreamingContext;
use crate::graph::{Batch, MakeJob, NodeId, RunJob, catch};
use crate::rdd::{Flow, Partitioner, PartitionerId, Rdd, RddNode, Sink, Stop};
use crate::record::{Data, Key, Record};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};
use waterwheel_runtime::state::{
    ByProduct, Changing, KeepByProducts, StateSchema, StateStore, StateStoreOptions, TypeSchema,
};
use waterwheel_runtime::time::Time;

/// A pass over so many keys takes no longer than handing it to a worker.
const FEW_KEYS: usize = 1000;

/// Changes the state of a partition, which it has for itself; everything else it needs is at hand.
pub(crate) type Apply<K, S, X> = Box<dyn FnOnce(&mut Changing<'_, K, S, X>, &TaskContext) -> Result<X, TaskError>>;

/// Gathers what a partition's version is made of, before anything is locked.
pub(crate) type Gather<K, S, X> = Box<dyn Fn(usize, &TaskContext) -> Result<Apply<K, S, X>, Stop> + Send + Sync>;

/// The making of the version of one batch.
pub(crate) struct Step<K: Key, S: Record, X: ByProduct<K>> {
    id: RddId,
    site: Site,
    batch: Time,
    store: Arc<StateStore<K, S, X>>,
    /// Whatever `gather` reads, partition by partition.
    inputs: Vec<Arc<dyn Lineage>>,
    gather: Gather<K, S, X>,
    /// The step before. It is held by the graph for as long as its batch is not done; when it is gone, so is the need for it.
    previous: Weak<Step<K, S, X>>,
}

impl<K: Key, S: Record, X: ByProduct<K>> Step<K, S, X> {
    /// The batch.
    pub(crate) fn batch(&self) -> Time {
        self.batch
    }

    /// The operator.
    pub(crate) fn site(&self) -> Site {
        self.site
    }

    /// The state.
    pub(crate) fn store(&self) -> &Arc<StateStore<K, S, X>> {
        &self.store
    }

    /// Makes the version of `partition`, and those before that are not made yet.
    pub(crate) fn advance(self: &Arc<Self>, partition: usize, task: &TaskContext) -> Flow {
        let mut steps = vec![self.clone()];
        // A version that was given up is nothing itself, but those before it may have to be made.
        while let Some(step) = steps.last().filter(|step| !step.store.reached(partition, step.batch)) {
            let Some(previous) = step.previous.upgrade() else { break };
            steps.push(previous);
        }
        steps.iter().rev().try_for_each(|step| step.make(partition, task))
    }

    fn make(&self, partition: usize, task: &TaskContext) -> Flow {
        if self.store.reached(partition, self.batch) || self.store.is_skipped(self.batch) {
            return Ok(());
        }
        let apply = (self.gather)(partition, task)?;
        let unencodable = |error| task.failed(self.site, error);
        Ok(self.store.advance(partition, self.batch, |version| apply(version, task), unencodable)?)
    }
}

impl<K: Key, S: Record, X: ByProduct<K>> Lineage for Step<K, S, X> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.store.partitions()
    }

    fn is_work(&self, partition: usize) -> bool {
        self.store.keys(partition) > FEW_KEYS
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        if self.store.reached(partition, self.batch) {
            return Vec::new();
        }
        let skipped = self.store.is_skipped(self.batch);
        let inputs = self.inputs.iter().filter(|_| !skipped).cloned();
        let previous = self.previous.upgrade().map(|previous| previous as Arc<dyn Lineage>);
        inputs.chain(previous).map(|parent| Requirement::Parent(parent, partition)).collect()
    }
}

/// Steps by batch.
type Made<K, S, X> = BTreeMap<Time, Weak<Step<K, S, X>>>;

/// Every version of one stateful operator.
pub(crate) struct Steps<K: Key, S: Record, X: ByProduct<K>> {
    site: Site,
    partitioner: Partitioner<K>,
    store: Arc<StateStore<K, S, X>>,
    /// The steps that the graph still holds.
    made: Mutex<Made<K, S, X>>,
}

impl<K: Key, S: Record, X: ByProduct<K>> Steps<K, S, X> {
    /// The operator at `site`, whose versions lie `slide` apart. Its state is placed by `partitioner`, or over as many
    /// partitions as `default_parallelism` says.
    pub(crate) fn new(
        context: &StreamingContext,
        site: Site,
        slide: Duration,
        partitioner: Option<Partitioner<K>>,
        by_products: KeepByProducts,
    ) -> Arc<Steps<K, S, X>> {
        Steps::of_kind(context, site, site.operator.to_owned(), slide, partitioner, by_products)
    }

    /// [`new`](Steps::new) of an operator whose state is stored as that of `kind`, and fits no other.
    pub(crate) fn of_kind(
        context: &StreamingContext,
        site: Site,
        kind: String,
        slide: Duration,
        partitioner: Option<Partitioner<K>>,
        by_products: KeepByProducts,
    ) -> Arc<Steps<K, S, X>> {
        let partitioner = partitioner.unwrap_or_else(|| Partitioner::hash(context.config().parallelism()));
        let theirs = partitioner.clone();
        let store = StateStore::new(StateStoreOptions {
            schema: StateSchema { kind, key: TypeSchema::of::<K>(), value: TypeSchema::of::<S>() },
            partitions: partitioner.partitions(),
            place: Arc::new(move |key: &K, scratch: &mut Vec<u8>| theirs.partition(key, scratch)),
            slide,
            by_products,
        });
        Arc::new(Steps { site, partitioner, store: Arc::new(store), made: Mutex::default() })
    }

    /// How its keys are placed.
    pub(crate) fn partitioner(&self) -> &Partitioner<K> {
        &self.partitioner
    }

    /// The state.
    pub(crate) fn store(&self) -> &Arc<StateStore<K, S, X>> {
        &self.store
    }

    /// Whether `time` is of an earlier run that kept no version of it for this one: there is no dataset then.
    pub(crate) fn is_gone(&self, time: Time) -> bool {
        self.store.gone_when_loaded(time)
    }

    /// The step of the batch's time. `gather` reads the partitions of `inputs`, which has as many as the state.
    pub(crate) fn step(
        &self,
        batch: &Batch<'_>,
        inputs: Vec<Arc<dyn Lineage>>,
        gather: Gather<K, S, X>,
    ) -> Arc<Step<K, S, X>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|_, step| step.strong_count() > 0);
        let time = batch.time();
        let previous = made.range(..time).next_back().map(|(_, step)| step.clone()).unwrap_or_default();
        let id = batch.inputs.scope.core().next_rdd();
        let (site, store) = (self.site, self.store.clone());
        let step = Arc::new(Step { id, site, batch: time, store, inputs, gather, previous });
        made.insert(time, Arc::downgrade(&step));
        step
    }

    /// The step of `time`, while the graph holds a dataset of it.
    pub(crate) fn at(&self, time: Time) -> Option<Arc<Step<K, S, X>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&time).and_then(Weak::upgrade)
    }

    /// Has every batch complete its version: of `node`, whose datasets are made of the steps.
    pub(crate) fn keep_up<T: Data>(self: &Arc<Self>, context: &StreamingContext, node: NodeId<T>) {
        let steps = self.clone();
        let make: MakeJob = Box::new(move |batch: &mut Batch<'_>| {
            let Some(_dataset) = batch.dataset(node)? else { return Ok(None) };
            let (time, site) = (batch.time(), steps.site);
            let Some(step) = steps.at(time) else { return Ok(None) };
            let all = Rdd::new(Arc::new(Complete(step)), batch.inputs.scope.clone());
            let run =
                move || catch(site, time, || all.run_job(site, |input, task| input.each(task, |_| Ok(()))).map(drop));
            Ok(Some(Arc::new(run) as RunJob))
        });
        context.with_graph(|graph| graph.add_state(node, self.store.clone(), make));
    }
}

/// No records; computing it makes the version.
struct Complete<K: Key, S: Record, X: ByProduct<K>>(Arc<Step<K, S, X>>);

impl<K: Key, S: Record, X: ByProduct<K>> Lineage for Complete<K, S, X> {
    fn id(&self) -> RddId {
        self.0.id()
    }

    fn partitions(&self) -> usize {
        self.0.partitions()
    }

    fn is_work(&self, partition: usize) -> bool {
        self.0.is_work(partition)
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        self.0.requirements(partition)
    }
}

impl<K: Key, S: Record, X: ByProduct<K>> RddNode<()> for Complete<K, S, X> {
    fn compute(&self, partition: usize, task: &TaskContext, _: &mut dyn Sink<()>) -> Flow {
        self.0.advance(partition, task)
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        None
    }
}
