//! A stage worker: the actor that owns one core.
//!
//! It runs tasks one after another on its own arbiter, and owns the target partitions p with p mod n = its index. A task has
//! three steps: fetch the inputs (awaits), compute (synchronous, on this thread), hand over (awaits). The worker serves other
//! messages while a task fetches or hands over, so two workers that wait for room in each other's mailbox always make progress.

use super::exchange::Exchange;
use super::job::{TaskOutput, TaskWork};
use super::plan::{PlannedTask, TaskInput};
use super::shuffle::{Bucket, ShuffleKernel, ShuffleTable};
use super::task::{CachedPartition, CancelToken, InputId, OperatorCost, TaskContext};
use super::update::Updates;
use crate::block::{Block, BlockKey, BlockManager, Erased, GetBlock, PutBlock, RemoveBlocks};
use crate::clock::SharedClock;
use crate::error::{Place, TaskError, in_full};
use crate::failpoint::fail_point;
use crate::ids::{RddId, ShuffleId, WorkerId};
use crate::mailbox::{Post, counts_its_mailbox};
use crate::site::Site;
use crate::time::Time;
use crate::topology::STAGE_WORKER_MAILBOX;
use actix::{Actor, ActorFutureExt, Context, Handler, Message, MessageResult, ResponseActFuture, WrapFuture};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Runs the tasks of one core and keeps its share of every shuffle.
pub struct StageWorker {
    id: WorkerId,
    exchange: Arc<dyn Exchange>,
    blocks: Post<BlockManager>,
    clock: SharedClock,
    shuffles: ShuffleTable,
}

impl StageWorker {
    /// The worker `id`.
    pub fn new(
        id: WorkerId,
        exchange: Arc<dyn Exchange>,
        blocks: Post<BlockManager>,
        clock: SharedClock,
    ) -> StageWorker {
        StageWorker { id, exchange, blocks, clock, shuffles: ShuffleTable::default() }
    }

    /// The synchronous middle of a task.
    fn compute(&mut self, run: &RunTask, fetched: Vec<(InputId, Erased)>) -> Result<Computed, TaskError> {
        // Before anything is done to the outside world: a task that waited for its turn may belong to a job that has ended.
        if run.cancel.is_cancelled() {
            return Err(TaskError::Cancelled);
        }
        fail_point("worker.before_compute");
        let context = TaskContext::new(run.task.partition, run.batch, self.clock.clone(), run.cancel.clone());
        for (id, data) in fetched {
            context.provide(id, data);
        }
        for input in &run.task.inputs {
            if let TaskInput::Shuffle(kernel, target) = input
                && self.exchange.owner(*target) == self.id
            {
                context.provide(input.id(), self.shuffles.merged(kernel, *target, &context)?);
            }
        }
        let mut computed = match &run.work {
            TaskWork::Map(kernel) => {
                let buckets = context.guard(run.site, |task| kernel.map(run.task.partition, task))?;
                let targets = buckets.iter().map(|bucket| bucket.target).collect();
                Computed { buckets: self.sort_by_owner(kernel, buckets), targets, ..Computed::default() }
            }
            TaskWork::Result(function) => {
                let value = context.guard(run.site, |task| function(run.task.partition, task))?;
                Computed { value: Some(TaskOutput::Value(value)), ..Computed::default() }
            }
        };
        computed.kept = context.take_kept();
        computed.updates = context.take_updates();
        computed.costs = context.costs();
        Ok(computed)
    }

    /// Keeps this worker's own buckets and sorts the others by the worker they go to.
    fn sort_by_owner(
        &mut self,
        kernel: &Arc<dyn ShuffleKernel>,
        buckets: Vec<Bucket>,
    ) -> BTreeMap<WorkerId, Vec<Bucket>> {
        let mut others: BTreeMap<WorkerId, Vec<Bucket>> = BTreeMap::new();
        for bucket in buckets {
            match self.exchange.owner(bucket.target) {
                owner if owner == self.id => self.shuffles.insert(kernel.progress().id(), bucket),
                owner => others.entry(owner).or_default().push(bucket),
            }
        }
        others
    }
}

