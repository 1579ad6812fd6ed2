//! A running context: waiting for it, stopping it, and the order in which its parts come to rest.
//!
//! **Graceful stop**, as awaited steps: receivers stop and hand over what they hold; the ticker stops; what is not allocated
//! yet, spilled or not, becomes one last batch, at the time of the tick that would have come next; every batch is computed and
//! recorded. The whole has a deadline; if that passes, the context ends at once and the fault names what was still going on.
//!
//! **Immediate stop**: running tasks are cancelled between two chunks, batches that are not done stay undone.

use crate::batch::{
    BatchScheduler, BatchTicker, ConcludeHeld, Drain, Halt, Progress, RunningWork, Settle, StopTicker, Tick, Waited,
};
use crate::block::{BlockTracker, HasUnallocated, LogChanges, RemoveContext, SnapshotFlow};
use crate::clock::SharedClock;
use crate::depths::{ContextDepths, Sounding};
use crate::durable::Recovery;
use crate::event::{Publisher, StreamingListener};
use crate::faults::{Fault, Faults};
use crate::flow::FlowCounts;
use crate::ids::{ContextId, StreamId};
use crate::inside::on_engine_thread;
use crate::mailbox::Post;
use crate::receiver::{ReceiverSnapshot, ReceiverStatus, StopReceiver};
use crate::scope::{EngineCore, EngineSnapshot};
use crate::signals::ShutdownSignals;
use crate::stage::CancelToken;
use crate::time::Time;
use crate::topology::ReceiverAddresses;
use actix::Addr;
use actix_rt::{Arbiter, ArbiterHandle};
use futures::future::{Either, join_all, select};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a stopped context waits for an output that is still in user code.
const RUNNER_PATIENCE: Duration = Duration::from_secs(5);

/// How a context is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Everything that was stored is processed and recorded first, within `graceful_stop_timeout`.
    Graceful,
    /// Now. Batches that are not done stay undone.
    Immediate,
}

/// What a conductor is told.
pub type Command = Stop;

/// What a context does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextState {
    /// Batches come and are computed.
    Active,
    /// It has ended; its result is there.
    Stopped,
}

/// A stop that could not be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an output or listener cannot wait for its own context to stop; ask with `request_stop` and return")]
pub struct StopFromInside;

/// The thread of one job runner.
pub struct RunnerThread {
    pub(crate) arbiter: Arbiter,
    pub(crate) ended: Receiver<()>,
}

/// A running context, untyped. Dropping it stops the context at once.
pub struct Running {
    commands: mpsc::Sender<Command>,
    faults: Faults,
    progress: Progress,
    publisher: Publisher,
    scheduler: Post<BatchScheduler>,
    zero: Time,
    recovery: Option<Recovery>,
    receivers: Vec<Arc<ReceiverStatus>>,
    sounding: Option<Sounding>,
    threads: Mutex<Vec<RunnerThread>>,
    tracker: Option<Post<BlockTracker>>,
    last_flow: LastFlow,
}

/// Where the records of each stream were when the context ended.
pub(crate) type LastFlow = Arc<Mutex<BTreeMap<StreamId, FlowCounts>>>;

