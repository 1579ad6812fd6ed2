//! The actor that sees every batch through: allocate, generate, run, record as done.
//!
//! What may start and what an outcome means is decided by the pure [`Lifecycle`]; this actor carries it out.

mod committing;
mod concluding;
mod forgetting;
mod messages;
mod rating;

use super::lifecycle::{Lifecycle, Step, Work};
use super::program::{BatchInputs, BatchProgram, Forgotten, Generated, OutputJob, Past, ProgramState, Ranges};
use super::progress::Progress;
use super::retention::{Cutoffs, Retention};
use super::runner::{Generate, JobRunner, RunOutput};
use super::two_step::{Held, TwoStepOutput};
use crate::block::{Allocation, BlockTracker};
use crate::clock::SharedClock;
use crate::error::JobError;
use crate::event::{BatchInfo, Event, OutputInfo, Publisher};
use crate::failpoint::fail_point;
use crate::faults::{Fault, Faults, Sentinel};
use crate::flow::FlowCounts;
use crate::ids::{ContextId, OutputId, StreamId};
use crate::mailbox::{Post, counts_its_mailbox};
use crate::receiver::CutBlock;
use crate::scope::{EngineCore, JobLimits, JobScope};
use crate::stage::CancelToken;
use crate::time::Time;
use crate::topology::SCHEDULER_MAILBOX;
use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Recipient, WrapFuture};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

pub(crate) use committing::log_start;
pub use committing::{Cadence, LoggedRanges};
pub use concluding::ConcludeHeld;
pub use forgetting::Settle;
pub use messages::{Drain, Halt, RunningWork, Tick};
pub use rating::{RatedReceiver, Rating};

/// What a scheduler is made of.
pub struct SchedulerParts {
    /// The context.
    pub context: ContextId,
    /// The engine its datasets run on.
    pub core: Arc<EngineCore>,
    /// Time.
    pub clock: SharedClock,
    /// The batch interval.
    pub interval: Duration,
    /// The life of batches.
    pub lifecycle: Lifecycle,
    /// Ticks wait while this many batches are not committed.
    pub max_pending: usize,
    /// What is needed for how long.
    pub retention: Retention,
    /// What the configuration says of jobs.
    pub limits: JobLimits,
    /// The state of its operators.
    pub state: Vec<ProgramState>,
    /// Its outputs that are committed in two steps.
    pub two_step: Vec<Arc<dyn TwoStepOutput>>,
    /// Which batches are made durable at once; `None` when nothing is.
    pub cadence: Option<Cadence>,
    /// Batches of an earlier run that were allocated and not committed, oldest first, with what replayable sources read in them.
    pub pending: Vec<(Allocation, Ranges)>,
    /// What replayable sources read in which batch, as far as it is logged.
    pub ranges: LoggedRanges,
    /// What is done with each batch.
    pub program: Box<dyn BatchProgram>,
    /// Who runs it, one per concurrent job.
    pub runners: Vec<Addr<JobRunner>>,
    /// The ledger.
    pub tracker: Post<BlockTracker>,
    /// Receivers, which cut their block at every tick.
    pub receivers: Vec<Recipient<CutBlock>>,
    /// How much they may bring.
    pub rating: Rating,
    /// Who is told.
    pub publisher: Publisher,
    /// Who waits.
    pub progress: Progress,
    /// Where a failed batch is reported.
    pub faults: Faults,
    /// Cancels whatever runs.
    pub cancel: CancelToken,
}

/// A batch under way.
struct Live {
    info: BatchInfo,
    allocation: Allocation,
    ranges: Ranges,
    scope: Arc<JobScope>,
    jobs: BTreeMap<OutputId, OutputJob>,
    /// Where the records of each stream were at its cut.
    flow: BTreeMap<StreamId, FlowCounts>,
    submitted: Duration,
    started: Duration,
    /// When the last of its jobs had ended.
    computed: Duration,
}

/// See the module.
pub struct BatchScheduler {
    parts: SchedulerParts,
    /// Away while a batch is being generated.
    program: Option<Box<dyn BatchProgram>>,
    /// What the program is to forget when it is home again.
    forget: Option<Cutoffs>,
    /// How much forgotten data is on its way out.
    leaving: usize,
    settling: Vec<oneshot::Sender<()>>,
    live: BTreeMap<Time, Live>,
    free_runners: Vec<usize>,
    waiting_for_room: Vec<oneshot::Sender<()>>,
    waiting_for_end: Vec<oneshot::Sender<()>>,
    running: HashMap<usize, (Work, String)>,
    /// What batches that are not durable yet have prepared.
    held: Held,
    /// The second step of an output that is under way, with the ones behind it.
    concluding: Option<(Work, String)>,
    /// Ticks that do not have their blocks yet.
    allocating: usize,
    /// Ends when the last tick has its blocks: the next one waits for that.
    last_tick: Option<oneshot::Receiver<()>>,
    _sentinel: Sentinel,
}