impl Actor for StageWorker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(STAGE_WORKER_MAILBOX);
    }
}

counts_its_mailbox!(StageWorker);

/// Runs one attempt at one task; the answer comes when its buckets are delivered or its value is here.
#[derive(Message)]
#[rtype(result = "Result<(TaskOutput, Vec<OperatorCost>), TaskError>")]
pub struct RunTask {
    /// What to run.
    pub work: TaskWork,
    /// On which partition, from which inputs.
    pub task: PlannedTask,
    /// Named when the task fails outside any operator.
    pub site: Site,
    /// The batch the job runs for.
    pub batch: Option<Time>,
    /// Looked at between chunks.
    pub cancel: CancelToken,
}

/// What the synchronous step leaves to be handed over.
#[derive(Default)]
struct Computed {
    buckets: BTreeMap<WorkerId, Vec<Bucket>>,
    targets: Vec<usize>,
    value: Option<TaskOutput>,
    kept: Vec<CachedPartition>,
    costs: Vec<OperatorCost>,
    updates: Updates,
}

impl Handler<RunTask> for StageWorker {
    type Result = ResponseActFuture<Self, Result<(TaskOutput, Vec<OperatorCost>), TaskError>>;

    fn handle(&mut self, run: RunTask, _: &mut Self::Context) -> Self::Result {
        let (exchange, blocks) = (self.exchange.clone(), self.blocks.clone());
        let fetch = fetch_inputs(
            run.task.inputs.clone(),
            run.batch,
            run.cancel.clone(),
            self.id,
            exchange.clone(),
            blocks.clone(),
        );
        Box::pin(fetch.into_actor(self).then(move |fetched, worker, _| {
            let computed = fetched.and_then(|fetched| worker.compute(&run, fetched));
            hand_over(run, computed, exchange, blocks).into_actor(worker)
        }))
    }
}

/// Step 1: everything that lies with another actor.
async fn fetch_inputs(
    inputs: Vec<TaskInput>,
    batch: Option<Time>,
    cancel: CancelToken,
    here: WorkerId,
    exchange: Arc<dyn Exchange>,
    blocks: Post<BlockManager>,
) -> Result<Vec<(InputId, Erased)>, TaskError> {
    let mut fetched = Vec::new();
    for input in inputs {
        let id = input.id();
        let data = match input {
            TaskInput::Shuffle(_, target) if exchange.owner(target) == here => continue,
            TaskInput::Shuffle(kernel, target) => exchange.fetch(kernel, target, batch, cancel.clone()).await?,
            TaskInput::Block(context, block) => {
                let found = fetch_block(&blocks, BlockKey::Input(context, block)).await?;
                found.ok_or(TaskError::BlockMissing { block })?
            }
            TaskInput::Cached(rdd, partition) => fetch_cached(&blocks, rdd, partition).await?,
        };
        fetched.push((id, data));
    }
    Ok(fetched)
}

/// A persisted partition that cannot be read is as good as one that was dropped: it can be computed again.
async fn fetch_cached(blocks: &Post<BlockManager>, rdd: RddId, partition: usize) -> Result<Erased, TaskError> {
    let key = BlockKey::Rdd { rdd, partition };
    match fetch_block(blocks, key).await {
        Ok(found) => found.ok_or(TaskError::CacheMissing { rdd, partition }),
        Err(error) => {
            log::warn!("{error}; it is dropped and will be computed again");
            // A manager that is gone is met again by whatever comes next.
            let _ = blocks.send(RemoveBlocks { keys: vec![key] }).await;
            Err(TaskError::CacheMissing { rdd, partition })
        }
    }
}

async fn fetch_block(blocks: &Post<BlockManager>, key: BlockKey) -> Result<Option<Erased>, TaskError> {
    let storage = |cause: String| TaskError::Storage { what: format!("{key}"), cause };
    let found = blocks.send(GetBlock { key }).await.map_err(|_| storage("the block manager is gone".to_owned()))?;
    match found.map_err(|error| storage(in_full(&error)))? {
        Some(fetched) => Ok(Some(fetched.into_typed().map_err(|error| storage(in_full(&error)))?)),
        None => Ok(None),
    }
}