impl Running {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        faults: Faults,
        progress: Progress,
        publisher: Publisher,
        scheduler: Post<BatchScheduler>,
        zero: Time,
    ) -> Running {
        Running {
            commands,
            faults,
            progress,
            publisher,
            scheduler,
            zero,
            recovery: None,
            receivers: Vec::new(),
            sounding: None,
            threads: Mutex::default(),
            tracker: None,
            last_flow: LastFlow::default(),
        }
    }

    pub(crate) fn counting(mut self, tracker: Post<BlockTracker>, last_flow: LastFlow) -> Running {
        (self.tracker, self.last_flow) = (Some(tracker), last_flow);
        self
    }

    pub(crate) fn sounded(mut self, sounding: Sounding) -> Running {
        self.sounding = Some(sounding);
        self
    }

    /// Where the records of each receiver stream are, or were when the context ended.
    pub fn flow(&self, core: &Arc<EngineCore>) -> BTreeMap<StreamId, FlowCounts> {
        let tracker = self.tracker.clone().filter(|_| !self.progress.is_ended());
        let asked =
            tracker.and_then(|tracker| core.on_control(move || async move { tracker.send(SnapshotFlow).await.ok() }));
        let last = || self.last_flow.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.flatten().unwrap_or_else(last)
    }

    pub(crate) fn recovered(mut self, recovery: Option<Recovery>) -> Running {
        self.recovery = recovery;
        self
    }

    pub(crate) fn with_receivers(mut self, receivers: Vec<Arc<ReceiverStatus>>) -> Running {
        self.receivers = receivers;
        self
    }

    /// What is known of each receiver, in the order of their streams: also while it is down, and when the context has ended.
    pub fn receivers(&self) -> Vec<ReceiverSnapshot> {
        self.receivers.iter().map(|receiver| receiver.snapshot()).collect()
    }

    /// How an earlier run was taken up; `None` when this one began anew.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    pub(crate) fn with_threads(mut self, threads: Vec<RunnerThread>) -> Running {
        self.threads = Mutex::new(threads);
        self
    }

    /// What the context does at present.
    pub fn state(&self) -> ContextState {
        if self.progress.is_ended() { ContextState::Stopped } else { ContextState::Active }
    }

    /// The zero time: batches are at zero + n x interval, n = 1, 2, ...
    pub fn zero_time(&self) -> Time {
        self.zero
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Adds a listener, which is told of everything from now on. Does nothing when the context has ended.
    pub fn add_listener(&self, listener: Box<dyn StreamingListener>) {
        self.publisher.add(listener);
    }

    /// For asking and stopping the context from elsewhere.
    pub fn remote(&self) -> Remote {
        let (commands, publisher, progress) = (self.commands.clone(), self.publisher.clone(), self.progress.clone());
        let (receivers, sounding) = (self.receivers.clone(), self.sounding.clone());
        Remote { commands, publisher, progress, zero: self.zero, receivers, sounding }
    }

    /// Events that listeners were not told because they were too slow.
    pub fn dropped_events(&self) -> u64 {
        self.publisher.dropped()
    }

    /// Waits until what the batches done so far leave behind has been given back (at once when the context has ended), then
    /// tells what the engine holds. `None` when it has been stopped, inside a task, and when `patience` (real time) is over.
    pub fn settled_snapshot(&self, core: &Arc<EngineCore>, patience: Option<Duration>) -> Option<EngineSnapshot> {
        let (scheduler, shared) = (self.scheduler.clone(), core.clone());
        core.on_control_within(patience, move || async move {
            // A scheduler that is gone has nothing left to give back.
            let _ = scheduler.send(Settle).await;
            // Through the arbiter's queue, behind what settling has put there to be given back.
            let (answer, wait) = oneshot::channel();
            let control = shared.control.clone();
            control.spawn(async move {
                let _ = answer.send(shared.look().await);
            });
            wait.await.ok()?
        })?
    }

    /// Asks the context to stop, and returns at once.
    pub fn request_stop(&self, how: Stop) {
        // A full queue holds four stops already; a closed one means that it has ended.
        let _ = self.commands.try_send(how);
    }

    /// Stops the context and waits until it has ended. The second stop waits for the first.
    ///
    /// # Errors
    /// [`StopFromInside`] when called on a thread of an engine: by an output or listener of this (or any) context.
    pub fn stop(&self, how: Stop) -> Result<Option<Fault>, StopFromInside> {
        if on_engine_thread() {
            return Err(StopFromInside);
        }
        self.request_stop(how);
        Ok(self.wait(None).unwrap_or(None))
    }

    /// Waits until the context has ended: the first fault, if there was one. `None` when `timeout` is over before.
    pub fn wait(&self, timeout: Option<Duration>) -> Option<Option<Fault>> {
        match self.progress.wait_ended(timeout) {
            Waited::TimedOut => None,
            Waited::Reached | Waited::Ended => {
                self.join();
                Some(self.faults.first())
            }
        }
    }

    /// Ends the threads of the job runners. One that is still in user code is left behind, with a warning.
    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for RunnerThread { arbiter, ended } in threads {
            arbiter.stop();
            match ended.recv_timeout(RUNNER_PATIENCE) {
                Err(RecvTimeoutError::Timeout) => {
                    log::warn!(
                        "an output or actor is still in user code {RUNNER_PATIENCE:?} after its context ended; its thread is left behind"
                    );
                }
                _ => drop(arbiter.join()),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if on_engine_thread() {
            return self.request_stop(Stop::Immediate);
        }
        let _ = self.stop(Stop::Immediate);
    }
}

/// What may be asked of a running context from elsewhere. It keeps nothing alive.
#[derive(Clone)]
pub struct Remote {
    commands: mpsc::Sender<Command>,
    publisher: Publisher,
    progress: Progress,
    zero: Time,
    receivers: Vec<Arc<ReceiverStatus>>,
    sounding: Option<Sounding>,
}

impl Remote {
    /// Asks the context to stop, and returns at once.
    pub fn request_stop(&self, how: Stop) {
        // A full queue holds four stops already; a closed one means that it has ended.
        let _ = self.commands.try_send(how);
    }

    /// What the context does at present.
    pub fn state(&self) -> ContextState {
        if self.progress.is_ended() { ContextState::Stopped } else { ContextState::Active }
    }

    /// Whether the context is being stopped, or has ended: while a graceful stop processes what was received, it is, and its state is
    /// still [`ContextState::Active`].
    pub fn is_stopping(&self) -> bool {
        self.progress.is_stopping()
    }

    /// Events that listeners were not told because they were too slow.
    pub fn dropped_events(&self) -> u64 {
        self.publisher.dropped()
    }

    /// As [`Running::zero_time`].
    pub fn zero_time(&self) -> Time {
        self.zero
    }

    /// As [`Running::receivers`].
    pub fn receivers(&self) -> Vec<ReceiverSnapshot> {
        self.receivers.iter().map(|receiver| receiver.snapshot()).collect()
    }

    /// How much waits in the context at present.
    pub fn depths(&self) -> ContextDepths {
        self.sounding.as_ref().map(Sounding::depths).unwrap_or_default()
    }
}

/// Brings the parts of a context to rest.
pub(crate) struct Conductor {
    pub(crate) core: Arc<EngineCore>,
    pub(crate) context: ContextId,
    pub(crate) clock: SharedClock,
    pub(crate) last_flow: LastFlow,
    pub(crate) ticker: Addr<BatchTicker>,
    pub(crate) scheduler: Post<BatchScheduler>,
    pub(crate) tracker: Post<BlockTracker>,
    pub(crate) receivers: Vec<ReceiverAddresses>,
    pub(crate) cancel: CancelToken,
    pub(crate) faults: Faults,
    pub(crate) progress: Progress,
    pub(crate) timeout: Duration,
    pub(crate) drain_on_signal: bool,
    pub(crate) signals: bool,
    pub(crate) arbiters: Vec<ArbiterHandle>,
    pub(crate) publisher: Publisher,
}

impl Conductor {
    /// Waits for a reason to stop, then stops.
    pub(crate) async fn run(self, mut inbox: mpsc::Receiver<Command>) {
        let mut signals = self.signals.then(ShutdownSignals::listen).and_then(|listening| {
            listening.inspect_err(|error| log::warn!("SIGTERM and Ctrl-C are not handled: {error}")).ok()
        });
        let how = self.reason(&mut inbox, &mut signals).await;
        self.progress.stopping();
        if how == Stop::Graceful {
            // Boxed: pinned for the select without growing this future.
            let drain = Box::pin(self.drain());
            let hurry = Box::pin(self.hurry(&mut inbox, &mut signals));
            match select(drain, hurry).await {
                Either::Left(((), _)) => {}
                Either::Right((timed_out, drain)) => {
                    drop(drain);
                    if timed_out {
                        let waiting = self.waiting().await;
                        self.faults.report(Fault::StopTimedOut { timeout: self.timeout, waiting });
                    }
                }
            }
        }
        self.end().await;
    }

    /// How the context has to stop, once it has to.
    async fn reason(&self, inbox: &mut mpsc::Receiver<Command>, signals: &mut Option<ShutdownSignals>) -> Stop {
        tokio::select! {
            command = inbox.recv() => command.unwrap_or(Stop::Immediate),
            () = self.faults.wait() => Stop::Immediate,
            () = signalled(signals) => {
                log::info!("stopping on a signal");
                if self.drain_on_signal { Stop::Graceful } else { Stop::Immediate }
            }
        }
    }

    /// Completes when a graceful stop has to be cut short; `true` because its time is over.
    async fn hurry(&self, inbox: &mut mpsc::Receiver<Command>, signals: &mut Option<ShutdownSignals>) -> bool {
        let deadline = self.clock.sleep(self.timeout);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                command = inbox.recv() => if command != Some(Stop::Graceful) { return false },
                () = self.faults.wait() => return false,
                () = signalled(signals) => return false,
                () = &mut deadline => return true,
            }
        }
    }

    async fn drain(&self) {
        join_all(self.receivers.iter().map(|receiver| receiver.stop.send(StopReceiver { wait: true }))).await;
        let next = self.ticker.send(StopTicker).await.ok();
        // Only one: the times of several would run ahead of the clock, which the next run would have to wait for.
        if let (Some(batch), Ok(true)) = (next, self.tracker.send(HasUnallocated).await) {
            let _ = self.scheduler.send(Tick { batch, last: true }).await;
        }
        let _ = self.scheduler.send(Drain).await;
        // What was held back for the next checkpoint goes now: there will be none.
        match self.tracker.send(LogChanges { changes: Vec::new() }).await {
            Ok(Ok(())) => _ = self.scheduler.send(ConcludeHeld).await,
            Ok(Err(error)) => self.faults.report(Fault::Checkpoint { cause: error.to_string() }),
            Err(_) => {}
        }
    }

    async fn waiting(&self) -> String {
        let alive: Vec<&str> = self
            .receivers
            .iter()
            .filter(|receiver| receiver.stop.connected())
            .map(|receiver| receiver.name.as_str())
            .collect();
        if alive.is_empty() {
            self.scheduler.send(RunningWork).await.unwrap_or_default()
        } else {
            format!("the receiver {} has not stopped", alive.join(", "))
        }
    }

    /// Ends every actor of the context and gives back what it held.
    async fn end(self) {
        let _ = self.ticker.send(StopTicker).await;
        // The scheduler cancels what runs, so that it knows of it first: a cancelled output must not pass for a failed one, which
        // the failure policy may skip or try again.
        let _ = self.scheduler.send(Halt).await;
        self.cancel.cancel();
        join_all(self.receivers.iter().map(|receiver| receiver.stop.send(StopReceiver { wait: false }))).await;
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        if let Ok(flow) = self.tracker.send(SnapshotFlow).await {
            *self.last_flow.lock().unwrap_or_else(PoisonError::into_inner) = flow;
        }
        let _ = self.core.blocks.send(RemoveContext { context: self.context }).await;
        self.core.collect_garbage().await;
        self.core.context_ended();
        // Nothing of the context is there any more that could tell anything.
        self.publisher.end();
        self.progress.ended();
    }
}

async fn signalled(signals: &mut Option<ShutdownSignals>) {
    match signals {
        Some(signals) => signals.recv().await,
        None => std::future::pending().await,
    }
}