impl BatchScheduler {
    /// A scheduler over its parts.
    pub fn new(mut parts: SchedulerParts) -> BatchScheduler {
        let program = std::mem::replace(&mut parts.program, Box::new(NoProgram));
        BatchScheduler {
            program: Some(program),
            forget: None,
            leaving: 0,
            settling: Vec::new(),
            live: BTreeMap::new(),
            free_runners: (0..parts.runners.len()).rev().collect(),
            waiting_for_room: Vec::new(),
            waiting_for_end: Vec::new(),
            running: HashMap::new(),
            held: Held::default(),
            concluding: None,
            allocating: 0,
            last_tick: None,
            _sentinel: Sentinel::new("batch scheduler", parts.faults.clone()),
            parts,
        }
    }

    /// A batch has its blocks: it waits for its turn.
    fn submit(
        &mut self,
        allocation: Allocation,
        flow: BTreeMap<StreamId, FlowCounts>,
        ranges: Ranges,
        ctx: &mut Context<Self>,
    ) {
        let batch = allocation.batch;
        let records = allocation
            .blocks
            .iter()
            .map(|(stream, blocks)| (*stream, blocks.iter().map(|block| block.records).sum()))
            .collect();
        let info = BatchInfo {
            batch,
            records,
            metadata: BTreeMap::new(),
            submitted: self.parts.clock.now(),
            scheduling_delay: None,
            processing_delay: None,
            outputs: BTreeMap::new(),
            costs: Vec::new(),
            jobs: Vec::new(),
            omitted_jobs: 0,
            failure: None,
            rates: BTreeMap::new(),
            flow: BTreeMap::new(),
        };
        self.tell(|| Event::BatchSubmitted(info.clone()));
        let scope = JobScope::new(self.parts.core.clone(), Some(batch), self.parts.cancel.clone(), self.parts.limits);
        let submitted = self.parts.clock.monotonic();
        let live = Live {
            info,
            allocation,
            ranges,
            scope: Arc::new(scope),
            jobs: BTreeMap::new(),
            flow,
            submitted,
            started: submitted,
            computed: submitted,
        };
        self.live.insert(batch, live);
        self.parts.lifecycle.allocated(batch);
        self.pump(ctx);
    }

