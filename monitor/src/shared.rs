//! What the listener writes and the server reads.

use crate::api::model::{
    ApplicationAttempt, ApplicationInfo, BatchInfo, OperatorInfo, Overview, RECENT, ReceiverInfo, StateInfo,
    StreamingStatistics, Timelines, operators, shown_interval,
};
use crate::graph::Graph;
use crate::meters::Meters;
use crate::store::{Progress, StreamRow, Streams};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::Duration;
use tokio::sync::watch;
use waterwheel_operators::StreamingContext;
use waterwheel_operators::plan::{Plan, PlannedOperator};
use waterwheel_runtime::clock::SharedClock;
use waterwheel_runtime::config::UiConfig;
use waterwheel_runtime::event::{Event, StreamingListener};
use waterwheel_runtime::running::{ContextState, Remote};
use waterwheel_runtime::scope::EngineCore;
use waterwheel_runtime::time::Time;

/// Live batches that an overview names; all of them are counted.
const LIVE_TOLD: usize = 100;

/// Completed batches of an overview, and of a page of the table.
const COMPLETED_TOLD: usize = 20;

/// See the module.
pub(crate) struct Shared {
    progress: RwLock<Progress>,
    /// Counts the events, so that pages can wait for the next.
    version: watch::Sender<u64>,
    pub(crate) meters: Meters,
    pub(crate) ui: UiConfig,
    pub(crate) graph: Graph,
    pub(crate) interval: Duration,
    id: String,
    name: String,
    attached: Time,
    clock: SharedClock,
    /// Asked for what blocks hold; it is not kept alive.
    core: Weak<EngineCore>,
    remote: OnceLock<Remote>,
    /// When it was first seen that the program has ended.
    ended: OnceLock<Time>,
}

impl Shared {
    /// For the program that has been built in `ssc`.
    pub(crate) fn new(ssc: &StreamingContext) -> Result<Shared, metrics_exporter_prometheus::BuildError> {
        let (config, plan) = (ssc.config(), ssc.plan());
        let core = ssc.engine().core();
        let attached = core.clock.now();
        let progress = Progress::new(config.ui.retained_batches, streams(&plan));
        Ok(Shared {
            progress: RwLock::new(progress),
            version: watch::Sender::new(0),
            meters: Meters::new(&config.app_name)?,
            ui: config.ui.clone(),
            graph: Graph::new(&plan),
            interval: ssc.interval(),
            id: format!("local-{}", attached.millis()),
            name: config.app_name.clone(),
            attached,
            clock: core.clock.clone(),
            core: Arc::downgrade(core),
            remote: OnceLock::new(),
            ended: OnceLock::new(),
        })
    }

    /// The program runs.
    pub(crate) fn started(&self, remote: Remote) {
        // A context is started once.
        let _ = self.remote.set(remote);
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.get()
    }

    pub(crate) fn core(&self) -> Option<Arc<EngineCore>> {
        self.core.upgrade()
    }

    pub(crate) fn progress(&self) -> RwLockReadGuard<'_, Progress> {
        self.progress.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes with every event.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn dropped_events(&self) -> u64 {
        self.remote.get().map_or(0, Remote::dropped_events)
    }

    /// `STARTING`, `RUNNING` or `STOPPED`.
    pub(crate) fn state(&self) -> &'static str {
        match self.remote.get().map(Remote::state) {
            None => "STARTING",
            Some(ContextState::Active) => "RUNNING",
            Some(ContextState::Stopped) => "STOPPED",
        }
    }

    /// When the program ended, if it has.
    fn ended(&self) -> Option<Time> {
        (self.state() == "STOPPED").then(|| *self.ended.get_or_init(|| self.clock.now()))
    }

    pub(crate) fn application(&self) -> ApplicationInfo {
        let start = self.progress().started.unwrap_or(self.attached);
        let attempt = ApplicationAttempt::new(start, self.ended(), self.clock.now());
        ApplicationInfo { id: self.id.clone(), name: self.name.clone(), attempts: vec![attempt] }
    }

    pub(crate) fn statistics(&self, progress: &Progress) -> StreamingStatistics {
        StreamingStatistics::new(progress, self.attached, self.interval, self.dropped_events())
    }

    pub(crate) fn receivers(&self, progress: &Progress, with_rates: bool) -> Vec<ReceiverInfo> {
        let streams = progress.streams.iter();
        streams.map(|(id, row)| ReceiverInfo::new(progress, id, row, self.interval, with_rates)).collect()
    }

    pub(crate) fn operators(&self, progress: &Progress) -> Vec<OperatorInfo> {
        let (batches, recent) = progress.recent_costs(RECENT);
        operators(&self.graph.costed(&progress.works, &recent), batches, self.interval)
    }

    pub(crate) fn overview(&self) -> Overview {
        // Before the lock is taken, so that a writer that waits does not meet a second reading of the same thread.
        let (state, ended) = (self.state(), self.ended());
        let progress = self.progress();
        let batch = |row: &Arc<crate::store::BatchRow>| BatchInfo::new(row, self.interval);
        Overview {
            id: self.id.clone(),
            name: self.name.clone(),
            state,
            now: ended.unwrap_or_else(|| self.clock.now()).millis(),
            started: progress.started.unwrap_or(self.attached).millis(),
            interval: shown_interval(self.interval),
            can_stop: self.ui.allow_stop && state == "RUNNING",
            statistics: self.statistics(&progress),
            active: progress.live().rev().take(LIVE_TOLD).map(batch).collect(),
            completed: progress.completed().rev().take(COMPLETED_TOLD).map(batch).collect(),
            receivers: self.receivers(&progress, false),
            operators: self.operators(&progress),
            state_operators: StateInfo::new(&progress),
            timelines: Timelines::new(&progress, RECENT, self.interval),
        }
    }
}

/// The input streams of a program.
fn streams(plan: &Plan) -> Streams {
    let row = |operator: &PlannedOperator| {
        let row =
            StreamRow { name: operator.name.clone(), site: Some(operator.site.to_string()), ..StreamRow::default() };
        Some((operator.stream?, row))
    };
    Streams::new(plan.operators.iter().filter_map(row))
}

/// Tells the shared state of every event.
pub(crate) struct Told(pub(crate) Arc<Shared>);

impl StreamingListener for Told {
    fn on_event(&mut self, event: &Event) {
        let Told(shared) = self;
        shared.progress.write().unwrap_or_else(PoisonError::into_inner).told(event, shared.clock.now());
        shared.meters.told(event, shared.interval);
        shared.version.send_modify(|version| *version += 1);
    }
}
