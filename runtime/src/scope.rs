//! Where datasets run: the engine's addresses, and for one batch what its jobs share.

use crate::block::{BlockManager, BlockStats, RemoveRdds, StoreStats};
use crate::clock::SharedClock;
use crate::depths::{EngineDepths, MailboxDepth};
use crate::error::{JobError, TaskError};
use crate::event::{JobInfo, StageInfo};
use crate::ids::{ContextId, RddId, ShuffleId};
use crate::inside::running_output;
use crate::mailbox::Post;
use crate::site::Site;
use crate::stage::{
    CancelToken, HeldShuffles, InputId, Job, JobOutput, JobReport, JobRequest, Lineage, OperatorCost, PartitionFn,
    ReleaseShuffles, StageCoordinator, Target, TaskContext, Workers, add_costs, empty_inputs, inside_task,
};
use crate::time::Time;
use crate::topology::{BLOCK_MANAGER_MAILBOX, STAGE_WORKER_MAILBOX};
use actix::Actor;
use actix_rt::ArbiterHandle;
use futures::future::{OptionFuture, join, join_all};
use std::any::Any;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The addresses of an engine's actors. It holds no thread: when the engine is stopped, jobs say so.
pub struct EngineCore {
    /// One per core.
    pub workers: Workers,
    /// Block data and persisted partitions.
    pub blocks: Post<BlockManager>,
    /// Where coordinators and the actors of contexts live.
    pub control: ArbiterHandle,
    /// Where listeners are told.
    pub events: ArbiterHandle,
    /// Where receivers run.
    pub receivers: Vec<ArbiterHandle>,
    /// Time.
    pub clock: SharedClock,
    next_receiver: AtomicUsize,
    next_id: AtomicU64,
    garbage: Mutex<Garbage>,
    /// How many contexts have ended.
    ends: watch::Sender<u64>,
}

/// Data of datasets that nobody holds any more; given back before the next job and after each batch.
#[derive(Default)]
struct Garbage {
    shuffles: Vec<ShuffleId>,
    rdds: BTreeSet<RddId>,
}

/// What an engine holds; equal to the default when nothing is left.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineSnapshot {
    /// Blocks and persisted partitions.
    pub blocks: StoreStats,
    /// Shuffles that some worker holds buckets of.
    pub shuffles: usize,
}

impl EngineCore {
    /// The core of an engine whose actors have been started.
    pub fn new(
        workers: Workers,
        blocks: Post<BlockManager>,
        control: ArbiterHandle,
        events: ArbiterHandle,
        receivers: Vec<ArbiterHandle>,
        clock: SharedClock,
    ) -> EngineCore {
        EngineCore {
            workers,
            blocks,
            control,
            events,
            receivers,
            clock,
            next_receiver: AtomicUsize::new(0),
            next_id: AtomicU64::new(0),
            garbage: Mutex::default(),
            ends: watch::Sender::new(0),
        }
    }