    /// Starts whatever may start now, and commits whatever has ended.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        while let Some(runner) = self.free_runners.pop() {
            let Some(work) = self.parts.lifecycle.next_work() else {
                self.free_runners.push(runner);
                break;
            };
            match work {
                Work::Generate(batch) => self.generate(batch, runner, ctx),
                Work::Output(batch, output) => self.run_output(batch, output, runner, ctx),
            }
        }
        while let Some(batch) = self.parts.lifecycle.next_commit() {
            self.commit(batch, ctx);
        }
        if self.drained() {
            for waiting in self.waiting_for_end.drain(..) {
                let _ = waiting.send(());
            }
        }
    }

    fn generate(&mut self, batch: Time, runner: usize, ctx: &mut Context<Self>) {
        let now = self.parts.clock.monotonic();
        let (Some(address), Some(program), Some(live)) =
            (self.parts.runners.get(runner).cloned(), self.program.take(), self.live.get_mut(&batch))
        else {
            return self.parts.faults.report(Fault::ActorGone { actor: "program of the context" });
        };
        live.started = now;
        live.info.scheduling_delay = Some(now.saturating_sub(live.submitted));
        // Not taken out: by the failure policy the batch may be generated again, from the same blocks.
        let blocks = live.allocation.blocks.clone();
        let ranges = live.ranges.clone();
        let inputs = BatchInputs { context: self.parts.context, batch, blocks, ranges, scope: live.scope.clone() };
        let info = self.parts.publisher.wanted().then(|| live.info.clone());
        if let Some(info) = info {
            self.tell(|| Event::BatchStarted(info));
        }
        self.running.insert(runner, (Work::Generate(batch), "building its datasets".to_owned()));
        fail_point("scheduler.before_generate");
        let answer = address.send(Generate { program, inputs }).into_actor(self);
        ctx.spawn(answer.map(move |answer, scheduler, ctx| match answer {
            Ok((mut program, generated)) => {
                fail_point("scheduler.after_generate");
                let (ranges, memory) = (program.take_ranges(), program.take_memory());
                scheduler.program = Some(program);
                scheduler.forget(ctx);
                scheduler.log_ranges(batch, (ranges, memory), runner, generated, ctx);
            }
            Err(_) => scheduler.parts.faults.report(Fault::ActorGone { actor: "job runner" }),
        }));
    }

    fn generated(&mut self, batch: Time, runner: usize, outcome: Result<Generated, JobError>, ctx: &mut Context<Self>) {
        self.release(runner);
        self.computed(batch);
        let outputs = match outcome {
            Ok(generated) => {
                let outputs = generated.jobs.iter().map(|job| job.output).collect();
                if let Some(live) = self.live.get_mut(&batch) {
                    live.info.failure = None;
                    live.info.records.extend(generated.records);
                    live.info.metadata = generated.metadata;
                    live.jobs = generated.jobs.into_iter().map(|job| (job.output, job)).collect();
                }
                Ok(outputs)
            }
            Err(error) => {
                if let Some(live) = self.live.get_mut(&batch) {
                    live.info.failure = Some(error.to_string());
                }
                Err(error)
            }
        };
        let error = outputs.as_ref().err().cloned();
        let step = self.parts.lifecycle.generated(batch, outputs.map_err(drop));
        if let (Step::Continue, Some(_)) = (step, &error) {
            self.take_back(batch, None);
        }
        for job in self.live.get(&batch).into_iter().flat_map(|live| live.jobs.values()) {
            if job.makes.is_some() {
                self.parts.lifecycle.makes_version(batch, job.output);
            }
        }
        self.follow(step, Work::Generate(batch), error, ctx);
    }

    fn run_output(&mut self, batch: Time, output: OutputId, runner: usize, ctx: &mut Context<Self>) {
        let job = self.live.get(&batch).and_then(|live| live.jobs.get(&output)).cloned();
        let (Some(address), Some(job)) = (self.parts.runners.get(runner).cloned(), job) else {
            return self.parts.faults.report(Fault::ActorGone { actor: "output of the batch" });
        };
        let (site, makes, start) = (job.site, job.makes, self.parts.clock.monotonic());
        let started = self.parts.clock.now();
        self.running.insert(runner, (Work::Output(batch, output), site.to_string()));
        if makes.is_none() {
            self.tell(|| Event::OutputStarted { batch, output, site, started });
        }
        fail_point("scheduler.before_output");
        let answer = address.send(RunOutput { batch, job }).into_actor(self);
        ctx.spawn(answer.map(move |outcome, scheduler, ctx| match outcome {
            Ok(outcome) => {
                fail_point("scheduler.after_output");
                scheduler.release(runner);
                scheduler.computed(batch);
                let duration = scheduler.parts.clock.monotonic().saturating_sub(start);
                let failure = outcome.as_ref().err().map(ToString::to_string);
                let info = OutputInfo { site, started, duration, failure };
                let step = scheduler.parts.lifecycle.finished(batch, output, outcome.is_ok());
                match makes {
                    None => {
                        if let Some(live) = scheduler.live.get_mut(&batch) {
                            live.info.outputs.insert(output, info.clone());
                        }
                        scheduler.tell(|| Event::OutputCompleted { batch, output, info });
                    }
                    Some(state) => scheduler.version_made(batch, state, step, info.failure),
                }
                scheduler.follow(step, Work::Output(batch, output), outcome.err(), ctx);
            }
            Err(_) => scheduler.parts.faults.report(Fault::ActorGone { actor: "job runner" }),
        }));
    }

    fn follow(&mut self, step: Step, work: Work, error: Option<JobError>, ctx: &mut Context<Self>) {
        match (step, error) {
            (Step::Continue, None) => {}
            (Step::Continue, Some(error)) => log::error!("{error}; by the failure policy the batch is skipped"),
            (Step::RetryAfter(delay), error) => {
                let cause = error.map(|error| error.to_string()).unwrap_or_default();
                log::warn!("{cause}; tried again in {delay:?}");
                let sleep = self.parts.clock.sleep(delay).into_actor(self);
                ctx.spawn(sleep.map(move |(), scheduler, ctx| {
                    scheduler.parts.lifecycle.retry(work);
                    scheduler.pump(ctx);
                }));
            }
            (Step::Undone, None | Some(JobError::Cancelled { .. })) => {}
            (Step::Undone, Some(error)) => log::warn!("{error}; the context is ending and the batch stays undone"),
            (Step::Halt, error) => {
                let (Work::Generate(batch) | Work::Output(batch, _)) = work;
                self.complete(batch);
                let fault = error.map_or(Fault::ActorGone { actor: "output of the batch" }, Fault::Batch);
                self.parts.faults.report(fault);
            }
        }
        self.pump(ctx);
    }

    /// The job that makes a version of state has ended. A version that has failed and is not tried again is given up, before
    /// the next one is made.
    fn version_made(&mut self, batch: Time, state: usize, step: Step, failure: Option<String>) {
        if failure.is_none() || matches!(step, Step::RetryAfter(_)) {
            return;
        }
        if let Some(live) = self.live.get_mut(&batch) {
            live.info.failure = failure;
        }
        if step == Step::Continue {
            self.take_back(batch, Some(state));
        }
    }

    /// Gives up what the batch does to the state: of one operator, or of all.
    fn take_back(&self, batch: Time, state: Option<usize>) {
        let states = self.parts.state.iter().enumerate();
        for (_, given_up) in states.filter(|(number, _)| state.is_none_or(|state| state == *number)) {
            given_up.operator.take_back(batch);
        }
    }

    fn committed(&mut self, batch: Time, cutoffs: Cutoffs, ctx: &mut Context<Self>) {
        self.parts.lifecycle.committed(batch);
        self.rate(batch, ctx);
        self.complete(batch);
        self.parts.progress.completed(batch);
        self.forget_state(&cutoffs, ctx);
        self.forget = Some(cutoffs);
        self.forget(ctx);
        if self.parts.lifecycle.len() < self.parts.max_pending {
            for waiting in self.waiting_for_room.drain(..) {
                let _ = waiting.send(());
            }
        }
        self.pump(ctx);
    }

    /// Tells that a batch is done, or stays undone for ever.
    fn complete(&mut self, batch: Time) {
        let Some(mut live) = self.live.remove(&batch) else { return };
        // The record that it is done may have taken any time since.
        live.info.processing_delay = Some(live.computed.saturating_sub(live.started));
        if self.parts.publisher.wanted() {
            live.info.costs = live.scope.costs();
            (live.info.jobs, live.info.omitted_jobs) = live.scope.jobs();
        }
        log::debug!(
            "batch {batch}: {} records, scheduling delay {:?}, processing {:?}",
            live.info.num_records(),
            live.info.scheduling_delay.unwrap_or_default(),
            live.info.processing_delay.unwrap_or_default()
        );
        self.tell(|| Event::BatchCompleted(live.info));
    }

    /// Whether every batch whose tick has come is committed.
    fn drained(&self) -> bool {
        self.allocating == 0 && self.parts.lifecycle.is_empty()
    }

    fn release(&mut self, runner: usize) {
        self.running.remove(&runner);
        self.free_runners.push(runner);
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.parts.publisher.wanted() {
            self.parts.publisher.publish(event());
        }
    }
}

impl Actor for BatchScheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(SCHEDULER_MAILBOX);
        for (allocation, ranges) in std::mem::take(&mut self.parts.pending) {
            self.submit(allocation, BTreeMap::new(), ranges, ctx);
        }
    }
}

counts_its_mailbox!(BatchScheduler);

/// Stands in the parts once the program has been taken out of them.
struct NoProgram;

impl BatchProgram for NoProgram {
    fn retention(&self) -> Retention {
        Retention::default()
    }
    fn start(&mut self, _: Time) -> Result<(), JobError> {
        Ok(())
    }
    fn generate(&mut self, _: &BatchInputs) -> Result<Generated, JobError> {
        Ok(Generated::default())
    }
    fn forget(&mut self, _: &Cutoffs) -> Forgotten {
        Vec::new()
    }
    fn state(&self) -> Vec<ProgramState> {
        Vec::new()
    }
    fn recover(&mut self, _: Past) {}
    fn take_ranges(&mut self) -> Ranges {
        Ranges::new()
    }
    fn replayable_sources(&self) -> Vec<(Arc<str>, usize)> {
        Vec::new()
    }
    fn stop(&mut self) {}
}
