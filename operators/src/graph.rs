//! The graph of streams: append-only while it is built, asked for datasets while it runs.
//!
//! A node is a function of the batch time: it makes the dataset of a batch, or none, out of its parents'. Every (node, time) is
//! computed at most once, and kept until the batch is forgotten, so that outputs that share a stream share its dataset.

use crate::rdd::Rdd;
use crate::record::{Data, Record};
use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::batch::{BatchInputs, BatchProgram, Generated, OutputJob};
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::error::{JobError, panic_message};
use waterwheel_runtime::ids::{OutputId, StreamId};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::{DurationExt, Time};

/// What a node computes: the dataset of a batch, or `None` when it has none in that batch.
pub(crate) type Compute<T> = Box<dyn FnMut(&mut Batch<'_>) -> Result<Option<Rdd<T>>, JobError> + Send>;

/// What an output does with a batch; `None` when its stream has no dataset.
pub(crate) type MakeJob = Box<dyn FnMut(&mut Batch<'_>) -> Result<Option<RunJob>, JobError> + Send>;

/// Runs an output for one batch.
pub(crate) type RunJob = Arc<dyn Fn() -> Result<(), JobError> + Send + Sync>;

/// Names a node whose datasets hold records of `T`.
pub(crate) struct NodeId<T> {
    index: usize,
    records: PhantomData<fn() -> T>,
}

impl<T> Clone for NodeId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NodeId<T> {}

/// A source that is asked for its records batch by batch, and lives in no receiver.
pub trait InputStream<T>: Send + 'static {
    /// The context starts; batches are at `zero` + n x interval.
    fn start(&mut self, zero: Time) {
        let _ = zero;
    }

    /// The dataset of a batch, or `None` when there is none. Called once per batch, in order of time, on the driver side.
    ///
    /// # Errors
    /// Whatever makes the batch fail.
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError>;

    /// The context stops; `compute` is called no more.
    fn stop(&mut self) {}
}

struct Node {
    site: Site,
    slide: Duration,
    /// Where its datasets are kept, when they are.
    level: Option<StorageLevel>,
    /// A `Compute<T>`; away while it runs.
    compute: Option<Box<dyn Any + Send>>,
    /// `Option<Rdd<T>>` by batch.
    datasets: BTreeMap<Time, Box<dyn Any + Send>>,
}

struct Output {
    site: Site,
    make: MakeJob,
}

/// Starts and stops an input stream that is also owned by its node.
pub(crate) trait StartStop: Send {
    fn site(&self) -> Site;
    fn start(&self, zero: Time);
    fn stop(&self);
}

/// All streams and outputs of a context.
pub(crate) struct Graph {
    interval: Duration,
    zero: Time,
    remember: Duration,
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    inputs: Vec<Box<dyn StartStop>>,
    /// How many of the inputs were started and not stopped, from the first on.
    started: usize,
    streams: u32,
}

impl Graph {
    pub(crate) fn new(interval: Duration) -> Graph {
        let (nodes, outputs, inputs) = (Vec::new(), Vec::new(), Vec::new());
        Graph { interval, zero: Time::ZERO, remember: Duration::ZERO, nodes, outputs, inputs, started: 0, streams: 0 }
    }

    pub(crate) fn add_node<T: Data>(&mut self, site: Site, slide: Duration, compute: Compute<T>) -> NodeId<T> {
        self.nodes.push(Node { site, slide, level: None, compute: Some(Box::new(compute)), datasets: BTreeMap::new() });
        NodeId { index: self.nodes.len() - 1, records: PhantomData }
    }

    pub(crate) fn add_output(&mut self, site: Site, make: MakeJob) {
        self.outputs.push(Output { site, make });
    }

    pub(crate) fn add_input(&mut self, input: Box<dyn StartStop>) {
        self.inputs.push(input);
    }

    /// Numbers input streams from 0 in order of definition.
    pub(crate) fn next_stream(&mut self) -> StreamId {
        self.streams += 1;
        StreamId(self.streams - 1)
    }

    pub(crate) fn slide<T>(&self, node: NodeId<T>) -> Duration {
        self.nodes.get(node.index).map_or(self.interval, |node| node.slide)
    }

    /// Has the datasets of `node` kept at `level`.
    ///
    /// # Errors
    /// The level that they are kept at already, if it is another.
    pub(crate) fn persist<T: Record>(&mut self, node: NodeId<T>, level: StorageLevel) -> Result<(), StorageLevel> {
        let Some(entry) = self.nodes.get_mut(node.index) else { return Ok(()) };
        if let Some(before) = entry.level {
            return if before == level { Ok(()) } else { Err(before) };
        }
        entry.level = Some(level);
        if let Some(mut compute) = entry.compute.take().and_then(|compute| compute.downcast::<Compute<T>>().ok()) {
            let kept: Compute<T> = Box::new(move |batch| Ok(compute(batch)?.map(|dataset| dataset.persist(level))));
            entry.compute = Some(Box::new(kept));
        }
        Ok(())
    }

    pub(crate) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    pub(crate) fn set_remember(&mut self, remember: Duration) {
        self.remember = self.remember.max(remember);
    }
}

/// The graph at work on one batch.
pub(crate) struct Batch<'a> {
    graph: &'a mut Graph,
    /// Blocks and scope of the batch.
    pub(crate) inputs: &'a BatchInputs,
    /// Records of input streams that no receiver feeds.
    pub(crate) records: BTreeMap<StreamId, u64>,
}

