//! The two kernels of a shuffle, and what is known of its buckets.
//!
//! **Definitions.** A shuffle has *map partitions* (those of its parent) and *target partitions*. The map kernel turns one
//! map partition into at most one *bucket* per target. The reduce kernel merges all buckets of one target, ordered by map
//! partition. The kernels know neither actors nor threads, so that any [`Exchange`](super::Exchange) can carry the buckets.
//!
//! **Guarantee.** A target is merged exactly once, from exactly one bucket of every map partition that had records for it;
//! if any of them is missing the merge is refused with [`TaskError::ShuffleLost`] and the map side is run again.

use super::lineage::Lineage;
use super::task::TaskContext;
use crate::block::Erased;
use crate::error::TaskError;
use crate::ids::ShuffleId;
use crate::site::Site;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records of one map partition for one target partition.
pub struct Bucket {
    /// The map partition the records come from.
    pub map_partition: usize,
    /// The target partition they go to.
    pub target: usize,
    /// How many records the bucket holds.
    pub records: usize,
    /// The typed records; only the shuffle's kernels know their type.
    pub data: Box<dyn Any + Send>,
}

/// The typed halves of a shuffle: map side (partition in, buckets out) and reduce side (buckets in, partition out).
pub trait ShuffleKernel: Send + Sync {
    /// What is known of the shuffle's buckets.
    fn progress(&self) -> &ShuffleProgress;

    /// The operator that asked for the shuffle.
    fn site(&self) -> Site;

    /// The dataset that is shuffled.
    fn parent(&self) -> Arc<dyn Lineage>;

    /// Computes one partition of the parent and sorts its records into buckets; empty buckets are left out.
    ///
    /// # Errors
    /// Whatever the parent's computation or the encoding of a key fails with.
    fn map(&self, map_partition: usize, task: &TaskContext) -> Result<Vec<Bucket>, TaskError>;

    /// Merges the buckets of `target`, which come ordered by map partition.
    ///
    /// # Errors
    /// Whatever the user's merge function fails with; the buckets are consumed then, too.
    fn reduce(&self, target: usize, buckets: Vec<Bucket>, task: &TaskContext) -> Result<Erased, TaskError>;
}

/// Which map partitions have delivered to which targets. Shared by all jobs that use the shuffle.
#[derive(Debug)]
pub struct ShuffleProgress {
    id: ShuffleId,
    maps: usize,
    targets: usize,
    delivered: Mutex<BTreeMap<usize, Vec<bool>>>,
}

impl ShuffleProgress {
    /// A shuffle of `maps` map partitions into `targets` target partitions, of which nothing has been delivered yet.
    pub fn new(id: ShuffleId, maps: usize, targets: usize) -> ShuffleProgress {
        ShuffleProgress { id, maps, targets, delivered: Mutex::default() }
    }

    /// The shuffle's id.
    pub fn id(&self) -> ShuffleId {
        self.id
    }

    /// Number of map partitions.
    pub fn maps(&self) -> usize {
        self.maps
    }

    /// Number of target partitions.
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// Records that all buckets of `map_partition` have been delivered, and which targets got one.
    pub fn delivered(&self, map_partition: usize, targets: impl IntoIterator<Item = usize>) {
        let mut has_bucket = vec![false; self.targets];
        for target in targets {
            if let Some(slot) = has_bucket.get_mut(target) {
                *slot = true;
            }
        }
        self.lock().insert(map_partition, has_bucket);
    }

    /// Forgets every delivery, so that the whole map side is run again.
    pub fn lost(&self) {
        self.lock().clear();
    }

    /// The map partitions that have not delivered yet.
    pub fn missing(&self) -> Vec<usize> {
        let delivered = self.lock();
        (0..self.maps).filter(|map| !delivered.contains_key(map)).collect()
    }

    /// How many buckets `target` has once it is whole; `None` while map partitions are still missing.
    pub fn expected(&self, target: usize) -> Option<usize> {
        let delivered = self.lock();
        let whole = delivered.len() == self.maps;
        whole.then(|| delivered.values().filter(|has_bucket| has_bucket.get(target).copied().unwrap_or(false)).count())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Vec<bool>>> {
        // Every critical section above leaves the map whole, so a poisoned lock holds good data.
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The buckets and merged partitions that one worker holds.
#[derive(Default)]
pub struct ShuffleTable {
    shuffles: BTreeMap<ShuffleId, BTreeMap<usize, Target>>,
}

enum Target {
    Gathering(BTreeMap<usize, Bucket>),
    Merged(Erased),
}

impl ShuffleTable {
    /// Takes in a bucket. One that is already there, or already merged, stays: re-run maps deliver the same again.
    pub fn insert(&mut self, shuffle: ShuffleId, bucket: Bucket) {
        let targets = self.shuffles.entry(shuffle).or_default();
        match targets.entry(bucket.target).or_insert_with(|| Target::Gathering(BTreeMap::new())) {
            Target::Gathering(buckets) => {
                buckets.entry(bucket.map_partition).or_insert(bucket);
            }
            Target::Merged(_) => {}
        }
    }

    /// The merged partition `target`, merging it now if that has not happened yet.
    ///
    /// # Errors
    /// [`TaskError::ShuffleLost`] when buckets are missing or a merge failed half-way.
    pub fn merged(
        &mut self,
        kernel: &Arc<dyn ShuffleKernel>,
        target: usize,
        task: &TaskContext,
    ) -> Result<Erased, TaskError> {
        let progress = kernel.progress();
        let held = self.shuffles.get_mut(&progress.id()).and_then(|targets| targets.remove(&target));
        let buckets = match held {
            Some(Target::Merged(data)) => {
                self.keep(progress.id(), target, &data);
                return Ok(data);
            }
            Some(Target::Gathering(buckets)) => buckets,
            None => BTreeMap::new(),
        };
        if progress.expected(target) != Some(buckets.len()) {
            let cause = match progress.expected(target) {
                Some(expected) => format!("{} of {expected} buckets are here", buckets.len()),
                None => format!("map partitions {:?} have not delivered", progress.missing()),
            };
            return Err(TaskError::ShuffleLost { shuffle: progress.id(), partition: target, cause });
        }
        let data = task.guard(kernel.site(), |task| kernel.reduce(target, buckets.into_values().collect(), task))?;
        self.keep(progress.id(), target, &data);
        Ok(data)
    }

    /// Drops everything of `shuffle`.
    pub fn release(&mut self, shuffle: ShuffleId) {
        self.shuffles.remove(&shuffle);
    }

    /// How many shuffles have something here.
    pub fn len(&self) -> usize {
        self.shuffles.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.shuffles.is_empty()
    }

    fn keep(&mut self, shuffle: ShuffleId, target: usize, data: &Erased) {
        self.shuffles.entry(shuffle).or_default().insert(target, Target::Merged(data.clone()));
    }
}
