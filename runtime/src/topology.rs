//! **Read this first.** Every actor of a running system, bottom up, with the capacity of its mailbox.
//!
//! [`Engine::start`](crate::engine::Engine::start) makes the actors that contexts share (block manager, stage workers, arbiters
//! for events and receivers). [`start_context`] below makes those of one context, each with the addresses of those it talks to.
//!
//! Every queue of the system has its capacity here. Waiting for a place is awaited (`send().await`), never skipped
//! (`do_send`), so that a full queue holds up whoever fills it, back to the socket.

use crate::batch::{
    BatchProgram, BatchScheduler, BatchTicker, JobRunner, Lifecycle, LoggedRanges, Progress, RatedReceiver, Rating,
    Resume, SchedulerParts, StartProgram, log_start,
};
use crate::begin::Begin;
use crate::block::{
    Allocation, BlockInfo, BlockKey, BlockTracker, ErasedCodec, HoldCredits, Ledger, RecoverBlocks, RecoveredBlock,
    StorageLevel,
};
use crate::config::Config;
use crate::depths::Sounding;
use crate::durable::{BlockLog, DurableSpec};
use crate::engine::end_signal;
use crate::event::{Event, Publisher, StreamingListener};
use crate::faults::{Fault, Faults};
use crate::flow::{Overload, RateController};
use crate::ids::{ContextId, StreamId};
use crate::inside::{ThreadCount, mark_engine_thread};
use crate::mailbox::Post;
use crate::receiver::{CutBlock, HeldByBlock, ReceiverStatus, StopReceiver};
use crate::running::{Command, Conductor, LastFlow, RunnerThread, Running};
use crate::scope::{EngineCore, JobLimits};
use crate::site::Site;
use crate::stage::CancelToken;
use crate::time::next_tick;
use actix::{Actor, Addr, Recipient};
use actix_rt::{Arbiter, ArbiterHandle};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::sync::mpsc;

/// Blocks being put, fetched or dropped.
pub const BLOCK_MANAGER_MAILBOX: usize = 64;
/// Tasks, buckets and fetches for one worker.
pub const STAGE_WORKER_MAILBOX: usize = 256;
/// Tasks of one job that one worker may have at a time: one that computes, one that fetches its inputs meanwhile.
pub const TASKS_PER_WORKER: usize = 2;
/// A coordinator is sent nothing; its answers come as futures.
pub const COORDINATOR_MAILBOX: usize = 1;
/// Events that wait for listeners; more are dropped and counted.
pub const EVENT_BUS_MAILBOX: usize = 4096;
/// Writes that wait for the one before them: blocks of receivers, and one record of the tracker.
pub const KEEPER_MAILBOX: usize = 32;
/// Blocks and batches being recorded.
pub const TRACKER_MAILBOX: usize = 64;
/// One piece of work at a time is sent to a runner, what it is to drop, and a second step of an output.
pub const JOB_RUNNER_MAILBOX: usize = 3;
/// Ticks come one at a time; the rest are questions.
pub const SCHEDULER_MAILBOX: usize = 16;
/// The ticker is only ever told to stop.
pub const TICKER_MAILBOX: usize = 1;
/// Cuts, rates, stops and questions.
pub const SUPERVISOR_MAILBOX: usize = 16;
/// Commands to a context that wait to be looked at.
pub const COMMAND_QUEUE: usize = 4;

/// One row of the table of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActorRow {
    /// The actor.
    pub actor: &'static str,
    /// There is one per this.
    pub one_per: &'static str,
    /// Capacity of its mailbox.
    pub mailbox: usize,
    /// Whose thread it runs on.
    pub arbiter: &'static str,
    /// Whom it sends to.
    pub sends_to: &'static str,
}

