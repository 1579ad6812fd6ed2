//! `StreamingContext`: where a program of streams is built.

use crate::checkpoint::{Beginning, Checkpoint};
use crate::dstream::DStream;
use crate::error::{Error, Misuse, MisuseError};
use crate::extensions::Extensions;
use crate::graph::{Compute, Graph};
use crate::plan::Plan;
use crate::record::Data;
use crate::running::RunningContext;
use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_runtime::batch::Use;
use waterwheel_runtime::clock::{SharedClock, SystemClock};
use waterwheel_runtime::config::Config;
use waterwheel_runtime::engine::{Engine, EngineOptions};
use waterwheel_runtime::event::StreamingListener;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::DurationExt;
use waterwheel_runtime::topology::{ContextSpec, ReceiverSpec, start_context};

/// The most operators on one way through a program: a task computes them by calls within calls, and its stack is bounded.
const LONGEST_CHAIN: usize = 256;

/// The longest batch interval: what is longer is a mistake.
const LONGEST_INTERVAL: Duration = Duration::from_secs(366 * 86_400);

/// Where `print` writes.
pub(crate) type Printer = Arc<Mutex<dyn Write + Send>>;

/// Builds a program of streams. [`start`](StreamingContext::start) consumes it, so nothing can be added to a running program.
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// let ssc = StreamingContext::new(Config::local("Doc"), seconds(1))?;
/// // ... streams and outputs ...
/// let error = ssc.start().err().map(|error| error.to_string()).unwrap_or_default();
/// assert!(error.contains("no output operation"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StreamingContext {
    config: Config,
    interval: Duration,
    engine: Engine,
    printer: Printer,
    pub(crate) extensions: Extensions,
    building: RefCell<Building>,
}

struct Building {
    graph: Graph,
    checkpoint: Option<Checkpoint>,
    receivers: Vec<Box<dyn ReceiverSpec>>,
    listeners: Vec<Box<dyn StreamingListener>>,
    misuses: Vec<Misuse>,
}

impl fmt::Debug for StreamingContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamingContext({}, every {:?})", self.config.app_name, self.interval)
    }
}

impl StreamingContext {
    /// A context with an engine of its own, which ends with it.
    ///
    /// `interval` is the batch interval: whole milliseconds, from 1 to a year of them.
    ///
    /// # Errors
    /// Every problem of the configuration; an interval that is no positive number of milliseconds; a system without threads.
    #[track_caller]
    pub fn new(config: Config, interval: Duration) -> Result<StreamingContext, Error> {
        let site = Site::here("StreamingContext::new");
        StreamingContext::build(site, config, interval, Arc::new(SystemClock::new()))
    }

    /// As [`new`](StreamingContext::new), with a clock: the manual one makes a program testable.
    ///
    /// # Errors
    /// As [`new`](StreamingContext::new).
    #[track_caller]
    pub fn with_clock(config: Config, interval: Duration, clock: SharedClock) -> Result<StreamingContext, Error> {
        StreamingContext::build(Site::here("StreamingContext::with_clock"), config, interval, clock)
    }

    /// A context on an engine that it shares with others, and that outlives it.
    ///
    /// The engine's own threads (for tasks and receivers), memory, spill directory and clock apply; those of `config` do not.
    ///
    /// # Errors
    /// Every problem of the configuration; an interval that is no positive number of milliseconds.
    #[track_caller]
    pub fn on(engine: &Engine, config: Config, interval: Duration) -> Result<StreamingContext, Error> {
        let site = Site::here("StreamingContext::on");
        let config = config.with_cores(engine.cores());
        check(site, &config, interval)?;
        Ok(StreamingContext::over(config, interval, engine.clone()))
    }

    fn build(site: Site, config: Config, interval: Duration, clock: SharedClock) -> Result<StreamingContext, Error> {
        check(site, &config, interval)?;
        let engine = Engine::start(EngineOptions {
            cores: config.cores,
            receiver_threads: config.receiver.thread_count(),
            memory: usize::try_from(config.storage.memory.as_u64()).unwrap_or(usize::MAX),
            spill_dir: config.storage.spill_dir(),
            task_max_failures: u32::try_from(config.task_max_failures).unwrap_or(u32::MAX),
            clock,
        })?;
        Ok(StreamingContext::over(config, interval, engine))
    }

    fn over(config: Config, interval: Duration, engine: Engine) -> StreamingContext {
        let mut graph = Graph::new();
        graph.set_remember(config.remember.unwrap_or_default());
        let building =
            Building { graph, checkpoint: None, receivers: Vec::new(), listeners: Vec::new(), misuses: Vec::new() };
        let printer = Arc::new(Mutex::new(std::io::stdout()));
        let extensions = Extensions::default();
        StreamingContext { config, interval, engine, printer, extensions, building: RefCell::new(building) }
    }

    /// The engine that the datasets run on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The batch interval.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Keeps the datasets of a batch, and the blocks they are made of, for `duration` after the batch is done: for
    /// [`StreamHandle::slice`](crate::StreamHandle::slice) and for queries from other threads. Windows keep what they read
    /// without it. The longest of several durations counts.
    pub fn remember(&self, duration: Duration) {
        self.building.borrow_mut().graph.set_remember(duration);
    }

    /// What the program is so far: its operators with their names, slides and storage levels.
    pub fn plan(&self) -> Plan {
        self.building.borrow().graph.plan()
    }

