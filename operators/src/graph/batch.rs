//! The graph at work on one batch.

use super::{Compute, Graph, Keep, Node, NodeId};
use crate::rdd::Rdd;
use crate::record::Data;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use waterwheel_runtime::batch::{BatchInputs, MemoryChange, PastInputs};
use waterwheel_runtime::error::{JobError, panic_message};
use waterwheel_runtime::event::InputMetadata;
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::{DurationExt, Time};

/// The graph at work on one batch, at the time of whichever dataset is being made.
pub(crate) struct Batch<'a> {
    pub(super) graph: &'a mut Graph,
    /// Blocks and scope of the batch.
    pub(crate) inputs: &'a BatchInputs,
    /// The time of the dataset that is being made: that of the batch, or an earlier one that a window reads.
    pub(super) time: Time,
    /// The node whose dataset is being made.
    pub(super) node: usize,
    /// What is read of input streams that no receiver feeds.
    pub(crate) read: Read,
}

/// What a batch reads of input streams that no receiver feeds: how many records, and which, as far as the sources say so.
#[derive(Default)]
pub(crate) struct Read {
    pub(super) records: BTreeMap<StreamId, u64>,
    pub(super) metadata: BTreeMap<StreamId, InputMetadata>,
}

impl Read {
    /// Notes what was read of `stream`, as its source describes it. The records are there already, and a source may never give them
    /// again: a panic of the description is told, and the batch goes on without.
    pub(crate) fn note(&mut self, stream: StreamId, records: Option<u64>, describe: impl FnOnce() -> InputMetadata) {
        self.records.extend(records.map(|records| (stream, records)));
        let metadata = catch_unwind(AssertUnwindSafe(describe)).unwrap_or_else(|payload| {
            log::error!("describing what a batch reads of {stream} panicked: {}", panic_message(&*payload));
            InputMetadata::default()
        });
        let metadata = metadata.bounded();
        if !metadata.is_empty() {
            self.metadata.insert(stream, metadata);
        }
    }
}

impl Batch<'_> {
    /// The time of the dataset that is being made.
    pub(crate) fn time(&self) -> Time {
        self.time
    }

    /// The zero time.
    pub(crate) fn zero(&self) -> Time {
        self.graph.zero
    }

    /// The dataset of `node` at the time of the one that is being made; see [`dataset_at`](Batch::dataset_at).
    pub(crate) fn dataset<T: Data>(&mut self, node: NodeId<T>) -> Result<Option<Rdd<T>>, JobError> {
        self.dataset_at(node, self.time)
    }

    /// The dataset of `node` at `time`, whose jobs belong to this batch; computed now unless that has been done. `None` between
    /// the slides of the node, and when it has none.
    pub(crate) fn dataset_at<T: Data>(&mut self, node: NodeId<T>, time: Time) -> Result<Option<Rdd<T>>, JobError> {
        let zero = self.graph.zero;
        let Some(entry) = self.graph.nodes.get_mut(node.index) else { return Ok(None) };
        if time <= zero || !time.since(zero).is_multiple_of(entry.slide) {
            return Ok(None);
        }
        if let Some(known) = entry.datasets.get(&time).and_then(|known| known.downcast_ref::<Option<Rdd<T>>>()) {
            return Ok(known.as_ref().map(|dataset| dataset.in_scope(&self.inputs.scope)));
        }
        if entry.source && time != self.inputs.batch {
            return self.dataset_of_the_past(node, time);
        }
        let site = entry.site;
        let mut compute = entry.compute.take().and_then(|compute| compute.downcast::<Compute<T>>().ok());
        let outer = (std::mem::replace(&mut self.time, time), std::mem::replace(&mut self.node, node.index));
        let computed = match &mut compute {
            Some(compute) => catch(site, time, || compute(self)),
            None => {
                Err(JobError::Failed { site, batch: Some(time), message: "the stream depends on itself".to_owned() })
            }
        };
        (self.time, self.node) = outer;
        let Some(entry) = self.graph.nodes.get_mut(node.index) else { return computed };
        entry.compute = compute.map(|compute| compute as Box<dyn Any + Send>);
        let dataset = computed?.map(|dataset| entry.kept(dataset));
        entry.datasets.insert(time, Box::new(dataset.clone()));
        Ok(dataset)
    }

    /// The dataset of a source in a batch that was committed before this process began: made of the same blocks and ranges as then.
    /// `None` when the batch had none of them, and when it belongs to this process, which gave it up before the source was asked.
    fn dataset_of_the_past<T: Data>(&mut self, node: NodeId<T>, time: Time) -> Result<Option<Rdd<T>>, JobError> {
        let Some(entry) = self.graph.nodes.get(node.index) else { return Ok(None) };
        if entry.stream.is_none() && !entry.replayable {
            return Ok(None);
        }
        let Some(PastInputs { blocks, ranges }) = self.graph.past.get(&time).cloned() else { return Ok(None) };
        let inputs =
            BatchInputs { context: self.inputs.context, batch: time, blocks, ranges, scope: self.inputs.scope.clone() };
        let mut then =
            Batch { graph: &mut *self.graph, inputs: &inputs, time, node: node.index, read: Read::default() };
        then.dataset_at(node, time)
    }

    /// The name of the node whose dataset is being made.
    pub(crate) fn name(&self) -> Arc<str> {
        self.graph.nodes.get(self.node).map(|node| node.name.as_str().into()).unwrap_or_else(|| "".into())
    }

    /// Notes what the replayable source `name` decided to read in this batch, and how what it remembers has changed with that.
    pub(crate) fn decide(&mut self, name: Arc<str>, range: Vec<u8>, memory: Vec<MemoryChange>) {
        if !memory.is_empty() {
            self.graph.remembered.entry(name.clone()).or_default().extend(memory);
        }
        self.graph.decided.insert(name, range);
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

impl Node {
    /// The dataset, kept at the level of the node if it has one.
    fn kept<T: Data>(&self, dataset: Rdd<T>) -> Rdd<T> {
        let keep = self.keep.as_ref().and_then(|keep| keep.downcast_ref::<Keep<T>>());
        match (self.level, keep) {
            (Some(level), Some(keep)) => keep(dataset, level, self.asked),
            _ => dataset,
        }
    }
}

/// Runs user code of the driver side; a panic in it is named with the operator's site.
pub(crate) fn catch<R>(site: Site, batch: Time, body: impl FnOnce() -> Result<R, JobError>) -> Result<R, JobError> {
    caught(site, Some(batch), body)
}

/// [`catch`] of user code that may run for no batch.
pub(crate) fn caught<R>(
    site: Site,
    batch: Option<Time>,
    body: impl FnOnce() -> Result<R, JobError>,
) -> Result<R, JobError> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|payload| Err(JobError::Panicked { site, batch, message: panic_message(&*payload) }))
}
