//! The keyed state of one operator: its partitions, as the tasks that make versions and the commits of batches share them.

use super::by_product::{ByProduct, KeepByProducts};
use super::load::{Target, load};
use super::operator::{StateChange, StateError, StateOperator, StateSchema, StateStats, StoredState};
use super::partition::{Changing, StatePartition, VersionError, Wanted};
use super::rows::{Layout, Place, skipped_key};
use super::{Reads, StateKey, StateValue};
use crate::batch::Forgotten;
use crate::codec::CodecError;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells the partition of a key. The buffer is reused between calls.
pub type PlaceFn<K> = dyn Fn(&K, &mut Vec<u8>) -> Result<usize, CodecError> + Send + Sync;

/// What a [`StateStore`] is made of.
pub struct StateStoreOptions<K> {
    /// What is stored.
    pub schema: StateSchema,
    /// Number of partitions, at least 1.
    pub partitions: usize,
    /// In which of them a key is.
    pub place: Arc<PlaceFn<K>>,
    /// Versions are this far apart, or a multiple of it.
    pub slide: Duration,
    /// How long by-products are kept.
    pub by_products: KeepByProducts,
}

/// The partitions of an operator's keyed state.
///
/// A version is made partition by partition, each by the first task that needs it ([`advance`](StateStore::advance)), in order
/// of time. What is read is read segment by segment; nothing is locked while the reader works on what it got.
pub struct StateStore<K, S, X = ()> {
    options: StateStoreOptions<K>,
    partitions: Vec<Mutex<StatePartition<K, S, X>>>,
    /// Batches that have no version, since it was given up, and may still be asked for; `true` when the storage has it.
    skipped: Mutex<BTreeMap<Time, bool>>,
    /// The oldest version that was still there when the state was loaded, if older ones were gone.
    loaded_from: Mutex<Option<Time>>,
    written: Mutex<Written>,
    /// Whether commits will want what tasks can encode.
    undo_wanted: AtomicBool,
    by_product_wanted: AtomicBool,
}

/// How the table is laid out, and whether it is already.
struct Written {
    layout: Layout,
    /// The generation that has the rows while this one has none.
    old: Option<u32>,
    /// Partitions that have not stored anything in this generation. When they all have, the layout counts.
    waiting: BTreeSet<usize>,
    installed: bool,
}

impl Written {
    fn nothing(layout: Layout, old: Option<u32>) -> Written {
        let waiting = (0..layout.partitions as usize).collect();
        Written { layout, old, waiting, installed: false }
    }

