//! `DStream<'c, T>`: a stream of datasets, one per batch.
//!
//! The handle names a node of the context's graph. Every operator is defined by what it does to the dataset of a batch, with
//! `DStream::apply`; those that look at more than one batch or stream use `node`.

use crate::context::StreamingContext;
use crate::graph::{Batch, NodeId};
use crate::rdd::{Partitioner, Rdd};
use crate::record::Data;
use std::fmt;
use std::time::Duration;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

/// A stream of datasets, one per batch. A cheap handle that borrows its context: it cannot outlive the building.
pub struct DStream<'c, T> {
    context: &'c StreamingContext,
    node: NodeId<T>,
}

impl<T> Clone for DStream<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for DStream<'_, T> {}

impl<T> fmt::Debug for DStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DStream<{}>", std::any::type_name::<T>())
    }
}

impl<'c, T> DStream<'c, T> {
    pub(crate) fn new(context: &'c StreamingContext, node: NodeId<T>) -> DStream<'c, T> {
        DStream { context, node }
    }

    /// The context that the stream belongs to.
    pub fn context(&self) -> &'c StreamingContext {
        self.context
    }

    pub(crate) fn node_id(&self) -> NodeId<T> {
        self.node
    }

    /// Every how much time the stream has a dataset.
    pub fn slide_duration(&self) -> Duration {
        self.context.with_graph(|graph| graph.slide(self.node))
    }
}

/// The partitioner that was asked for, or as many partitions as `default_parallelism` says.
pub(crate) fn partitioner_for<K, T: Data>(wanted: Option<&Partitioner<K>>, dataset: &Rdd<T>) -> Partitioner<K> {
    wanted.cloned().unwrap_or_else(|| Partitioner::hash(dataset.scope().parallelism()))
}

impl<'c, T: Data> DStream<'c, T> {
    /// The stream whose dataset of a batch is `operator` of this one's; it has none when this one has none.
    pub(crate) fn apply<U: Data>(
        &self,
        site: Site,
        operator: impl Fn(Rdd<T>) -> Rdd<U> + Send + 'static,
    ) -> DStream<'c, U> {
        self.try_apply(site, move |_, dataset| Ok(operator(dataset)))
    }

    /// As [`apply`](DStream::apply), with the batch and a chance to fail.
    pub(crate) fn try_apply<U: Data>(
        &self,
        site: Site,
        operator: impl Fn(&Batch<'_>, Rdd<T>) -> Result<Rdd<U>, JobError> + Send + 'static,
    ) -> DStream<'c, U> {
        let parent = self.node;
        let compute = move |batch: &mut Batch<'_>| match batch.dataset(parent)? {
            Some(dataset) => operator(batch, dataset).map(Some),
            None => Ok(None),
        };
        self.context.add_node(site, self.slide_duration(), Box::new(compute))
    }
}
