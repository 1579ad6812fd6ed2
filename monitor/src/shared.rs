//! What the listener writes and the server reads.

use crate::api::model::{
    ApplicationAttempt, ApplicationInfo, BatchInfo, OperatorInfo, Overview, QueuesInfo, RECENT, ReceiverInfo,
    StateInfo, StreamingStatistics, Timelines, operators, shown_interval,
};
use crate::graph::Graph;
use crate::meters::Meters;
use crate::store::{BatchRow, Progress, Status, StreamRow, Streams};
use actix_web::web::Bytes;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::Duration;
use tokio::sync::watch;
use waterwheel_operators::StreamingContext;
use waterwheel_operators::plan::{Plan, PlannedOperator};
use waterwheel_runtime::clock::SharedClock;
use waterwheel_runtime::config::UiConfig;
use waterwheel_runtime::depths::{ContextDepths, EngineDepths};
use waterwheel_runtime::event::{Event, StreamingListener};
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::running::{ContextState, Remote};
use waterwheel_runtime::scope::EngineCore;
use waterwheel_runtime::time::Time;

/// Live batches that an overview names; all of them are counted.
const LIVE_TOLD: usize = 100;

/// Completed batches of an overview, and of a page of the table.
const COMPLETED_TOLD: usize = 20;

/// What an overview depends on: events, the state, and the second of the clock.
type Moment = (u64, &'static str, i64);

/// What waits at one moment.
#[derive(Debug, Default)]
pub(crate) struct Depths {
    pub(crate) context: ContextDepths,
    pub(crate) engine: EngineDepths,
}

/// See the module.
pub(crate) struct Shared {
    progress: RwLock<Progress>,
    /// Counts the events, so that pages can wait for the next.
    version: watch::Sender<u64>,
    /// The monitor is about to end.
    closing: watch::Sender<bool>,
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
    /// The last overview that was sent, and what it is of.
    sent: Mutex<Option<(Moment, Bytes)>>,
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
            closing: watch::Sender::new(false),
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
            sent: Mutex::new(None),
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

    /// Turns true when the monitor is about to end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// The monitor is about to end: pages are told the last figures, and their streams end.
    pub(crate) fn close(&self) {
        self.version.send_modify(|version| *version += 1);
        self.closing.send_replace(true);
    }

    pub(crate) fn dropped_events(&self) -> u64 {
        self.remote.get().map_or(0, Remote::dropped_events)
    }

    /// `STARTING`, `RUNNING`, `STOPPING` or `STOPPED`.
    pub(crate) fn state(&self) -> &'static str {
        let Some(remote) = self.remote.get() else { return "STARTING" };
        match remote.state() {
            ContextState::Stopped => "STOPPED",
            ContextState::Active if remote.is_stopping() => "STOPPING",
            ContextState::Active => "RUNNING",
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
        let streams = progress.streams.iter().filter_map(|(stream, row)| self.stream(stream, row).receiver.clone());
        StreamingStatistics::new(
            progress,
            &streams.collect::<Vec<_>>(),
            self.attached,
            self.interval,
            self.dropped_events(),
        )
    }

    /// What waits at present. The engine may be gone, and the program may not have started.
    pub(crate) fn depths(&self) -> Depths {
        Depths {
            context: self.remote.get().map(Remote::depths).unwrap_or_default(),
            engine: self.core().map(|core| core.depths()).unwrap_or_default(),
        }
    }

    pub(crate) fn receivers(&self, progress: &Progress, depths: &Depths, with_rates: bool) -> Vec<ReceiverInfo> {
        progress.streams.iter().map(|(id, row)| self.receiver(progress, id, row, depths, with_rates)).collect()
    }

    pub(crate) fn receiver(
        &self,
        progress: &Progress,
        id: StreamId,
        row: &StreamRow,
        depths: &Depths,
        with_rates: bool,
    ) -> ReceiverInfo {
        let depth = depths.context.streams.get(&id);
        ReceiverInfo::new(progress, id, &self.stream(id, row), depth, self.interval, with_rates)
    }

    /// A stream as it is: what events say of its receiver may be old, since some may not be told.
    pub(crate) fn stream<'a>(&self, id: StreamId, row: &'a StreamRow) -> Cow<'a, StreamRow> {
        let there = self.remote.get().into_iter().flat_map(Remote::receivers).find(|there| there.stream == id);
        there.map_or(Cow::Borrowed(row), |there| Cow::Owned(row.with_receiver(&there)))
    }

    pub(crate) fn operators(&self, progress: &Progress) -> Vec<OperatorInfo> {
        let (batches, recent) = progress.recent_costs(RECENT);
        operators(&self.graph.costed(&progress.works, &recent), batches, self.interval)
    }

    /// The overview as an event for pages, which ask again after a second when the stream ends: made once, however many are told.
    pub(crate) fn overview_event(&self) -> Option<Bytes> {
        let moment = (*self.version.borrow(), self.state(), self.clock.now().millis().div_euclid(1000));
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = sent.as_ref().filter(|(of, _)| *of == moment) {
            return Some(bytes.clone());
        }
        let text = serde_json::to_string(&self.overview()).ok()?;
        let bytes = Bytes::from(format!("retry: 1000\nevent: overview\ndata: {text}\n\n"));
        *sent = Some((moment, bytes.clone()));
        Some(bytes)
    }

    pub(crate) fn batch(&self, row: &BatchRow) -> BatchInfo {
        let zero = self.remote.get().map(Remote::zero_time);
        BatchInfo::new(row, self.interval, self.graph.outputs_of(row.time(), zero))
    }

    pub(crate) fn overview(&self) -> Overview {
        // Before the lock is taken, so that a writer that waits does not meet a second reading of the same thread.
        let (state, ended, depths) = (self.state(), self.ended(), self.depths());
        let progress = self.progress();
        let batch = |row: &Arc<BatchRow>| self.batch(row);
        Overview {
            id: self.id.clone(),
            name: self.name.clone(),
            state,
            now: ended.unwrap_or_else(|| self.clock.now()).millis(),
            started: progress.started.unwrap_or(self.attached).millis(),
            interval: shown_interval(self.interval),
            can_stop: self.ui.allow_stop && state == "RUNNING",
            statistics: self.statistics(&progress),
            active: told_live(&progress).into_iter().map(batch).collect(),
            completed: progress.completed().rev().take(COMPLETED_TOLD).map(batch).collect(),
            receivers: self.receivers(&progress, &depths, false),
            queues: QueuesInfo::new(&progress, &depths.context, &depths.engine),
            operators: self.operators(&progress),
            state_operators: StateInfo::new(&progress),
            timelines: Timelines::moving(&progress, RECENT, self.interval),
        }
    }
}