    fn stored(&mut self, partition: usize) -> Vec<StateChange> {
        self.waiting.remove(&partition);
        if self.installed || !self.waiting.is_empty() {
            return Vec::new();
        }
        self.installed = true;
        self.layout.install(self.old.take())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A version under way that panics is rolled back before the lock is given back.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: StateKey, S: StateValue, X: ByProduct<K>> StateStore<K, S, X> {
    /// A store without any state.
    pub fn new(options: StateStoreOptions<K>) -> StateStore<K, S, X> {
        let options = StateStoreOptions { partitions: options.partitions.clamp(1, u32::MAX as usize), ..options };
        let count = u32::try_from(options.partitions).unwrap_or(u32::MAX);
        let empty = |partition| Mutex::new(StatePartition::new(Place { generation: 0, partition }, options.slide));
        let partitions = (0..count).map(empty).collect();
        StateStore {
            partitions,
            skipped: Mutex::default(),
            loaded_from: Mutex::default(),
            written: Mutex::new(Written::nothing(Layout::new(0, count), None)),
            undo_wanted: AtomicBool::new(false),
            by_product_wanted: AtomicBool::new(false),
            options,
        }
    }

    /// Number of partitions.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Keys that have state in the newest version of `partition`.
    pub fn keys(&self, partition: usize) -> usize {
        self.partitions.get(partition).map_or(0, |partition| lock(partition).len())
    }

    /// Whether the version of `batch` of `partition` is there, or one after it: nothing is needed to make it.
    pub fn reached(&self, partition: usize, batch: Time) -> bool {
        self.partitions.get(partition).is_none_or(|partition| lock(partition).reached(batch))
    }

    fn is_reached(&self, partition: &StatePartition<K, S, X>, batch: Time) -> bool {
        partition.reached(batch) || self.is_skipped(batch)
    }

    /// Whether the version of `batch` was given up: it is that of the batch before.
    pub fn is_skipped(&self, batch: Time) -> bool {
        lock(&self.skipped).contains_key(&batch)
    }

    /// Whether the version of `batch` had been given up when the state was loaded: the program that ended needed it no more. It
    /// cannot be had, whatever is asked for now.
    pub fn gone_when_loaded(&self, batch: Time) -> bool {
        lock(&self.loaded_from).is_some_and(|from| batch < from)
    }

    /// Whether `partition` may still be without any version when the next one is made: what a program begins with is then
    /// added.
    pub fn may_begin_anew(&self, partition: usize) -> bool {
        self.partitions.get(partition).is_some_and(|partition| lock(partition).may_begin_anew())
    }

    /// Makes the version of `batch` of `partition` with `work`, unless it was made or given up. The versions before have to be
    /// made before. `work` has the partition for itself: whatever it needs should be at hand. When it fails or panics, or what
    /// it made cannot be encoded (`unencodable` says how that is told), the partition is as it was.
    ///
    /// # Errors
    /// Those of `work`, and that of `unencodable`.
    pub fn advance<E>(
        &self,
        partition: usize,
        batch: Time,
        work: impl FnOnce(&mut Changing<'_, K, S, X>) -> Result<X, E>,
        unencodable: impl FnOnce(CodecError) -> E,
    ) -> Result<(), E> {
        let Some(partition) = self.partitions.get(partition) else { return Ok(()) };
        let mut partition = lock(partition);
        if self.is_reached(&partition, batch) {
            return Ok(());
        }
        let Ok(mut version) = partition.begin(batch) else { return Ok(()) };
        let by_product = work(&mut version)?;
        let wanted = Wanted {
            undo: self.undo_wanted.load(Ordering::Relaxed),
            by_product: self.by_product_wanted.load(Ordering::Relaxed),
        };
        version.finish(by_product, wanted).map_err(unencodable)
    }

    /// The number of segments of every partition; [`view`](StateStore::view) shows one at a time.
    pub const SEGMENTS: usize = super::segments::SEGMENTS;

    /// The keys of a segment of `partition` with their states in the version of `batch`, ordered by hash. A version that was
    /// given up shows the one before it.
    ///
    /// # Errors
    /// [`VersionError::Gone`] and [`VersionError::NotMade`].
    pub fn view(&self, partition: usize, batch: Time, segment: usize) -> Result<Vec<(K, S)>, VersionError> {
        let Some(partition) = self.partitions.get(partition) else { return Ok(Vec::new()) };
        let partition = lock(partition);
        match self.is_reached(&partition, batch) {
            true => partition.view(batch, segment),
            false => Err(VersionError::NotMade { batch }),
        }
    }

    /// The by-product of the version of `batch`; `None` when that was given up, or had no version.
    ///
    /// # Errors
    /// [`VersionError::NotMade`].
    pub fn by_product(&self, partition: usize, batch: Time) -> Result<Option<Arc<X>>, VersionError> {
        let Some(partition) = self.partitions.get(partition) else { return Ok(None) };
        let partition = lock(partition);
        match self.is_reached(&partition, batch) {
            true => Ok(partition.by_product(batch)),
            false => Err(VersionError::NotMade { batch }),
        }
    }

    /// What the storage is told of batches without a version: a restart then knows how old the one before is.
    fn skips(&self, batch: Time, reads: Reads) -> Vec<StateChange> {
        let mut skipped = lock(&self.skipped);
        let wanted = reads.undo_of(batch, self.options.slide);
        if wanted && self.partitions.first().is_some_and(|partition| !lock(partition).has_version(batch)) {
            skipped.entry(batch).or_insert(false);
        }
        let mut changes = Vec::new();
        for (batch, stored) in skipped.range_mut(..=batch) {
            if wanted && !std::mem::replace(stored, true) {
                changes.push(StateChange::Put { key: skipped_key(*batch), value: Vec::new() });
            }
        }
        // Until this is committed, tasks of later batches still have to be told.
        for (batch, stored) in skipped.iter_mut().filter(|(batch, _)| **batch <= reads.versions) {
            changes.extend(std::mem::take(stored).then(|| StateChange::Delete { key: skipped_key(*batch) }));
        }
        changes
    }

    fn reads(&self, cutoff: Time) -> Reads {
        Reads { versions: cutoff, by_products: self.options.by_products }
    }
}

impl<K: StateKey, S: StateValue, X: ByProduct<K>> StateOperator for StateStore<K, S, X> {
    fn schema(&self) -> StateSchema {
        self.options.schema.clone()
    }

    fn load(&self, stored: &StoredState<'_>) -> Result<(), StateError> {
        let StateStoreOptions { slide, place, .. } = &self.options;
        let target = Target { partitions: self.partitions.len(), slide: *slide, place: &**place };
        let Some(loaded) = load(stored, &target)? else {
            self.partitions.iter().for_each(|partition| lock(partition).committed_without_state(stored.committed));
            return Ok(());
        };
        *lock(&self.skipped) = loaded.skipped.into_iter().map(|batch| (batch, true)).collect();
        *lock(&self.loaded_from) = loaded.partitions.iter().filter_map(|partition| partition.oldest).max();
        for (mine, loaded) in self.partitions.iter().zip(loaded.partitions) {
            *lock(mine) = loaded;
        }
        let mut written = Written::nothing(loaded.layout, loaded.old);
        if loaded.old.is_none() {
            (written.installed, written.waiting) = (true, BTreeSet::new());
        }
        *lock(&self.written) = written;
        Ok(())
    }

    fn changes(&self, batch: Time, cutoff: Time) -> Vec<StateChange> {
        let reads = self.reads(cutoff);
        self.undo_wanted.store(reads.undo_of(batch, self.options.slide), Ordering::Relaxed);
        self.by_product_wanted.store(reads.by_product_of(batch, batch), Ordering::Relaxed);
        let mut written = lock(&self.written);
        let mut changes = self.skips(batch, reads);
        for (number, partition) in self.partitions.iter().enumerate() {
            let theirs = lock(partition).changes(batch, reads);
            if !theirs.is_empty() {
                changes.extend(written.stored(number));
                changes.extend(theirs);
            }
        }
        changes
    }

    fn committed(&self, batch: Time, cutoff: Time) -> Forgotten {
        let reads = self.reads(cutoff);
        let forgotten = self.partitions.iter().flat_map(|partition| lock(partition).committed(batch, reads)).collect();
        // Whoever asks from here on finds the batch committed.
        lock(&self.skipped).retain(|skipped, _| *skipped > reads.versions);
        forgotten
    }

    fn take_back(&self, batch: Time) {
        // Said first: no task makes it again between the partitions.
        lock(&self.skipped).entry(batch).or_insert(false);
        for partition in &self.partitions {
            lock(partition).take_back(batch);
        }
    }

    fn stats(&self) -> StateStats {
        StateStats { keys: self.partitions.iter().map(|partition| lock(partition).len() as u64).sum() }
    }
}
