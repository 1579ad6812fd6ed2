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
use std::collections::{BTreeMap, BTreeSet};
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
    delivered: Mutex<Delivered>,
}

#[derive(Debug, Default)]
struct Delivered {
    /// The targets that each map partition had a bucket for.
    targets_of: BTreeMap<usize, Vec<usize>>,
    /// How many map partitions had a bucket for each target; no longer than the last such target.
    buckets: Vec<usize>,
}

impl Delivered {
    fn insert(&mut self, map_partition: usize, targets: Vec<usize>) {
        for target in &targets {
            if self.buckets.len() <= *target {
                self.buckets.resize(target + 1, 0);
            }
            if let Some(buckets) = self.buckets.get_mut(*target) {
                *buckets += 1;
            }
        }
        for target in self.targets_of.insert(map_partition, targets).unwrap_or_default() {
            if let Some(buckets) = self.buckets.get_mut(target) {
                *buckets -= 1;
            }
        }
    }
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

    /// Records that all buckets of `map_partition` have been delivered, and which targets got one: each named once.
    pub fn delivered(&self, map_partition: usize, targets: impl IntoIterator<Item = usize>) {
        let targets = targets.into_iter().filter(|target| *target < self.targets).collect();
        self.lock().insert(map_partition, targets);
    }

    /// Forgets every delivery, so that the whole map side is run again. While it is being run again already, nothing is
    /// forgotten: jobs that share the shuffle and all find it lost would otherwise undo each other's work for ever.
    pub fn lost(&self) {
        let mut delivered = self.lock();
        if delivered.targets_of.len() == self.maps {
            *delivered = Delivered::default();
        }
    }

    /// The map partitions that have not delivered yet.
    pub fn missing(&self) -> Vec<usize> {
        let delivered = self.lock();
        (0..self.maps).filter(|map| !delivered.targets_of.contains_key(map)).collect()
    }

    /// How many buckets `target` has once it is whole; `None` while map partitions are still missing.
    pub fn expected(&self, target: usize) -> Option<usize> {
        let delivered = self.lock();
        let whole = delivered.targets_of.len() == self.maps;
        whole.then(|| delivered.buckets.get(target).copied().unwrap_or(0))
    }