/// The live batches that an overview names, the newest first: those that run, which are the oldest, and the newest of the others.
fn told_live(progress: &Progress) -> Vec<&Arc<BatchRow>> {
    let of = |status: Status| progress.live().rev().filter(move |row| row.status == status);
    let mut told: Vec<_> = of(Status::Processing).chain(of(Status::Queued)).take(LIVE_TOLD).collect();
    told.sort_by_key(|row| std::cmp::Reverse(row.time()));
    told
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, started, time};
    use std::sync::Barrier;
    use std::thread;
    use waterwheel_operators::prelude::{Config, ManualClock, milliseconds, seconds};

    /// Pages that ask at the same moment.
    const PAGES: usize = 16;

    #[test]
    fn an_overview_is_made_once_however_many_pages_ask_for_it_at_once() {
        let clock = ManualClock::new(time(1000));
        let config = Config::local("Shown").with_handle_signals(false);
        let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
        let shared = Arc::new(Shared::new(&ssc).unwrap());
        let ask = || {
            let together = Barrier::new(PAGES);
            let told: Vec<Bytes> = thread::scope(|threads| {
                let page = || {
                    together.wait();
                    shared.overview_event().unwrap()
                };
                let pages: Vec<_> = (0..PAGES).map(|_| threads.spawn(page)).collect();
                pages.into_iter().map(|page| page.join().unwrap()).collect()
            });
            // One that was made again lies elsewhere: all of them are still there.
            assert!(told.iter().all(|bytes| bytes.as_ptr() == told[0].as_ptr()), "it was made more than once");
            told[0].clone()
        };
        let first = ask();
        assert_eq!(ask().as_ptr(), first.as_ptr(), "nothing has happened");
        Told(shared.clone()).on_event(&Event::BatchSubmitted(batch(1, &[])));
        let second = ask();
        assert_ne!(second, first, "something has");
        clock.advance(milliseconds(999));
        assert_eq!(ask().as_ptr(), second.as_ptr());
        clock.advance(milliseconds(1));
        assert_ne!(ask(), second, "it says how long the program has run, in seconds");
    }

    #[test]
    fn the_batches_that_run_are_named_however_many_wait_behind_them() {
        let mut progress = Progress::new(10, Streams::default());
        for number in 1..=500 {
            progress.told(&Event::BatchSubmitted(batch(number, &[])), time(0));
        }
        for number in 1..=2 {
            progress.told(&Event::BatchStarted(started(number, &[])), time(0));
        }
        let told: Vec<_> = told_live(&progress).into_iter().map(|row| row.time()).collect();
        let expected: Vec<_> = (403..=500).rev().chain([2, 1]).map(time).collect();
        assert_eq!(told, expected);
    }
}