/// Step 3: buckets to their owners, persisted partitions to the block manager, updates to where they take effect.
async fn hand_over(
    run: RunTask,
    computed: Result<Computed, TaskError>,
    exchange: Arc<dyn Exchange>,
    blocks: Post<BlockManager>,
) -> Result<(TaskOutput, Vec<OperatorCost>), TaskError> {
    let computed = computed?;
    fail_point("worker.after_compute");
    for kept in computed.kept {
        keep_partition(&blocks, kept).await;
    }
    if let TaskWork::Map(kernel) = &run.work {
        for (worker, buckets) in computed.buckets {
            exchange.deliver(worker, kernel.progress().id(), buckets).await?;
        }
    }
    fail_point("worker.after_deliver");
    // From here on only a panic of an update itself can make the task fail.
    computed.updates.apply(Place { partition: run.task.partition, batch: run.batch })?;
    fail_point("worker.after_updates");
    let output = match (&run.work, computed.value) {
        (TaskWork::Map(kernel), _) => {
            kernel.progress().delivered(run.task.partition, computed.targets);
            TaskOutput::Delivered
        }
        (TaskWork::Result(_), Some(value)) => value,
        (TaskWork::Result(_), None) => TaskOutput::Delivered,
    };
    Ok((output, computed.costs))
}

/// A partition that finds no room is not kept; it will be computed again. That is slower, never wrong.
async fn keep_partition(blocks: &Post<BlockManager>, kept: CachedPartition) {
    let key = BlockKey::Rdd { rdd: kept.rdd, partition: kept.partition };
    let block =
        Block { data: kept.data, codec: kept.codec, level: kept.level, records: kept.records, bytes: kept.bytes };
    match blocks.send(PutBlock { key, block }).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => log::warn!("{key} is not kept and will be recomputed: {error}"),
        Err(_) => log::debug!("{key} is not kept: the engine is stopping"),
    }
}

/// Buckets for target partitions that this worker owns.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deliver {
    /// Of which shuffle.
    pub shuffle: ShuffleId,
    /// The buckets.
    pub buckets: Vec<Bucket>,
}

impl Handler<Deliver> for StageWorker {
    type Result = ();

    fn handle(&mut self, msg: Deliver, _: &mut Self::Context) {
        for bucket in msg.buckets {
            self.shuffles.insert(msg.shuffle, bucket);
        }
    }
}

/// Asks for a merged target partition, for a task that runs elsewhere.
#[derive(Message)]
#[rtype(result = "Result<Erased, TaskError>")]
pub struct FetchTarget {
    /// The shuffle.
    pub kernel: Arc<dyn ShuffleKernel>,
    /// The target partition.
    pub target: usize,
    /// The batch of the task that asks.
    pub batch: Option<Time>,
    /// Looked at before user code runs.
    pub cancel: CancelToken,
}

impl Handler<FetchTarget> for StageWorker {
    type Result = Result<Erased, TaskError>;

    fn handle(&mut self, msg: FetchTarget, _: &mut Self::Context) -> Self::Result {
        let context = TaskContext::new(msg.target, msg.batch, self.clock.clone(), msg.cancel);
        self.shuffles.merged(&msg.kernel, msg.target, &context)
    }
}

/// Drops everything of these shuffles: no dataset refers to them any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReleaseShuffles {
    /// Which.
    pub shuffles: Vec<ShuffleId>,
}

impl Handler<ReleaseShuffles> for StageWorker {
    type Result = ();

    fn handle(&mut self, msg: ReleaseShuffles, _: &mut Self::Context) {
        for shuffle in msg.shuffles {
            self.shuffles.release(shuffle);
        }
    }
}

/// Which shuffles the worker holds something of.
#[derive(Message)]
#[rtype(result = "BTreeSet<ShuffleId>")]
pub struct HeldShuffles;

impl Handler<HeldShuffles> for StageWorker {
    type Result = MessageResult<HeldShuffles>;

    fn handle(&mut self, _: HeldShuffles, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.shuffles.ids())
    }
}