/// Every actor, bottom up.
pub const ACTORS: &[ActorRow] = &[
    ActorRow {
        actor: "BlockManager",
        one_per: "engine",
        mailbox: BLOCK_MANAGER_MAILBOX,
        arbiter: "its own",
        sends_to: "-",
    },
    ActorRow {
        actor: "StageWorker",
        one_per: "core",
        mailbox: STAGE_WORKER_MAILBOX,
        arbiter: "its own",
        sends_to: "StageWorker (buckets), BlockManager",
    },
    ActorRow {
        actor: "StageCoordinator",
        one_per: "job",
        mailbox: COORDINATOR_MAILBOX,
        arbiter: "control",
        sends_to: "StageWorker (tasks), BlockManager",
    },
    ActorRow {
        actor: "EventBus",
        one_per: "context",
        mailbox: EVENT_BUS_MAILBOX,
        arbiter: "events",
        sends_to: "listeners",
    },
    ActorRow {
        actor: "Keeper",
        one_per: "context with a checkpoint directory",
        mailbox: KEEPER_MAILBOX,
        arbiter: "its own",
        sends_to: "-",
    },
    ActorRow {
        actor: "BlockTracker",
        one_per: "context",
        mailbox: TRACKER_MAILBOX,
        arbiter: "control",
        sends_to: "Keeper (through its log)",
    },
    ActorRow {
        actor: "ReceiverSupervisor",
        one_per: "receiver",
        mailbox: SUPERVISOR_MAILBOX,
        arbiter: "control (its receiver: receivers)",
        sends_to: "BlockManager, Keeper, BlockTracker",
    },
    ActorRow {
        actor: "JobRunner",
        one_per: "concurrent job",
        mailbox: JOB_RUNNER_MAILBOX,
        arbiter: "its own",
        sends_to: "StageCoordinator (starts it)",
    },
    ActorRow {
        actor: "BatchScheduler",
        one_per: "context",
        mailbox: SCHEDULER_MAILBOX,
        arbiter: "control",
        sends_to: "ReceiverSupervisor (cut, rate), BlockTracker, JobRunner, BlockManager",
    },
    ActorRow {
        actor: "BatchTicker",
        one_per: "context",
        mailbox: TICKER_MAILBOX,
        arbiter: "control",
        sends_to: "BatchScheduler",
    },
];

/// The table of actors as Markdown; `ARCHITECTURE.md` holds it, and a test compares the two.
pub fn actor_table() -> String {
    let mut table =
        String::from("| actor | one per | mailbox | arbiter | sends to |\n| --- | --- | --- | --- | --- |\n");
    for row in ACTORS {
        let ActorRow { actor, one_per, mailbox, arbiter, sends_to } = row;
        table.push_str(&format!("| `{actor}` | {one_per} | {mailbox} | {arbiter} | {sends_to} |\n"));
    }
    table
}

/// A receiver stream, ready to be started: made by the operators crate, which knows the record type.
pub trait ReceiverSpec: Send {
    /// Its stream.
    fn stream(&self) -> StreamId;

    /// The way of its records to bytes and back.
    fn codec(&self) -> ErasedCodec;

    /// How its blocks are kept.
    fn level(&self) -> StorageLevel;

    /// What becomes of its records when they are too many.
    fn overload(&self) -> Overload {
        Overload::Block
    }

    /// Whether the receiver runs on a thread of its own, which ends with the context: the user's code may block it.
    fn own_thread(&self) -> bool {
        false
    }

    /// Starts the supervisor; called on the control arbiter. `own` is the receiver's own thread, if it asked for one.
    fn start(self: Box<Self>, site: &ContextParts, own: Option<ArbiterHandle>) -> ReceiverAddresses;
}

/// How a context talks to one receiver's supervisor.
pub struct ReceiverAddresses {
    /// The stream.
    pub stream: StreamId,
    /// The receiver's name.
    pub name: String,
    /// Asked at every tick.
    pub cut: Recipient<CutBlock>,
    /// Told what it may bring.
    pub rated: RatedReceiver,
    /// Asked at the end.
    pub stop: Recipient<StopReceiver>,
    /// What is known of it.
    pub status: Arc<ReceiverStatus>,
    /// What the blocks that an earlier run left hold of its allowances.
    pub held: Vec<HeldByBlock>,
}