    /// Adds a listener, which is told of everything from the start on. A closure over `&Event` will do.
    pub fn add_streaming_listener(&self, listener: impl StreamingListener) {
        self.building.borrow_mut().listeners.push(Box::new(listener));
    }

    /// Has `print` write elsewhere than to standard output.
    pub fn print_to(&mut self, writer: impl Write + Send + 'static) {
        self.printer = Arc::new(Mutex::new(writer));
    }

    /// Starts the program: receivers receive, batches come.
    ///
    /// # Errors
    /// Everything that was wrong in the building of the streams, all at once, each with its line and how to put it right.
    #[track_caller]
    pub fn start(self) -> Result<RunningContext, Error> {
        let site = Site::here("start");
        let StreamingContext { config, interval, engine, extensions, building, .. } = self;
        let Building { mut graph, checkpoint, receivers, listeners, mut misuses } = building.into_inner();
        if !graph.has_outputs() {
            let problem = "there is no output operation, so nothing would ever be computed; add print, foreach_rdd or another output";
            misuses.push(Misuse { site, problem: problem.to_owned() });
        }
        if checkpoint.is_none() {
            let problem = "it keeps state, which needs a checkpoint directory; call checkpoint(dir)";
            misuses.extend(graph.stateful().map(|site| Misuse { site, problem: problem.to_owned() }));
        }
        if let Some((depth, site)) = graph.longest_chain()
            && depth > LONGEST_CHAIN
        {
            let problem = format!(
                "{depth} operators lie one above the other here, and a task would go through all of them at once; take no more than {LONGEST_CHAIN}, or put several into one (map, transform)"
            );
            misuses.push(Misuse { site, problem });
        }
        if let Some(every) = config.checkpoint.interval
            && !every.is_multiple_of(interval)
        {
            let (every, interval) = (every.pretty(), interval.pretty());
            let problem =
                format!("`checkpoint.interval` is {every}; it has to be a multiple of the batch interval, {interval}");
            misuses.push(Misuse { site, problem });
        }
        if !misuses.is_empty() {
            return Err(MisuseError { misuses }.into());
        }
        let plan = graph.plan();
        log::debug!("{}\n{plan}", config.app_name);
        graph.mark_wanted();
        let now = engine.core().clock.now();
        let program = Beginning { config: &config, interval, now, graph: &graph };
        let durable = checkpoint.map(|checkpoint| checkpoint.begin(&program)).transpose()?;
        let spec = ContextSpec { config, interval, site, durable, program: Box::new(graph), receivers, listeners };
        let running = start_context(engine.core(), spec).ok_or(Error::EngineStopped)?;
        Ok(RunningContext::new(running, engine, plan, extensions))
    }

    pub(crate) fn printer(&self) -> &Printer {
        &self.printer
    }

    /// Adds a stream that is made of those in `uses`.
    pub(crate) fn add_node<T: Data>(
        &self,
        site: Site,
        slide: Duration,
        uses: Vec<Use>,
        compute: Compute<T>,
    ) -> DStream<'_, T> {
        DStream::new(self, self.with_graph(|graph| graph.add_node(site, slide, uses, compute)))
    }

    /// Looks at or changes the graph.
    pub(crate) fn with_graph<R>(&self, body: impl FnOnce(&mut Graph) -> R) -> R {
        body(&mut self.building.borrow_mut().graph)
    }

    /// Whether there is state, and nobody has said where it is kept.
    pub(crate) fn lacks_checkpoint(&self) -> bool {
        let building = self.building.borrow();
        building.checkpoint.is_none() && building.graph.stateful().next().is_some()
    }

    /// Says where what must survive is kept; the last word counts.
    pub(crate) fn set_checkpoint(&self, checkpoint: Checkpoint) {
        self.building.borrow_mut().checkpoint = Some(checkpoint);
    }

    /// Adds a receiver.
    pub(crate) fn add_receiver(&self, receiver: Box<dyn ReceiverSpec>) {
        self.building.borrow_mut().receivers.push(receiver);
    }

    /// Notes a mistake in the building of the program, which `start` will return with all others. For authors of sources: take
    /// `site` in the method that the user calls, so that the mistake carries the user's line, and say how to put it right.
    ///
    /// ```
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_runtime::site::Site;
    ///
    /// let ssc = StreamingContext::new(Config::local("Doc"), seconds(1))?;
    /// ssc.misuse(Site::here("gauge_stream"), "a gauge needs a name; give it one");
    /// let error = ssc.start().err().map(|error| error.to_string()).unwrap_or_default();
    /// assert!(error.contains("gauge_stream at") && error.contains("a gauge needs a name"), "{error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn misuse(&self, site: Site, problem: impl Into<String>) {
        self.building.borrow_mut().misuses.push(Misuse { site, problem: problem.into() });
    }
}

fn check(site: Site, config: &Config, interval: Duration) -> Result<(), Error> {
    config.validate()?;
    if interval.is_zero() || !interval.subsec_nanos().is_multiple_of(1_000_000) {
        let problem =
            format!("the batch interval is {interval:?}; it has to be a whole number of milliseconds, at least 1");
        return Err(MisuseError { misuses: vec![Misuse { site, problem }] }.into());
    }
    if interval > LONGEST_INTERVAL {
        let problem =
            format!("the batch interval is {}; take no more than {}", interval.pretty(), LONGEST_INTERVAL.pretty());
        return Err(MisuseError { misuses: vec![Misuse { site, problem }] }.into());
    }
    Ok(())
}
