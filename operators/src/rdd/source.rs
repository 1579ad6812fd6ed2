//! Datasets that are not computed from others: a collection of the program, blocks of a receiver, nothing.

use super::Rdd;
use super::node::RddNode;
use super::sink::{Flow, Sink, push_all, push_chunks};
use crate::context::StreamingContext;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::engine::Engine;
use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::ids::{BlockId, ContextId, RddId};
use waterwheel_runtime::scope::JobScope;
use waterwheel_runtime::stage::{InputId, Lineage, Requirement, TaskContext};

/// Makes datasets out of collections.
pub trait Parallelize {
    /// The scope that new datasets get.
    fn dataset_scope(&self) -> &Arc<JobScope>;

    /// A dataset of `records` in `partitions` slices (at least 1) of even length: 1, 2, 3, 4 in two are 1, 2 and 3, 4.
    fn parallelize<T: Data>(&self, records: impl IntoIterator<Item = T>, partitions: usize) -> Rdd<T> {
        slices(self.dataset_scope(), records.into_iter().collect(), partitions)
    }

    /// A dataset with one partition per element of `partitions`.
    #[expect(clippy::wrong_self_convention, reason = "the dataset is made of the partitions; `self` only says where")]
    fn from_partitions<T: Data>(&self, partitions: Vec<Vec<T>>) -> Rdd<T> {
        let scope = self.dataset_scope();
        let node = Collection { id: scope.core().next_rdd(), partitions };
        Rdd::new(Arc::new(node), scope.clone())
    }

    /// A dataset without partitions.
    fn empty_rdd<T: Data>(&self) -> Rdd<T> {
        self.from_partitions(Vec::new())
    }
}

impl Parallelize for Engine {
    fn dataset_scope(&self) -> &Arc<JobScope> {
        self.scope()
    }
}

/// On the engine of the context; the dataset belongs to no batch.
impl Parallelize for StreamingContext {
    fn dataset_scope(&self) -> &Arc<JobScope> {
        self.engine().scope()
    }
}

impl Parallelize for Arc<JobScope> {
    fn dataset_scope(&self) -> &Arc<JobScope> {
        self
    }
}

fn slices<T: Data>(scope: &Arc<JobScope>, records: Vec<T>, partitions: usize) -> Rdd<T> {
    let partitions = partitions.max(1);
    let total = records.len();
    let mut records = records.into_iter();
    let slices = (0..partitions).map(|p| {
        let length = (p + 1) * total / partitions - p * total / partitions;
        records.by_ref().take(length).collect()
    });
    scope.from_partitions(slices.collect())
}

struct Collection<T> {
    id: RddId,
    partitions: Vec<Vec<T>>,
}

impl<T: Data> Lineage for Collection<T> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn requirements(&self, _: usize) -> Vec<Requirement> {
        Vec::new()
    }
}

impl<T: Data> RddNode<T> for Collection<T> {
    fn compute(&self, partition: usize, _: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        push_all(self.partitions.get(partition).map_or(&[], Vec::as_slice), out)
    }

    fn is_held(&self) -> bool {
        true
    }

    fn known_count(&self) -> Option<u64> {
        Some(self.partitions.iter().map(|partition| partition.len() as u64).sum())
    }
}

/// The blocks that a batch got from one receiver: one partition each.
pub(crate) struct Blocks {
    id: RddId,
    context: ContextId,
    blocks: Vec<BlockId>,
}

impl Blocks {
    /// The dataset of `blocks`.
    pub(crate) fn dataset<T: Data>(scope: &Arc<JobScope>, context: ContextId, blocks: Vec<BlockId>) -> Rdd<T> {
        let node = Blocks { id: scope.core().next_rdd(), context, blocks };
        Rdd::new(Arc::new(node), scope.clone())
    }
}

impl Lineage for Blocks {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.blocks.len()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        self.blocks.get(partition).map(|block| Requirement::Block(self.context, *block)).into_iter().collect()
    }
}

impl<T: Data> RddNode<T> for Blocks {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        let Some(block) = self.blocks.get(partition) else { return Ok(()) };
        let data = task.input(InputId::Block(self.context, *block)).ok_or(TaskError::BlockMissing { block: *block })?;
        let chunks = data.downcast::<Vec<Vec<T>>>().map_err(|_| TaskError::Storage {
            what: block.to_string(),
            cause: "it holds records of another type".to_owned(),
        })?;
        push_chunks(&chunks, out)
    }

    fn is_held(&self) -> bool {
        true
    }
}