    fn next(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// A new dataset's id.
    pub fn next_rdd(&self) -> RddId {
        RddId(self.next())
    }

    /// A new shuffle's id.
    pub fn next_shuffle(&self) -> ShuffleId {
        ShuffleId(self.next())
    }

    /// A new context's id.
    pub fn next_context(&self) -> ContextId {
        ContextId(self.next())
    }

    /// A context on the engine has ended.
    pub(crate) fn context_ended(&self) {
        self.ends.send_modify(|ends| *ends += 1);
    }

    /// Waits until a context on the engine has ended after this call, or nobody holds the engine any more: for what outlives a
    /// context but has to rest with it.
    pub fn next_context_end(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ends = self.ends.subscribe();
        async move {
            // An error is the end of all.
            let _ = ends.changed().await;
        }
    }

    /// The arbiter for the next receiver: they take turns.
    pub fn receiver_arbiter(&self) -> ArbiterHandle {
        let turn = self.next_receiver.fetch_add(1, Ordering::Relaxed);
        self.receivers.get(turn % self.receivers.len().max(1)).cloned().unwrap_or_else(|| self.control.clone())
    }

    /// A dataset's shuffle is needed no more.
    pub fn discard_shuffle(&self, shuffle: ShuffleId) {
        self.garbage.lock().unwrap_or_else(PoisonError::into_inner).shuffles.push(shuffle);
    }

    /// A persisted dataset is needed no more.
    pub fn discard_rdd(&self, rdd: RddId) {
        self.garbage.lock().unwrap_or_else(PoisonError::into_inner).rdds.insert(rdd);
    }

    /// Gives back what nobody holds any more. The future may be dropped or awaited on any arbiter.
    pub fn collect_garbage(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let Garbage { shuffles, rdds } =
            std::mem::take(&mut *self.garbage.lock().unwrap_or_else(PoisonError::into_inner));
        let core = self.clone();
        async move {
            // Sent to all before any is awaited, so that it lies in each mailbox before whatever is sent after this. One that
            // is gone holds nothing.
            let workers = if shuffles.is_empty() { Vec::new() } else { core.workers.all() };
            let released = workers.iter().map(|worker| worker.send(ReleaseShuffles { shuffles: shuffles.clone() }));
            let released = join_all(released.collect::<Vec<_>>());
            let removed = OptionFuture::from((!rdds.is_empty()).then(|| core.blocks.send(RemoveRdds { rdds })));
            join(released, removed).await;
        }
    }

    /// Has [`collect_garbage`](EngineCore::collect_garbage) run soon, if there is anything to give back.
    pub fn discard_garbage(self: &Arc<Self>) {
        let garbage = self.garbage.lock().unwrap_or_else(PoisonError::into_inner);
        let anything = !garbage.shuffles.is_empty() || !garbage.rdds.is_empty();
        drop(garbage);
        if anything {
            self.control.spawn(self.collect_garbage());
        }
    }

    /// Runs `body` on the control arbiter and waits for its answer; `None` when the engine has been stopped, and inside a
    /// task: what is asked may need the very worker that would be waiting.
    pub fn on_control<R, F, B>(&self, body: B) -> Option<R>
    where
        R: Send + 'static,
        F: Future<Output = R> + 'static,
        B: FnOnce() -> F + Send + 'static,
    {
        self.on_control_within(None, body)
    }

    /// [`on_control`](EngineCore::on_control) that gives up, with `None`, after so much real time.
    pub(crate) fn on_control_within<R, F, B>(&self, patience: Option<Duration>, body: B) -> Option<R>
    where
        R: Send + 'static,
        F: Future<Output = R> + 'static,
        B: FnOnce() -> F + Send + 'static,
    {
        if inside_task() {
            return None;
        }
        let (answer, wait) = sync_channel(1);
        self.control.spawn_fn(move || {
            actix_rt::spawn(async move {
                let _ = answer.try_send(body().await);
            });
        });
        match patience {
            None => wait.recv().ok(),
            Some(patience) => wait.recv_timeout(patience).ok(),
        }
    }

    /// How much waits in the engine at present.
    pub fn depths(&self) -> EngineDepths {
        let (waiting_tasks, assigned_tasks) = self.workers.tasks().get();
        let (blocks, workers) = (self.blocks.depth().get(), self.workers.waiting());
        let blocks = MailboxDepth { actor: "BlockManager", messages: blocks, capacity: BLOCK_MANAGER_MAILBOX };
        let room = self.workers.len() * STAGE_WORKER_MAILBOX;
        let workers = MailboxDepth { actor: "StageWorker", messages: workers, capacity: room };
        EngineDepths { waiting_tasks, assigned_tasks, mailboxes: vec![blocks, workers] }
    }

    /// What the engine holds, after giving back what nobody holds any more. `None` when it has been stopped, and
    /// inside a task.
    pub fn snapshot(self: &Arc<Self>) -> Option<EngineSnapshot> {
        let core = self.clone();
        self.on_control(move || core.look())?
    }

    /// The snapshot, when the actors get round to it: one that is in user code does so when that returns.
    pub(crate) async fn look(self: Arc<Self>) -> Option<EngineSnapshot> {
        self.collect_garbage().await;
        let mut shuffles = BTreeSet::new();
        for worker in self.workers.all() {
            shuffles.append(&mut worker.send(HeldShuffles).await.unwrap_or_default());
        }
        let blocks = self.blocks.send(BlockStats).await.ok()?;
        Some(EngineSnapshot { blocks, shuffles: shuffles.len() })
    }
}

/// What the jobs of one batch share (or those of no batch): the engine, the cancel token and the bill.
pub struct JobScope {
    core: Arc<EngineCore>,
    batch: Option<Time>,
    cancel: CancelToken,
    limits: JobLimits,
    costs: Mutex<Vec<OperatorCost>>,
    jobs: Mutex<Jobs>,
}

/// The jobs of a batch, as they are told of.
#[derive(Default)]
struct Jobs {
    told: Vec<JobInfo>,
    /// Those beyond.
    omitted: u64,
}

/// How many jobs of a batch are told of: user code may run any number of them.
const JOBS_TOLD: usize = 1000;

/// What a context's configuration says of its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLimits {
    /// How often a task may fail before its job does.
    pub max_failures: u32,
    /// Target partitions of a shuffle that does not say how many it wants.
    pub parallelism: usize,
}

impl JobScope {
    /// A scope for `batch`.
    pub fn new(core: Arc<EngineCore>, batch: Option<Time>, cancel: CancelToken, limits: JobLimits) -> JobScope {
        JobScope { core, batch, cancel, limits, costs: Mutex::default(), jobs: Mutex::default() }
    }

    /// Target partitions of a shuffle that does not say how many it wants; at least 1.
    pub fn parallelism(&self) -> usize {
        self.limits.parallelism.max(1)
    }

