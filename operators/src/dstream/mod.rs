//! `DStream<'c, T>`: a stream of datasets, one per batch.
//!
//! The handle names a node of the context's graph. Every operator is defined by what it does to the dataset of a batch, with
//! `DStream::apply`; those that look at more than one batch or stream use `node`.

use crate::context::StreamingContext;
use crate::graph::{Batch, NodeId, StreamHandle};
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
        self.node.slide()
    }

    /// Calls the operator `name`: in the [plan](crate::plan::Plan), and wherever the program is looked at or compared. Without
    /// a name it is called after what it does and how many such operators there were before it (`map-2`).
    ///
    /// Returns the same stream. A name that another operator has is reported by `start`.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::Scripted};
    /// let ssc = StreamingContext::new(Config::local("Doc"), seconds(1))?;
    /// let lengths = ssc.input_stream(Scripted::new([vec!["drop"]])).map(|word| word.len()).named("lengths");
    /// lengths.print();
    /// assert_eq!(ssc.plan().operators[1].name, "lengths");
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn named(&self, name: &str) -> DStream<'c, T> {
        let site = Site::here("named");
        if let Err(problem) = self.context.with_graph(|graph| graph.name(self.node, name)) {
            self.context.misuse(site, problem);
        }
        *self
    }

    /// A handle to the datasets of the stream that outlives the building: what is in a
    /// [`slice`](StreamHandle::slice) of it can be asked from any thread while the program runs.
    ///
    /// The stream then has a dataset in every batch, whether an output depends on it or not; it is only computed when an
    /// action asks.
    pub fn handle(&self) -> StreamHandle<T>
    where
        T: Data,
    {
        self.context.with_graph(|graph| graph.observe(self.node))
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
        self.context.add_node(site, self.slide_duration(), vec![parent.now()], Box::new(compute))
    }
}