impl Batch<'_> {
    /// The batch time.
    pub(crate) fn time(&self) -> Time {
        self.inputs.batch
    }

    /// The dataset of `node` at this batch's time; computed now unless that has been done. `None` between the slides of the
    /// node, and when it has none.
    pub(crate) fn dataset<T: Data>(&mut self, node: NodeId<T>) -> Result<Option<Rdd<T>>, JobError> {
        let time = self.time();
        let zero = self.graph.zero;
        let Some(entry) = self.graph.nodes.get_mut(node.index) else { return Ok(None) };
        if time <= zero || !time.since(zero).is_multiple_of(entry.slide) {
            return Ok(None);
        }
        if let Some(known) = entry.datasets.get(&time).and_then(|known| known.downcast_ref::<Option<Rdd<T>>>()) {
            return Ok(known.clone());
        }
        let site = entry.site;
        let mut compute = entry.compute.take().and_then(|compute| compute.downcast::<Compute<T>>().ok());
        let computed = match &mut compute {
            Some(compute) => catch(site, time, || compute(self)),
            None => {
                Err(JobError::Failed { site, batch: Some(time), message: "the stream depends on itself".to_owned() })
            }
        };
        if let Some(entry) = self.graph.nodes.get_mut(node.index) {
            entry.compute = compute.map(|compute| compute as Box<dyn Any + Send>);
            if let Ok(dataset) = &computed {
                entry.datasets.insert(time, Box::new(dataset.clone()));
            }
        }
        computed
    }

    /// The dataset of a parent that the operator at `site` cannot do without, as Spark's `union` and `transform` cannot: a
    /// batch that silently lacked one of their inputs would be a wrong result.
    pub(crate) fn required<T: Data>(&mut self, site: Site, node: NodeId<T>) -> Result<Rdd<T>, JobError> {
        let parent = self.graph.nodes.get(node.index).map(|parent| parent.site);
        self.dataset(node)?.ok_or_else(|| {
            let parent = parent.map(|parent| parent.to_string()).unwrap_or_default();
            let message = format!("its parent {parent} has no dataset in this batch");
            JobError::Failed { site, batch: Some(self.time()), message }
        })
    }
}

/// Runs user code of the driver side; a panic in it is named with the operator's site.
pub(crate) fn catch<R>(site: Site, batch: Time, body: impl FnOnce() -> Result<R, JobError>) -> Result<R, JobError> {
    caught(site, Some(batch), body)
}

fn caught<R>(site: Site, batch: Option<Time>, body: impl FnOnce() -> Result<R, JobError>) -> Result<R, JobError> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|payload| Err(JobError::Panicked { site, batch, message: panic_message(&*payload) }))
}

impl BatchProgram for Graph {
    fn remember(&self) -> Duration {
        self.remember
    }

    fn start(&mut self, zero: Time) -> Result<(), JobError> {
        self.zero = zero;
        for input in &self.inputs {
            self.started += 1;
            caught(input.site(), None, || {
                input.start(zero);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn generate(&mut self, inputs: &BatchInputs) -> Result<Generated, JobError> {
        // Away while they run: an output never defines another.
        let mut outputs = std::mem::take(&mut self.outputs);
        let mut batch = Batch { graph: self, inputs, records: BTreeMap::new() };
        let mut jobs = Vec::new();
        let mut failed = None;
        for (number, output) in (0..).zip(&mut outputs) {
            match (output.make)(&mut batch) {
                Ok(Some(run)) => jobs.push(OutputJob { output: OutputId(number), site: output.site, run }),
                Ok(None) => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let records = std::mem::take(&mut batch.records);
        self.outputs = outputs;
        match failed {
            Some(error) => Err(error),
            None => Ok(Generated { jobs, records }),
        }
    }

    fn forget(&mut self, through: Time) {
        for node in &mut self.nodes {
            // What is left is newer than `through`.
            node.datasets = node.datasets.split_off(&(through + Duration::from_millis(1)));
        }
    }

    fn stop(&mut self) {
        for input in self.inputs.iter().take(std::mem::take(&mut self.started)) {
            let stopped = caught(input.site(), None, || {
                input.stop();
                Ok(())
            });
            if let Err(error) = stopped {
                log::warn!("{error}");
            }
        }
    }
}

impl Drop for Graph {
    /// A context that is stopped while a batch is being generated drops its graph when that comes back.
    fn drop(&mut self) {
        self.stop();
    }
}