    /// The engine.
    pub fn core(&self) -> &Arc<EngineCore> {
        &self.core
    }

    /// The batch.
    pub fn batch(&self) -> Option<Time> {
        self.batch
    }

    /// What the operators of all jobs so far have cost.
    pub fn costs(&self) -> Vec<OperatorCost> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The jobs so far, in the order in which they ended, and how many there were beyond the thousand that are told of.
    pub fn jobs(&self) -> (Vec<JobInfo>, u64) {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        (jobs.told.clone(), jobs.omitted)
    }

    /// Keeps what a job was for listeners.
    fn note(&self, site: Site, begun: Duration, stages: Vec<StageInfo>, failure: Option<String>) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.told.len() >= JOBS_TOLD {
            jobs.omitted += 1;
            return;
        }
        let duration = self.core.clock.monotonic().saturating_sub(begun);
        jobs.told.push(JobInfo { site, output: running_output(), duration, stages, failure });
    }

    /// Computes `partitions` of `target` and applies `function` to each; blocks the calling thread until all are there.
    ///
    /// # Errors
    /// The fault of a task that failed as often as allowed; being called inside a task; cancellation; a stopped engine.
    pub fn run(
        &self,
        site: Site,
        target: Arc<dyn Lineage>,
        partitions: Vec<usize>,
        function: Arc<PartitionFn>,
    ) -> Result<Vec<Box<dyn Any + Send>>, JobError> {
        if inside_task() {
            return Err(JobError::InsideTask { site });
        }
        if self.cancel.is_cancelled() {
            return Err(JobError::Cancelled { site });
        }
        self.core.discard_garbage();
        let begun = self.core.clock.monotonic();
        if let Some(values) = self.run_here(site, &target, &partitions, &function) {
            let tasks = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
            let failure = values.as_ref().err().map(ToString::to_string);
            let done = if failure.is_none() { tasks } else { 0 };
            let failed = u32::from(failure.is_some());
            self.note(site, begun, vec![StageInfo { shuffle: None, tasks, done, failed }], failure);
            return values;
        }
        let (answer, wait) = sync_channel(1);
        let job = Job {
            request: JobRequest { target, partitions, function, max_failures: self.limits.max_failures },
            site,
            batch: self.batch,
            cancel: self.cancel.clone(),
            answer,
        };
        let (workers, blocks) = (self.core.workers.clone(), self.core.blocks.clone());
        StageCoordinator::start_in_arbiter(&self.core.control, move |_| StageCoordinator::new(job, workers, blocks));
        // The coordinator always answers; it is dropped unanswered only with its engine, and then this wait ends, too.
        let stopped = |_| JobReport { outcome: Err(JobError::EngineStopped { site }), stages: Vec::new() };
        let JobReport { outcome, stages } = wait.recv().unwrap_or_else(stopped);
        self.note(site, begun, stages, outcome.as_ref().err().map(ToString::to_string));
        let JobOutput { values, costs } = outcome?;
        add_costs(&mut self.costs.lock().unwrap_or_else(PoisonError::into_inner), &costs);
        Ok(values)
    }

    /// A job all of whose inputs are known to be empty is computed by its caller: an idle batch costs no message. Tasks are tried
    /// as often as elsewhere; `None` when the job is not of this kind.
    fn run_here(
        &self,
        site: Site,
        target: &Arc<dyn Lineage>,
        partitions: &[usize],
        function: &Arc<PartitionFn>,
    ) -> Option<Result<Vec<Box<dyn Any + Send>>, JobError>> {
        let inputs = empty_inputs(target, partitions)?;
        let values = partitions.iter().zip(&inputs).map(|(partition, inputs)| {
            let mut attempts = 1;
            loop {
                match self.attempt_here(site, *partition, inputs, function) {
                    Ok(value) => return Ok(value),
                    Err(TaskError::Cancelled) => return Err(JobError::Cancelled { site }),
                    Err(cause) if attempts >= self.limits.max_failures => {
                        return Err(JobError::TaskFailed { attempts, cause });
                    }
                    Err(_) => attempts += 1,
                }
            }
        });
        Some(values.collect())
    }

    fn attempt_here(
        &self,
        site: Site,
        partition: usize,
        inputs: &[Target],
        function: &Arc<PartitionFn>,
    ) -> Result<Box<dyn Any + Send>, TaskError> {
        let context = TaskContext::new(partition, self.batch, self.core.clock.clone(), self.cancel.clone());
        let value = context.guard(site, |context| {
            for (kernel, target) in inputs {
                let id = InputId::Shuffle(kernel.progress().id(), *target);
                context.provide(id, kernel.reduce(*target, Vec::new(), context)?);
            }
            function(partition, context)
        })?;
        context.apply_updates()?;
        Ok(value)
    }
}