/// What the actors of one context share.
pub struct ContextParts {
    /// The context.
    pub context: ContextId,
    /// Its engine.
    pub core: Arc<EngineCore>,
    /// Its configuration.
    pub config: Config,
    /// Its batch interval.
    pub interval: Duration,
    /// Its ledger.
    pub tracker: Post<BlockTracker>,
    /// Where the records of received blocks are kept, if they are.
    pub block_log: Option<BlockLog>,
    /// The number of the next block of each stream that an earlier run had.
    pub next_blocks: BTreeMap<StreamId, u64>,
    /// Up to where the source of each stream had come in an earlier run.
    pub positions: BTreeMap<StreamId, Vec<u8>>,
    /// The blocks of each stream that an earlier run received and did not process.
    pub received: BTreeMap<StreamId, Vec<BlockInfo>>,
    /// Records per second that each receiver may store before a batch is done, of those that have a limit.
    pub first_rates: BTreeMap<StreamId, f64>,
    /// Its listeners.
    pub publisher: Publisher,
    /// Its faults.
    pub faults: Faults,
}

/// What a context is started with.
pub struct ContextSpec {
    /// Validated configuration.
    pub config: Config,
    /// The batch interval.
    pub interval: Duration,
    /// Where `start` was called.
    pub site: Site,
    /// Where what must survive is kept, and what an earlier run left there.
    pub durable: Option<DurableSpec>,
    /// The streams at work.
    pub program: Box<dyn BatchProgram>,
    /// The receivers.
    pub receivers: Vec<Box<dyn ReceiverSpec>>,
    /// Listeners added before the start.
    pub listeners: Vec<Box<dyn StreamingListener>>,
}

/// Starts the actors of a context, bottom up. `None` when the engine has been stopped.
pub fn start_context(core: &Arc<EngineCore>, spec: ContextSpec) -> Option<Running> {
    // One thread for each job that may run at a time, one for the keeper, and those of receivers that ask for their own.
    let receivers = spec.receivers.iter().filter(|receiver| receiver.own_thread()).count();
    let threads = spec.config.concurrent_jobs.max(1) + usize::from(spec.durable.is_some()) + receivers;
    let (runner_ends, ends): (Vec<_>, Vec<Receiver<()>>) = (0..threads).map(|_| end_signal()).unzip();
    let shared = core.clone();
    let (running, arbiters) = core.on_control(move || assemble(shared, spec, runner_ends))??;
    let threads = arbiters.into_iter().zip(ends).map(|(arbiter, ended)| RunnerThread { arbiter, ended }).collect();
    Some(running.with_threads(threads))
}

