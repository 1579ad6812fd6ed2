//! The graph of streams: append-only while it is built, asked for datasets while it runs.
//!
//! A node is a function of the batch time: it makes the dataset of a time, or none, out of its parents', which it may ask for
//! earlier times as well (windows do). Every (node, time) is computed at most once and kept until nothing needs it any more, so
//! that outputs and windows that share a stream share its datasets.

mod batch;
mod described;
mod handle;
mod program;

pub(crate) use batch::{Batch, Read, catch, caught};
pub use handle::{SliceError, StreamHandle};

use crate::rdd::Rdd;
use crate::record::{Data, Record};
use handle::Observer;
use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::batch::{
    BatchInputs, MemoryChange, MemoryChanges, NodeNeeds, PastInputs, Ranges, Retention, SourceMemory, TwoStepOutput,
    Use,
};
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::event::InputMetadata;
use waterwheel_runtime::ids::{OutputId, StreamId};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::state::{StateOperator, TypeSchema};
use waterwheel_runtime::time::Time;

/// What a node computes: the dataset of the batch's time, or `None` when it has none then.
pub(crate) type Compute<T> = Box<dyn FnMut(&mut Batch<'_>) -> Result<Option<Rdd<T>>, JobError> + Send>;

/// What an output does with a batch; `None` when its stream has no dataset.
pub(crate) type MakeJob = Box<dyn FnMut(&mut Batch<'_>) -> Result<Option<RunJob>, JobError> + Send>;

/// Runs an output for one batch.
pub(crate) type RunJob = Arc<dyn Fn() -> Result<(), JobError> + Send + Sync>;

/// Has a source compute its dataset of the batch.
type Pull = Box<dyn FnMut(&mut Batch<'_>) -> Result<(), JobError> + Send>;

/// Keeps a dataset at a level; `true` when the user asked for it.
type Keep<T> = fn(Rdd<T>, StorageLevel, bool) -> Rdd<T>;

/// Names a node whose datasets hold records of `T`.
pub(crate) struct NodeId<T> {
    index: usize,
    slide: Duration,
    records: PhantomData<fn() -> T>,
}

impl<T> Clone for NodeId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NodeId<T> {}

impl<T> NodeId<T> {
    /// Its position in the graph.
    pub(crate) fn index(self) -> usize {
        self.index
    }

    /// Every how much time it has a dataset.
    pub(crate) fn slide(self) -> Duration {
        self.slide
    }

    /// To be read at the reader's own times.
    pub(crate) fn now(self) -> Use {
        self.window(self.slide)
    }

    /// To be read after t - `length`, up to t.
    pub(crate) fn window(self, length: Duration) -> Use {
        Use { node: self.index, reach: length }
    }
}

/// A source that is asked for its records batch by batch, and lives in no receiver.
pub trait InputStream<T>: Send + 'static {
    /// The context starts; batches are at `zero` + n x interval.
    fn start(&mut self, zero: Time) {
        let _ = zero;
    }

    /// The dataset of a batch, or `None` when there is none. Called once per batch, in order of time, on the driver side, as
    /// long as an output depends on the stream; again for the same batch only if it failed and the failure policy retries.
    ///
    /// # Errors
    /// Whatever makes the batch fail.
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError>;

    /// What [`compute`](InputStream::compute) has just read, for whoever looks at the batch: names of files, positions. Default:
    /// nothing.
    fn describe(&self) -> InputMetadata {
        InputMetadata::default()
    }

    /// The context stops; `compute` is called no more.
    fn stop(&mut self) {}

    /// Whether it has the same records for a batch whenever it is asked, also in another process. A program with a checkpoint
    /// warns of sources that do not: a batch that is run again after a crash asks them anew, and what they gave before a restart
    /// is in no window. A [`ReplayableStream`](crate::ReplayableStream) has no such gap.
    fn is_repeatable(&self) -> bool {
        false
    }
}

struct Node {
    site: Site,
    /// What the user called it, or what it is called after its operator and how many of that there were before.
    name: String,
    named: bool,
    slide: Duration,
    uses: Vec<Use>,
    /// The receiver stream that it is, if it is one.
    stream: Option<StreamId>,
    /// The number that its records are counted under, if they are.
    counted_as: Option<StreamId>,
    /// Whether it is a source, which has a dataset only in the batch itself, and in batches of an earlier run.
    source: bool,
    /// Whether it is a source whose ranges are logged, and which can read them again.
    replayable: bool,
    /// Whether it is a source that has the same records whenever it is asked.
    repeatable: bool,
    /// What is logged of it consists of, when something is: the records that a receiver stores, or the ranges.
    logged: Option<TypeSchema>,
    /// The parent that persisting a window means: a window holds no records of its own.
    stands_for: Option<usize>,
    /// Where its datasets are kept.
    level: Option<StorageLevel>,
    /// Whether the user decided on `level`.
    asked: bool,
    /// A `Keep<T>`, once it may be kept.
    keep: Option<Box<dyn Any + Send>>,
    /// A `Compute<T>`; away while it runs.
    compute: Option<Box<dyn Any + Send>>,
    /// `Option<Rdd<T>>` by time.
    datasets: BTreeMap<Time, Box<dyn Any + Send>>,
    /// Whether an output depends on it; known from the start on.
    wanted: bool,
}

struct Output {
    site: Site,
    uses: Vec<Use>,
    make: MakeJob,
}

/// A stateful operator.
struct State {
    node: usize,
    site: Site,
    operator: Arc<dyn StateOperator>,
    /// Makes the job that makes the version of a batch.
    make: MakeJob,
}

struct Source {
    node: usize,
    pull: Pull,
}

/// Starts and stops an input stream that is also owned by its node, or an output that is also owned by its jobs.
pub(crate) trait StartStop: Send {
    fn site(&self) -> Site;
    /// The node that it is, if what it read before a restart is to be handed to `start`.
    fn node(&self) -> Option<usize> {
        None
    }
    /// Takes back what it remembered before a restart; called before `start`.
    fn recall(&self, memory: SourceMemory) -> Result<(), JobError> {
        let _ = memory;
        Ok(())
    }
    fn start(&self, zero: Time, last_range: Option<&[u8]>) -> Result<(), JobError>;
    /// What it remembers from its start on; asked after `start`.
    fn changes(&self) -> Vec<MemoryChange> {
        Vec::new()
    }
    fn stop(&self);
}

/// All streams and outputs of a context.
pub(crate) struct Graph {
    zero: Time,
    remember: Duration,
    nodes: Vec<Node>,
    sources: Vec<Source>,
    outputs: Vec<Output>,
    observers: Vec<Box<dyn Observer>>,
    inputs: Vec<Box<dyn StartStop>>,
    /// The stateful operators, in order of definition.
    states: Vec<State>,
    /// The outputs that are committed in two steps, in order of definition.
    two_step: Vec<Arc<dyn TwoStepOutput>>,
    /// How many of the inputs were started and not stopped, from the first on.
    started: usize,
    streams: u32,
    /// The inputs of committed batches of an earlier run, as far as anything may still read them.
    past: BTreeMap<Time, PastInputs>,
    /// The last range of every replayable source in an earlier run.
    last_ranges: Ranges,
    /// What every replayable source remembered in an earlier run, as of that range.
    memory: BTreeMap<Arc<str>, SourceMemory>,
    /// What replayable sources decided to read and what is not handed over yet.
    decided: Ranges,
    /// How what they remember has changed with that.
    remembered: MemoryChanges,
    /// What sources said that they read in a batch that could not be generated.
    counted: Option<(Time, Read)>,
}

impl Graph {
    pub(crate) fn new() -> Graph {
        Graph {
            zero: Time::ZERO,
            remember: Duration::ZERO,
            nodes: Vec::new(),
            sources: Vec::new(),
            outputs: Vec::new(),
            observers: Vec::new(),
            inputs: Vec::new(),
            states: Vec::new(),
            two_step: Vec::new(),
            started: 0,
            streams: 0,
            past: BTreeMap::new(),
            last_ranges: Ranges::new(),
            memory: BTreeMap::new(),
            decided: Ranges::new(),
            remembered: MemoryChanges::new(),
            counted: None,
        }
    }

    /// Adds a stream that is made of those in `uses`.
    pub(crate) fn add_node<T: Data>(
        &mut self,
        site: Site,
        slide: Duration,
        uses: Vec<Use>,
        compute: Compute<T>,
    ) -> NodeId<T> {
        let before = self.nodes.iter().filter(|node| node.site.operator == site.operator && !node.is_part()).count();
        self.nodes.push(Node {
            site,
            name: format!("{}-{}", site.operator, before + 1),
            named: false,
            slide,
            uses,
            stream: None,
            counted_as: None,
            source: false,
            replayable: false,
            repeatable: false,
            logged: None,
            stands_for: None,
            level: None,
            asked: false,
            keep: None,
            compute: Some(Box::new(compute)),
            datasets: BTreeMap::new(),
            wanted: false,
        });
        NodeId { index: self.nodes.len() - 1, slide, records: PhantomData }
    }

    /// Adds a stream of records that come from outside.
    pub(crate) fn add_source<T: Data>(
        &mut self,
        site: Site,
        stream: Option<StreamId>,
        slide: Duration,
        compute: Compute<T>,
    ) -> NodeId<T> {
        let id = self.add_node(site, slide, Vec::new(), compute);
        if let Some(node) = self.nodes.get_mut(id.index) {
            (node.stream, node.counted_as, node.source) = (stream, stream, true);
        }
        let pull = move |batch: &mut Batch<'_>| batch.dataset(id).map(drop);
        self.sources.push(Source { node: id.index, pull: Box::new(pull) });
        id
    }

    /// Says that the source `node` decides what to read in terms of `R`, which can be logged and read again.
    pub(crate) fn replayable<T, R: Record>(&mut self, node: NodeId<T>) {
        if let Some(entry) = self.nodes.get_mut(node.index) {
            (entry.replayable, entry.logged) = (true, Some(TypeSchema::of::<R>()));
        }
    }

    /// Says that the source `node` has the same records whenever it is asked.
    pub(crate) fn repeatable<T>(&mut self, node: NodeId<T>) {
        if let Some(entry) = self.nodes.get_mut(node.index) {
            entry.repeatable = true;
        }
    }

    /// Says that the records of the source `node` are logged as they are received.
    pub(crate) fn logs_records<T: Record>(&mut self, node: NodeId<T>) {
        if let Some(entry) = self.nodes.get_mut(node.index) {
            entry.logged = Some(TypeSchema::of::<T>());
        }
    }

    pub(crate) fn add_output(&mut self, site: Site, uses: Vec<Use>, make: MakeJob) -> OutputId {
        self.outputs.push(Output { site, uses, make });
        OutputId(u32::try_from(self.outputs.len() - 1).unwrap_or(u32::MAX))
    }

    /// Adds the second step of an output.
    ///
    /// # Errors
    /// Why its name cannot be one.
    pub(crate) fn add_two_step(&mut self, output: Arc<dyn TwoStepOutput>) -> Result<(), String> {
        let name = output.name();
        if name.trim().is_empty() {
            return Err("a name needs at least one letter; give one that says what the output holds".to_owned());
        }
        if let Some(other) = self.two_step.iter().find(|other| other.name() == name) {
            return Err(format!("the name {name:?} is that of {} already; choose another", other.site()));
        }
        self.two_step.push(output);
        Ok(())
    }

    /// Says that `node` is that of a stateful operator. `make` makes the job that completes the version of a batch, which every
    /// batch has as long as an output depends on the node.
    pub(crate) fn add_state<T>(&mut self, node: NodeId<T>, operator: Arc<dyn StateOperator>, make: MakeJob) {
        if let Some(site) = self.nodes.get(node.index).map(|entry| entry.site) {
            self.states.push(State { node: node.index, site, operator, make });
        }
    }

    /// The sites of the stateful operators.
    pub(crate) fn stateful(&self) -> impl Iterator<Item = Site> {
        self.states.iter().map(|state| state.site)
    }

    pub(crate) fn add_input(&mut self, input: Box<dyn StartStop>) {
        self.inputs.push(input);
    }

    /// A handle to the datasets of `node`, for when the context runs.
    pub(crate) fn observe<T: Data>(&mut self, node: NodeId<T>) -> StreamHandle<T> {
        let handle = StreamHandle::new(node.slide);
        self.observers.push(handle.observer(node));
        handle
    }

    /// Says under which number the records of a source are counted that no receiver feeds.
    pub(crate) fn count_as<T>(&mut self, node: NodeId<T>, stream: StreamId) {
        if let Some(node) = self.nodes.get_mut(node.index) {
            node.counted_as = Some(stream);
        }
    }

    /// Numbers input streams from 0 in order of definition.
    pub(crate) fn next_stream(&mut self) -> StreamId {
        self.streams += 1;
        StreamId(self.streams - 1)
    }

    /// Calls `node` by a name of the user's.
    ///
    /// # Errors
    /// Where the name was given before, if it was; or why it cannot be one.
    pub(crate) fn name<T>(&mut self, node: NodeId<T>, name: &str) -> Result<(), String> {
        if name.trim().is_empty() {
            return Err("a name needs at least one letter; give one that says what the stream holds".to_owned());
        }
        let taken = self.nodes.iter().enumerate().find(|(index, other)| *index != node.index && other.name == name);
        if let Some((_, other)) = taken {
            return Err(format!("the name {name:?} is that of {} already; choose another", other.site));
        }
        let Some(entry) = self.nodes.get_mut(node.index) else { return Ok(()) };
        let before = format!("{}/", std::mem::replace(&mut entry.name, name.to_owned()));
        entry.named = true;
        // Its parts are called after it: one of them may have its state.
        for part in &mut self.nodes {
            if let Some(rest) = part.name.strip_prefix(&before) {
                part.name = format!("{name}/{rest}");
            }
        }
        Ok(())
    }

    /// Makes `node` a part of the operator that is added next, named after it.
    pub(crate) fn part<T>(&mut self, node: NodeId<T>, part: &str) {
        if let Some(entry) = self.nodes.get_mut(node.index) {
            entry.name = format!("{}/{part}", entry.name);
        }
    }

    /// Has the datasets of `node` kept at `level`, or no more when that is `None`, as the user asks.
    ///
    /// # Errors
    /// The level that the user asked for before, if it is another.
    pub(crate) fn persist<T: Record>(
        &mut self,
        node: NodeId<T>,
        level: Option<StorageLevel>,
    ) -> Result<(), Option<StorageLevel>> {
        let holder = self.holder(node.index);
        let Some(entry) = self.nodes.get_mut(holder) else { return Ok(()) };
        if entry.asked && entry.level != level {
            return Err(entry.level);
        }
        (entry.level, entry.asked) = (level, true);
        entry.keep = Some(Box::new(keep::<T> as Keep<T>));
        Ok(())
    }

    /// Has the datasets of `node` kept because they are read more than once, unless the user decides otherwise.
    pub(crate) fn keep_for_reuse<T: Record>(&mut self, node: NodeId<T>) {
        let holder = self.holder(node.index);
        if let Some(entry) = self.nodes.get_mut(holder)
            && !entry.asked
        {
            entry.level = Some(StorageLevel::MemoryOnly);
            entry.keep = Some(Box::new(keep::<T> as Keep<T>));
        }
    }

    /// Says that to persist `window` is to persist `parent`.
    pub(crate) fn stands_for<T>(&mut self, window: NodeId<T>, parent: NodeId<T>) {
        if let Some(entry) = self.nodes.get_mut(window.index) {
            entry.stands_for = Some(parent.index);
        }
    }

    /// The node that holds the records of `node`: itself, unless it is a window, or a window of windows.
    fn holder(&self, mut node: usize) -> usize {
        while let Some(parent) = self.nodes.get(node).and_then(|entry| entry.stands_for) {
            node = parent;
        }
        node
    }

    pub(crate) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    pub(crate) fn set_remember(&mut self, remember: Duration) {
        self.remember = self.remember.max(remember);
    }

    /// Finds out which nodes the outputs and handles depend on.
    pub(crate) fn mark_wanted(&mut self) {
        let mut open: Vec<usize> = self.outputs.iter().flat_map(|output| &output.uses).map(|used| used.node).collect();
        open.extend(self.observers.iter().map(|observer| observer.node()));
        while let Some(index) = open.pop() {
            if let Some(node) = self.nodes.get_mut(index)
                && !std::mem::replace(&mut node.wanted, true)
            {
                open.extend(node.uses.iter().map(|used| used.node));
            }
        }
    }

    fn retention_plan(&self) -> Retention {
        let needs = |node: &Node| NodeNeeds {
            slide: node.slide,
            uses: node.uses.clone(),
            stream: node.stream,
            wanted: node.wanted,
        };
        Retention { zero: self.zero, remember: self.remember, nodes: self.nodes.iter().map(needs).collect() }
    }
}

impl Node {
    /// Whether it is only a part of an operator.
    fn is_part(&self) -> bool {
        !self.named && self.name.contains('/')
    }
}

/// What is read at no cost is not kept a second time, unless the user wants it so.
fn keep<T: Record>(dataset: Rdd<T>, level: StorageLevel, asked: bool) -> Rdd<T> {
    if !asked && dataset.node().is_held() { dataset } else { dataset.persist(level) }
}
