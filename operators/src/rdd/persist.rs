//! `persist`: partitions are kept once they have been computed.

use super::sink::{CHUNK, Flow, Sink, push_chunks};
use super::{PartitionerId, Rdd, RddNode};
use crate::record::Record;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use waterwheel_runtime::block::{ErasedCodec, StorageLevel};
use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::scope::EngineCore;
use waterwheel_runtime::stage::{CachedPartition, InputId, Lineage, Requirement, TaskContext};
use waterwheel_runtime::weight;

impl<T: Record> Rdd<T> {
    /// A dataset of the same records, whose partitions are kept at `level` as they are computed; later jobs on it read them
    /// instead of computing them again.
    ///
    /// A partition that is not there (it had to make room, or an action such as `take` never saw its end) is computed anew.
    /// What is kept is given back by [`unpersist`](Rdd::unpersist), or when the last dataset that is made of this one is
    /// dropped. Only the dataset that is returned keeps anything: go on with that one.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let squares = engine.parallelize(1..=3, 1).map(|n| n * n).persist(StorageLevel::MemoryAndDisk);
    /// assert_eq!(squares.count()?, 3); // computes and keeps
    /// assert_eq!(squares.collect()?, [1, 4, 9]); // reads
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn persist(&self, level: StorageLevel) -> Rdd<T> {
        if self.node().storage_level() == Some(level) {
            return self.clone();
        }
        let core = self.scope().core().clone();
        let node =
            Persisted { id: core.next_rdd(), parent: self.node().clone(), level, keeping: AtomicBool::new(true), core };
        Rdd::new(Arc::new(node), self.scope().clone())
    }

    /// [`persist`](Rdd::persist) at the level `MEMORY_ONLY`.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=3, 1).cache().collect()?, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cache(&self) -> Rdd<T> {
        self.persist(StorageLevel::MemoryOnly)
    }

    /// Stops keeping the partitions of this dataset and gives back those that are held; from now on it is computed anew by
    /// every job. Does nothing to a dataset that is not a [`persist`](Rdd::persist)ed one.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let numbers = engine.parallelize(1..=3, 1).cache();
    /// numbers.count()?;
    /// numbers.unpersist();
    /// assert_eq!(engine.snapshot().map(|held| held.blocks.blocks), Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unpersist(&self) {
        self.node().unpersist();
    }
}

struct Persisted<T> {
    id: RddId,
    parent: Arc<dyn RddNode<T>>,
    level: StorageLevel,
    keeping: AtomicBool,
    core: Arc<EngineCore>,
}

impl<T: Record> Lineage for Persisted<T> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.parent.partitions()
    }

    fn requirements(&self, partition: usize) -> Vec<Requirement> {
        vec![Requirement::Parent(self.parent.clone(), partition)]
    }

    fn storage_level(&self) -> Option<StorageLevel> {
        self.keeping.load(Ordering::Relaxed).then_some(self.level)
    }
}

impl<T: Record> RddNode<T> for Persisted<T> {
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        if let Some(held) = task.input(InputId::Cached(self.id, partition)) {
            let chunks = held.downcast::<Vec<Vec<T>>>().map_err(|_| TaskError::Storage {
                what: format!("partition {partition} of {}", self.id),
                cause: "it holds records of another type".to_owned(),
            })?;
            return push_chunks(&chunks, out);
        }
        let Some(level) = self.storage_level() else { return self.parent.compute(partition, task, out) };
        let mut keep = Keep { out, kept: Vec::new() };
        // A sink that has enough ends this here: half a partition is not kept.
        self.parent.compute(partition, task, &mut keep)?;
        let kept = keep.kept;
        task.keep(CachedPartition {
            rdd: self.id,
            partition,
            level,
            records: kept.iter().map(Vec::len).sum(),
            bytes: kept.iter().map(weight::of_chunk).sum(),
            data: Arc::new(kept),
            codec: ErasedCodec::of::<T>(),
        });
        Ok(())
    }

    fn partitioner(&self) -> Option<PartitionerId> {
        self.parent.partitioner()
    }

    fn is_held(&self) -> bool {
        self.storage_level().is_some()
    }

    fn unpersist(&self) {
        if self.keeping.swap(false, Ordering::Relaxed) {
            self.core.discard_rdd(self.id);
        }
    }
}

impl<T> Drop for Persisted<T> {
    /// Nobody holds the dataset any more. Said also after `unpersist`: a task that was running then may have kept something.
    fn drop(&mut self) {
        self.core.discard_rdd(self.id);
    }
}

/// Passes records on and keeps them. The next sink only borrows them, so it copies no more than it needs.
struct Keep<'a, T> {
    out: &'a mut dyn Sink<T>,
    kept: Vec<Vec<T>>,
}

impl<T: Clone> Sink<T> for Keep<'_, T> {
    fn push(&mut self, chunk: &mut Vec<T>) -> Flow {
        self.out.push_shared(chunk)?;
        match self.kept.last_mut() {
            // A filter leaves chunks of a few records; they are put together rather than kept with an allocation each.
            Some(last) if last.len() + chunk.len() <= CHUNK => last.append(chunk),
            _ => self.kept.push(std::mem::take(chunk)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn a_partition_is_kept_in_chunks_that_are_neither_tiny_nor_lost() {
        let engine = Engine::local(1).unwrap();
        let sparse = engine.parallelize(0..50_000, 1).filter(|n| n % 1000 == 0).cache();
        let expected: Vec<i32> = (0..50).map(|n| n * 1000).collect();
        assert_eq!(sparse.collect().unwrap(), expected);
        assert_eq!(sparse.collect().unwrap(), expected);
        assert_eq!(engine.snapshot().unwrap().blocks.blocks, 1);
    }

    #[test]
    fn a_partition_whose_end_was_not_seen_is_not_kept() {
        let engine = Engine::local(1).unwrap();
        let numbers = engine.parallelize(0..10_000, 1).cache();
        assert_eq!(numbers.take(2).unwrap(), [0, 1]);
        assert_eq!(engine.snapshot().unwrap().blocks.blocks, 0);
    }

    #[test]
    fn every_level_gives_the_same_records_back() {
        let engine = Engine::local(2).unwrap();
        for level in StorageLevel::ALL {
            let words = engine.parallelize(0..5000, 3).map(|n| format!("word {n}")).persist(level);
            let computed = words.collect().unwrap();
            assert_eq!(words.collect().unwrap(), computed, "{level}");
        }
    }

    #[test]
    fn the_partitioner_is_kept() {
        let engine = Engine::local(1).unwrap();
        let parted = engine.parallelize([(1, 1)], 1).partition_by(3);
        assert_eq!(parted.cache().node().partitioner(), parted.node().partitioner());
    }

    #[test]
    fn persisting_twice_at_one_level_keeps_once() {
        let engine = Engine::local(1).unwrap();
        let numbers = engine.parallelize(0..10, 1).cache();
        numbers.cache().count().unwrap();
        assert_eq!(engine.snapshot().unwrap().blocks.blocks, 1);
    }
}