/// Runs on the control arbiter. `None` when a thread of it has ended: the engine does.
async fn assemble(
    core: Arc<EngineCore>,
    spec: ContextSpec,
    runner_ends: Vec<std::sync::mpsc::Sender<()>>,
) -> Option<(Running, Vec<Arbiter>)> {
    let ContextSpec { config, interval, site, durable, program, receivers, listeners } = spec;
    let (context, clock) = (core.next_context(), core.clock.clone());
    let (faults, progress, cancel) = (Faults::default(), Progress::default(), CancelToken::default());

    let publisher = Publisher::start(&core.events, listeners);
    let mut arbiters = Vec::new();
    let mut runner_ends = runner_ends.into_iter();
    let begin = match durable {
        None => Begin::anew(next_tick(clock.now(), interval) - interval, interval),
        Some(durable) => {
            let arbiter = own_arbiter(&mut arbiters, runner_ends.next());
            Begin::of(durable, interval, &program.retention(), clock.now(), &arbiter)
        }
    };
    let Begin {
        zero,
        ticks,
        ledger,
        log,
        cadence,
        resume,
        block_log,
        earlier_blocks,
        next_blocks,
        positions,
        keeper_depth,
        recovery,
    } = begin;
    if let Some(earlier) = &earlier_blocks {
        let blocks = recovered_blocks(context, &ledger, earlier, &receivers);
        // One that is gone is found out by whoever asks it next.
        let _ = core.blocks.send(RecoverBlocks { blocks }).await;
    }
    let own_threads: Vec<Option<ArbiterHandle>> = receivers
        .iter()
        .map(|receiver| receiver.own_thread().then(|| receiver_arbiter(&mut arbiters, runner_ends.next())))
        .collect();
    let received = received_before(&ledger);
    let tracker = BlockTracker::new(context, ledger, log);
    let (flow, tracker) = (tracker.flow(), Post::new(tracker.start()));
    let Resume { pending, past } = resume;
    let logged = pending.iter().map(|(batch, ranges)| (batch.batch, ranges.clone()));
    let logged = past.inputs.iter().map(|(batch, inputs)| (*batch, inputs.ranges.clone())).chain(logged).collect();

    let runners: Vec<Addr<JobRunner>> = runner_ends
        .map(|end| {
            let handle = own_arbiter(&mut arbiters, Some(end));
            let threads = ThreadCount::of_this_thread();
            JobRunner::start_in_arbiter(&handle, move |_| JobRunner::new(site, threads))
        })
        .collect();
    // The user's sources and outputs may take their time here: other contexts go on meanwhile.
    let start = StartProgram { program, past: recovery.is_some().then_some(past), zero };
    let (mut program, started) = runners.first()?.send(start).await.ok()?;
    let started = match started {
        Ok(()) if cadence.is_some() => log_start(&tracker, program.take_memory(), zero).await,
        started => started.map_err(Fault::Batch),
    };
    let mut lifecycle = Lifecycle::new(config.failure_policy, config.concurrent_jobs);
    let (pending, receivers) = match started {
        Ok(()) => (pending, receivers),
        // A program that has not started must not be asked for anything: a source would decide what a batch of the earlier run
        // reads without knowing what that had read. The conductor sees the fault and ends the context.
        Err(fault) => {
            lifecycle.halt();
            faults.report(fault);
            (Vec::new(), Vec::new())
        }
    };

    let streams: Vec<StreamId> = receivers.iter().map(|receiver| receiver.stream()).collect();
    let those = |overload| {
        let those = receivers.iter().filter(move |receiver| receiver.overload() == overload);
        those.map(|receiver| receiver.stream()).collect::<Vec<StreamId>>()
    };
    let (spilling, shedding) = (those(Overload::Spill), those(Overload::Shed));
    let controller = RateController::of(&config, interval, &streams, &shedding);
    let parts = ContextParts {
        context,
        core: core.clone(),
        config: config.clone(),
        interval,
        tracker: tracker.clone(),
        block_log,
        next_blocks,
        positions,
        received,
        first_rates: controller.first_rates(&spilling),
        publisher: publisher.clone(),
        faults: faults.clone(),
    };
    let started = receivers.into_iter().zip(own_threads).map(|(receiver, own)| receiver.start(&parts, own));
    let mut receivers: Vec<ReceiverAddresses> = started.collect();
    let held = receivers.iter_mut().flat_map(|receiver| std::mem::take(&mut receiver.held)).collect();
    // Before the first tick: a batch gives back what its blocks hold.
    let _ = tracker.send(HoldCredits { held }).await;

    let statuses: Vec<_> = receivers.iter().map(|receiver| receiver.status.clone()).collect();

    let scheduler = BatchScheduler::new(SchedulerParts {
        context,
        core: core.clone(),
        clock: clock.clone(),
        interval,
        lifecycle,
        max_pending: config.max_pending_batches,
        retention: program.retention(),
        limits: JobLimits {
            max_failures: u32::try_from(config.task_max_failures).unwrap_or(u32::MAX),
            parallelism: config.parallelism(),
        },
        state: program.state(),
        two_step: program.two_step_outputs(),
        cadence,
        pending,
        ranges: LoggedRanges::new(program.replayable_sources(), &logged),
        program,
        runners,
        tracker: tracker.clone(),
        receivers: receivers.iter().map(|receiver| receiver.cut.clone()).collect(),
        rating: Rating::new(controller, receivers.iter().map(|receiver| receiver.rated.clone()).collect(), spilling),
        publisher: publisher.clone(),
        progress: progress.clone(),
        faults: faults.clone(),
        cancel: cancel.clone(),
    })
    .start();
    let scheduler = Post::new(scheduler);
    let ticker = BatchTicker::new(clock.clone(), ticks, scheduler.clone(), faults.clone()).start();
    publisher.publish(Event::StreamingStarted { time: clock.now() });

    let keeper = keeper_depth.map(|depth| ("Keeper", KEEPER_MAILBOX, depth));
    let mailboxes = [
        ("BlockTracker", TRACKER_MAILBOX, tracker.depth().clone()),
        ("BatchScheduler", SCHEDULER_MAILBOX, scheduler.depth().clone()),
    ];
    let sounding = Sounding {
        receivers: statuses.clone(),
        flow,
        publisher: publisher.clone(),
        mailboxes: keeper.into_iter().chain(mailboxes).collect(),
    };

    let last_flow = LastFlow::default();
    let (commands, inbox) = mpsc::channel::<Command>(COMMAND_QUEUE);
    let conductor = Conductor {
        core,
        context,
        clock,
        ticker,
        scheduler: scheduler.clone(),
        tracker: tracker.clone(),
        last_flow: last_flow.clone(),
        receivers,
        cancel,
        faults: faults.clone(),
        progress: progress.clone(),
        timeout: config.graceful_stop_timeout_for(interval),
        drain_on_signal: config.stop_gracefully_on_shutdown,
        signals: config.handle_signals,
        arbiters: arbiters.iter().map(Arbiter::handle).collect(),
        publisher: publisher.clone(),
    };
    actix_rt::spawn(conductor.run(inbox));
    let running = Running::new(commands, faults, progress, publisher, scheduler, zero)
        .recovered(recovery)
        .with_receivers(statuses)
        .sounded(sounding)
        .counting(tracker, last_flow);
    Some((running, arbiters))
}