    fn lock(&self) -> MutexGuard<'_, Delivered> {
        // Every critical section above leaves the deliveries whole, so a poisoned lock holds good data.
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
        let held = self.shuffles.get(&progress.id()).and_then(|targets| targets.get(&target));
        let here = match held {
            Some(Target::Merged(data)) => return Ok(data.clone()),
            Some(Target::Gathering(buckets)) => buckets.len(),
            None => 0,
        };
        let expected = progress.expected(target);
        if expected != Some(here) {
            let cause = match expected {
                Some(expected) => {
                    // A map side that is not deterministic may have left a bucket too many; its next run starts afresh.
                    drop(self.take_buckets(progress.id(), target));
                    format!("{here} of {expected} buckets are here")
                }
                // The map side is on its way again, and what it has delivered already it will not deliver twice.
                None => format!("map partitions {:?} have not delivered", progress.missing()),
            };
            return Err(TaskError::ShuffleLost { shuffle: progress.id(), partition: target, cause });
        }
        let buckets = self.take_buckets(progress.id(), target);
        let data = task.guard(kernel.site(), |task| kernel.reduce(target, buckets, task))?;
        // What is merged stays merged, also if the task that asked for it fails.
        task.apply_updates()?;
        // Nothing merged is as quickly had again. Of a shuffle without map partitions nothing may stay: it is never released.
        if here > 0 {
            self.shuffles.entry(progress.id()).or_default().insert(target, Target::Merged(data.clone()));
        }
        Ok(data)
    }

    /// The buckets of `target`, ordered by map partition; they are consumed by the merge, whether it succeeds or not.
    fn take_buckets(&mut self, shuffle: ShuffleId, target: usize) -> Vec<Bucket> {
        match self.shuffles.get_mut(&shuffle).and_then(|targets| targets.remove(&target)) {
            Some(Target::Gathering(buckets)) => buckets.into_values().collect(),
            Some(Target::Merged(_)) | None => Vec::new(),
        }
    }

    /// Drops everything of `shuffle`.
    pub fn release(&mut self, shuffle: ShuffleId) {
        self.shuffles.remove(&shuffle);
    }

    /// The shuffles that have something here.
    pub fn ids(&self) -> BTreeSet<ShuffleId> {
        self.shuffles.keys().copied().collect()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.shuffles.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::stage::CancelToken;
    use crate::time::Time;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Merges buckets of numbers into one list; panics while `broken`.
    struct Numbers {
        progress: ShuffleProgress,
        broken: AtomicBool,
    }

    impl ShuffleKernel for Numbers {
        fn progress(&self) -> &ShuffleProgress {
            &self.progress
        }

        fn site(&self) -> Site {
            Site::here("numbers")
        }

        fn parent(&self) -> Arc<dyn Lineage> {
            unreachable!("the table never asks for it")
        }

        fn map(&self, _: usize, _: &TaskContext) -> Result<Vec<Bucket>, TaskError> {
            unreachable!("the table never runs a map side")
        }

        fn reduce(&self, _: usize, buckets: Vec<Bucket>, _: &TaskContext) -> Result<Erased, TaskError> {
            assert!(!self.broken.load(Ordering::Relaxed), "broken");
            Ok(Arc::new(
                buckets
                    .iter()
                    .flat_map(|bucket| bucket.data.downcast_ref::<Vec<u8>>().unwrap().clone())
                    .collect::<Vec<u8>>(),
            ))
        }
    }

    struct Fixture {
        table: ShuffleTable,
        kernel: Arc<Numbers>,
    }

    impl Fixture {
        fn new(maps: usize) -> Fixture {
            let progress = ShuffleProgress::new(ShuffleId(7), maps, 1);
            Fixture {
                table: ShuffleTable::default(),
                kernel: Arc::new(Numbers { progress, broken: AtomicBool::new(false) }),
            }
        }

        /// One map partition delivers a bucket of one number.
        fn deliver(&mut self, map_partition: usize, number: u8) {
            let bucket = Bucket { map_partition, target: 0, records: 1, data: Box::new(vec![number]) };
            self.table.insert(ShuffleId(7), bucket);
            self.kernel.progress.delivered(map_partition, [0]);
        }

        fn merged(&mut self) -> Result<Vec<u8>, TaskError> {
            let task = TaskContext::new(0, None, Arc::new(ManualClock::new(Time::ZERO)), CancelToken::default());
            let kernel: Arc<dyn ShuffleKernel> = self.kernel.clone();
            Ok(self.table.merged(&kernel, 0, &task)?.downcast_ref::<Vec<u8>>().unwrap().clone())
        }
    }

    fn is_lost(result: &Result<Vec<u8>, TaskError>) -> bool {
        matches!(result, Err(TaskError::ShuffleLost { shuffle: ShuffleId(7), partition: 0, .. }))
    }

    /// D-3
    #[test]
    fn buckets_are_merged_by_map_partition_however_they_came() {
        let mut shuffle = Fixture::new(3);
        for (map_partition, number) in [(2, 30), (0, 10), (1, 20), (1, 99)] {
            shuffle.deliver(map_partition, number);
        }
        assert_eq!(shuffle.merged().unwrap(), [10, 20, 30]);
        shuffle.deliver(0, 99);
        assert_eq!(shuffle.merged().unwrap(), [10, 20, 30]);
    }

    #[test]
    fn asking_too_early_loses_nothing_that_was_delivered() {
        let mut shuffle = Fixture::new(2);
        shuffle.deliver(0, 10);
        assert!(is_lost(&shuffle.merged()));
        shuffle.deliver(1, 20);
        assert_eq!(shuffle.merged().unwrap(), [10, 20]);
    }

    #[test]
    fn a_merge_that_fails_uses_up_its_buckets() {
        let mut shuffle = Fixture::new(1);
        shuffle.deliver(0, 10);
        shuffle.kernel.broken.store(true, Ordering::Relaxed);
        assert!(matches!(shuffle.merged(), Err(TaskError::Panicked { .. })));
        shuffle.kernel.broken.store(false, Ordering::Relaxed);
        assert!(is_lost(&shuffle.merged()));
        shuffle.kernel.progress.lost();
        shuffle.deliver(0, 10);
        assert_eq!(shuffle.merged().unwrap(), [10]);
    }

    #[test]
    fn a_bucket_too_many_is_refused_once_and_then_forgotten() {
        let mut shuffle = Fixture::new(2);
        shuffle.deliver(0, 10);
        shuffle.deliver(1, 20);
        shuffle.kernel.progress.lost();
        // The second run has nothing for this target in map partition 1.
        shuffle.kernel.progress.delivered(0, [0]);
        shuffle.kernel.progress.delivered(1, []);
        assert!(is_lost(&shuffle.merged()));
        shuffle.kernel.progress.lost();
        shuffle.deliver(0, 10);
        shuffle.kernel.progress.delivered(1, []);
        assert_eq!(shuffle.merged().unwrap(), [10]);
    }

    #[test]
    fn a_target_that_got_nothing_leaves_nothing_behind() {
        let mut shuffle = Fixture::new(0);
        assert_eq!(shuffle.merged().unwrap(), []);
        assert!(shuffle.table.is_empty());
    }

    #[test]
    fn a_map_partition_that_delivers_again_counts_once() {
        let progress = ShuffleProgress::new(ShuffleId(7), 2, 3);
        progress.delivered(0, [0, 2]);
        assert_eq!(progress.expected(0), None);
        progress.delivered(1, [2]);
        progress.delivered(0, [1, 2]);
        assert_eq!([0, 1, 2, 3].map(|target| progress.expected(target)), [Some(0), Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn a_map_side_that_is_run_again_is_not_forgotten_by_the_next_who_finds_it_lost() {
        let progress = ShuffleProgress::new(ShuffleId(7), 2, 1);
        (0..2).for_each(|map_partition| progress.delivered(map_partition, [0]));
        progress.lost();
        progress.delivered(1, [0]);
        progress.lost();
        assert_eq!(progress.missing(), [0]);
    }

    #[test]
    fn a_released_shuffle_leaves_nothing_behind() {
        let mut shuffle = Fixture::new(1);
        shuffle.deliver(0, 10);
        assert_eq!(shuffle.table.ids(), BTreeSet::from([ShuffleId(7)]));
        shuffle.table.release(ShuffleId(7));
        assert!(shuffle.table.is_empty());
    }
}