/// The blocks of an earlier run that are still needed.
fn recovered_blocks(
    context: ContextId,
    ledger: &Ledger,
    log: &BlockLog,
    receivers: &[Box<dyn ReceiverSpec>],
) -> Vec<(BlockKey, RecoveredBlock)> {
    let recovered = |info: &BlockInfo| {
        let receiver = receivers.iter().find(|receiver| receiver.stream() == info.id.stream)?;
        let (codec, level) = (receiver.codec(), receiver.level());
        let records = usize::try_from(info.records).unwrap_or(usize::MAX);
        let block = RecoveredBlock { logged: log.logged(info.id)?, codec, level, records };
        Some((BlockKey::Input(context, info.id), block))
    };
    ledger.all_blocks().filter_map(recovered).collect()
}

/// The blocks of each stream that are in no batch that is done.
fn received_before(ledger: &Ledger) -> BTreeMap<StreamId, Vec<BlockInfo>> {
    let mut received: BTreeMap<StreamId, Vec<BlockInfo>> = BTreeMap::new();
    let pending = ledger.pending_batches().flat_map(Allocation::all_blocks);
    for block in pending.chain(ledger.all_unallocated()) {
        received.entry(block.id.stream).or_default().push(*block);
    }
    received
}

/// A thread of its own for actors that block it. `end` is dropped when it has ended.
fn own_arbiter(arbiters: &mut Vec<Arbiter>, end: Option<std::sync::mpsc::Sender<()>>) -> ArbiterHandle {
    let arbiter = Arbiter::new();
    let handle = arbiter.handle();
    handle.spawn(async move {
        // Lives as long as the thread's runtime does.
        let _end = end;
        std::future::pending::<()>().await;
    });
    arbiters.push(arbiter);
    handle
}

/// A thread of its own for a receiver, which belongs to the engine as the receivers' shared ones do.
fn receiver_arbiter(arbiters: &mut Vec<Arbiter>, end: Option<std::sync::mpsc::Sender<()>>) -> ArbiterHandle {
    let (arbiter, count) = (own_arbiter(arbiters, end), ThreadCount::of_this_thread());
    arbiter.spawn_fn(move || mark_engine_thread(count));
    arbiter
}
