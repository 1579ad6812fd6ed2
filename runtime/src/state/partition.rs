//! One partition of keyed state: a map that is changed in place, version by version, and can show and take back versions.

use super::by_product::ByProduct;
use super::disk::Disk;
use super::rows::{Place, Row};
use super::segments::{Entry, SEGMENTS, Segments, in_order};
use super::{Reads, StateChange, StateKey, StateValue};
use crate::codec::{CodecError, encode};
use crate::time::Time;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Why a version cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VersionError {
    /// The state is at that version, or a later one, already.
    #[error("the state is at batch {newest} already, and batch {batch} is not after it")]
    NotNext {
        /// The version that was to be made.
        batch: Time,
        /// The newest version.
        newest: Time,
    },
    /// The version has not been made, or was taken back to be made again.
    #[error("the state of batch {batch} is not there yet")]
    NotMade {
        /// The version that was asked for.
        batch: Time,
    },
    /// Nobody said that the version would be read for so long.
    #[error(
        "the state of batch {batch} is gone, the oldest that is kept is that of {oldest}; `ssc.remember(duration)` keeps it for longer"
    )]
    Gone {
        /// The version that was asked for.
        batch: Time,
        /// The oldest that can be read.
        oldest: Time,
    },
}

/// What a key had before a version changed it.
pub(super) struct Before<K, S> {
    pub(super) hash: u64,
    pub(super) key: K,
    /// `None` when the key had no state.
    pub(super) state: Option<S>,
}

/// What is kept of a version beside the state itself.
pub(super) struct Version<K, S, X> {
    pub(super) batch: Time,
    /// The version before it.
    pub(super) before: Option<Time>,
    /// Each key that it changed once, in order; `None` when nothing can read or take back to the version before any more.
    pub(super) undo: Option<Vec<Before<K, S>>>,
    /// `None` when nothing can read it any more.
    pub(super) by_product: Option<Arc<X>>,
    /// The rows that make it the stored version; taken by its commit.
    pub(super) rows: Vec<StateChange>,
    pub(super) undo_row: Kept,
    pub(super) by_product_row: Kept,
    /// What the storage held before it; `None` once it is committed.
    pub(super) disk_before: Option<Disk>,
}

/// A row that is in the storage for as long as it may be read.
#[derive(Default)]
pub(super) enum Kept {
    /// Not encoded, not stored.
    #[default]
    No,
    /// Encoded by the task that made the version.
    Ready(Vec<u8>),
    Stored,
}

/// What the task that makes a version encodes beside its changes, since commits will want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The way back to the version before.
    pub undo: bool,
    /// The by-product.
    pub by_product: bool,
}

/// Keyed state of one partition. Keys are told apart by their stable hash ([`stable_key_hash`](crate::codec::stable_key_hash))
/// and by `Eq`; the caller passes the hash, which it needs anyway.
///
/// A version is made by [`begin`](StatePartition::begin) and what it returns. Versions that are not committed can be taken
/// back; older ones can be read for as long as the partition is told that somebody may.
pub struct StatePartition<K, S, X = ()> {
    pub(super) segments: Segments<K, S>,
    pub(super) versions: VecDeque<Version<K, S, X>>,
    pub(super) newest: Option<Time>,
    /// The last committed batch, whether it has a version or not.
    pub(super) committed: Option<Time>,
    /// The oldest version that can be read; `None` when that is the empty state before the first.
    pub(super) oldest: Option<Time>,
    pub(super) disk: Disk,
    /// Whether a commit has taken rows of it to where `disk` says.
    pub(super) stored: bool,
    slide: Duration,
    pub(super) stamp: u32,
}

impl<K: StateKey, S: StateValue, X: ByProduct<K>> StatePartition<K, S, X> {
    /// An empty partition: number `partition` of those that are stored under `generation`. Versions lie at multiples of `slide`.
    pub(super) fn new(place: Place, slide: Duration) -> StatePartition<K, S, X> {
        StatePartition {
            segments: Segments::new(),
            versions: VecDeque::new(),
            newest: None,
            committed: None,
            oldest: None,
            disk: Disk::new(place),
            stored: false,
            slide,
            stamp: 0,
        }
    }

    /// The newest version.
    pub fn newest(&self) -> Option<Time> {
        self.newest
    }

    /// Whether the version of `batch`, or one after it, has been made, or will never be: the batch is committed without.
    pub fn reached(&self, batch: Time) -> bool {
        self.newest.max(self.committed) >= Some(batch)
    }

    /// Whether no version was ever made that stays.
    pub(super) fn may_begin_anew(&self) -> bool {
        let first = self.versions.front();
        self.newest.is_none() || first.is_some_and(|first| first.before.is_none() && first.disk_before.is_some())
    }

    /// Whether there is something of the version of `batch` itself.
    pub(super) fn has_version(&self, batch: Time) -> bool {
        self.versions.iter().any(|version| version.batch == batch)
    }

    /// Keys that have state in the newest version.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether no key has state in the newest version.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The state of `key` in the newest version.
    pub fn get(&self, hash: u64, key: &K) -> Option<&S> {
        self.segments.get(hash, key).map(|entry| &entry.state)
    }

    /// Begins the version of `batch`.
    ///
    /// # Errors
    /// [`VersionError::NotNext`].
    pub fn begin(&mut self, batch: Time) -> Result<Changing<'_, K, S, X>, VersionError> {
        if let Some(newest) = self.newest.max(self.committed).filter(|newest| *newest >= batch) {
            return Err(VersionError::NotNext { batch, newest });
        }
        if self.stamp == u32::MAX {
            // Stamps begin anew; no entry may have one that will come again.
            self.segments.tables_mut().flatten().for_each(|entry| entry.stamp = 0);
            self.stamp = 0;
        }
        self.stamp += 1;
        Ok(Changing { partition: self, batch, undo: Vec::new(), removed: Vec::new(), marked: false, finished: false })
    }

    /// Takes back the version of `batch` and all later ones. A version that is committed stays.
    pub fn take_back(&mut self, batch: Time) {
        while self.versions.back().is_some_and(|version| version.batch >= batch && version.disk_before.is_some()) {
            let Some(version) = self.versions.pop_back() else { return };
            undo(&mut self.segments, version.undo.unwrap_or_default());
            self.newest = version.before;
            if let Some(disk) = version.disk_before {
                self.disk = disk;
            }
        }
    }

    /// How the table changes when `batch` is committed, which later batches may read as `reads` says.
    pub(super) fn changes(&mut self, batch: Time, reads: Reads) -> Vec<StateChange> {
        let (place, slide, last) = (self.disk.place, self.slide, self.last_done(batch));
        let mut changes = Vec::new();
        // What belongs to older versions alone is of no use: the first rows are those of a whole version.
        self.stored |= self.versions.iter().any(|version| version.batch <= batch && !version.rows.is_empty());
        if !self.stored {
            return changes;
        }
        for version in self.versions.iter_mut().take_while(|version| version.batch <= batch) {
            changes.append(&mut version.rows);
            let undo = version.undo.as_ref().filter(|_| reads.undo_of(version.batch, slide));
            let undo = undo.map(|undo| || encode_undo(version.before, undo));
            changes.extend(version.undo_row.change(undo, place, Row::Undo(version.batch)));
            let by_product = version.by_product.as_ref().filter(|_| reads.by_product_of(version.batch, last));
            let by_product = by_product.filter(|_| size_of::<X>() > 0).map(|by_product| || encode(&**by_product));
            changes.extend(version.by_product_row.change(by_product, place, Row::ByProduct(version.batch)));
        }
        changes
    }

    /// `batch` is committed: it is not taken back any more. Returns what later batches, which read as `reads` says, need no
    /// longer; dropping it may take its time.
    pub(super) fn committed(&mut self, batch: Time, reads: Reads) -> Vec<Box<dyn Any + Send>> {
        self.committed = self.committed.max(Some(batch));
        let last = self.last_done(batch);
        let mut garbage: Vec<Box<dyn Any + Send>> = Vec::new();
        for version in self.versions.iter_mut().take_while(|version| version.batch <= batch) {
            version.disk_before = None;
            version.rows = Vec::new();
            if !reads.undo_of(version.batch, self.slide)
                && let Some(undo) = version.undo.take()
            {
                self.oldest = Some(version.batch);
                garbage.push(Box::new(undo));
            }
            if !reads.by_product_of(version.batch, last)
                && let Some(by_product) = version.by_product.take()
            {
                garbage.push(Box::new(by_product));
            }
        }
        self.versions.retain(|version| version.batch > batch || version.undo.is_some() || version.by_product.is_some());
        garbage
    }

    /// The last version that is done when `batch` is.
    fn last_done(&self, batch: Time) -> Time {
        let done = self.versions.iter().rev().find(|version| version.batch <= batch);
        done.map_or(batch, |version| version.batch)
    }

    /// The by-product of the version of `batch`; `None` when that was not made, was taken back, or nobody said that it would
    /// be read for so long.
    pub fn by_product(&self, batch: Time) -> Option<Arc<X>> {
        self.versions.iter().find(|version| version.batch == batch)?.by_product.clone()
    }

    /// The number of segments that [`view`](StatePartition::view) shows, from 0.
    pub const SEGMENTS: usize = SEGMENTS;

    /// The keys of `segment` with their states in the newest version that is not after `batch`, by hash. The order says nothing
    /// of the order of changes.
    ///
    /// # Errors
    /// [`VersionError::Gone`].
    pub fn view(&self, batch: Time, segment: usize) -> Result<Vec<(K, S)>, VersionError> {
        if let Some(oldest) = self.oldest.filter(|oldest| batch < *oldest) {
            return Err(VersionError::Gone { batch, oldest });
        }
        let mut older: Vec<&Before<K, S>> = Vec::new();
        for version in self.versions.iter().filter(|version| version.batch > batch) {
            older.extend(of_segment(version.undo.as_deref().unwrap_or_default(), segment));
        }
        // Of several changes of a key the oldest tells what it had; the sort leaves them in order of time.
        older.sort_by(|a, b| in_order((a.hash, &a.key), (b.hash, &b.key)));
        older.dedup_by(|later, first| later.hash == first.hash && later.key == first.key);
        let changed = |entry: &Entry<K, S>| {
            older.binary_search_by(|before| in_order((before.hash, &before.key), (entry.hash, &entry.key))).is_ok()
        };
        let unchanged = self.segments.segment(segment).filter(|entry| older.is_empty() || !changed(entry));
        let mut shown: Vec<(u64, &K, &S)> = unchanged.map(|entry| (entry.hash, &entry.key, &entry.state)).collect();
        shown.extend(older.iter().filter_map(|before| Some((before.hash, &before.key, before.state.as_ref()?))));
        shown.sort_unstable_by(|a, b| in_order((a.0, a.1), (b.0, b.1)));
        Ok(shown.into_iter().map(|(_, key, state)| (key.clone(), state.clone())).collect())
    }
}

/// What the undo of a version says about a segment; it lies together, since an undo is in order.
fn of_segment<K, S>(undo: &[Before<K, S>], segment: usize) -> &[Before<K, S>] {
    let first = undo.partition_point(|before| super::segments::segment_of(before.hash) < segment);
    let end = undo.partition_point(|before| super::segments::segment_of(before.hash) <= segment);
    undo.get(first..end).unwrap_or_default()
}

pub(super) fn encode_undo<K: StateKey, S: StateValue>(
    before: Option<Time>,
    undo: &[Before<K, S>],
) -> Result<Vec<u8>, CodecError> {
    let entries: Vec<(&K, Option<&S>)> = undo.iter().map(|before| (&before.key, before.state.as_ref())).collect();
    encode(&(before, entries))
}

/// Gives every key back what it had; the oldest change of a key last.
fn undo<K: StateKey, S>(segments: &mut Segments<K, S>, undo: Vec<Before<K, S>>) {
    for Before { hash, key, state } in undo.into_iter().rev() {
        match (state, segments.get_mut(hash, &key)) {
            (Some(state), Some(entry)) => entry.state = state,
            (Some(state), None) => segments.add(Entry { hash, stamp: 0, mark: 0, key, state }),
            (None, _) => drop(segments.remove(hash, &key)),
        }
    }
}

impl Kept {
    /// Has the row stored while there is something to store, and deleted when there is not any more.
    fn change(
        &mut self,
        wanted: Option<impl FnOnce() -> Result<Vec<u8>, CodecError>>,
        place: Place,
        row: Row,
    ) -> Option<StateChange> {
        let Some(value) = wanted else {
            return match std::mem::take(self) {
                Kept::Stored => Some(place.delete(row)),
                Kept::No | Kept::Ready(_) => None,
            };
        };
        let value = match std::mem::replace(self, Kept::Stored) {
            Kept::Stored => return None,
            Kept::Ready(value) => Ok(value),
            Kept::No => value(),
        };
        match value {
            Ok(value) => Some(place.put(row, value)),
            Err(error) => {
                // Such values were encoded before. A restart finds the empty row, and says that the version is gone.
                log::error!("an older version of state cannot be stored for later batches: {error}");
                Some(place.put(row, Vec::new()))
            }
        }
    }
}

/// What a pass over all keys does with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<S> {
    /// It keeps its state.
    Keep,
    /// It has this state from now on.
    Set(S),
    /// It has none any more.
    Remove,
}

/// A version under way. Dropped without [`finish`](Changing::finish), also by a panic, it leaves the partition as it was.
pub struct Changing<'a, K: StateKey, S: StateValue, X: ByProduct<K>> {
    pub(super) partition: &'a mut StatePartition<K, S, X>,
    batch: Time,
    /// The first change of each key, or more of a key that was removed and came again: the first one counts.
    pub(super) undo: Vec<Before<K, S>>,
    /// What the pass over all keys removed; belongs to `undo`.
    removed: Vec<Before<K, S>>,
    marked: bool,
    finished: bool,
}

impl<K: StateKey, S: StateValue, X: ByProduct<K>> Changing<'_, K, S, X> {
    /// The batch whose version it is.
    pub fn batch(&self) -> Time {
        self.batch
    }

    /// Whether no version was made before.
    pub fn is_first(&self) -> bool {
        self.partition.newest.is_none()
    }

    /// Every key that has state, as changed so far, in no particular order.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &K, &S)> {
        (0..SEGMENTS).flat_map(|segment| self.partition.segments.segment(segment)).map(|e| (e.hash, &e.key, &e.state))
    }

    /// The state of `key`, as changed so far.
    pub fn get(&self, hash: u64, key: &K) -> Option<&S> {
        self.partition.get(hash, key)
    }

    /// The by-product of an older version; see [`StatePartition::by_product`].
    pub fn by_product(&self, batch: Time) -> Option<Arc<X>> {
        self.partition.by_product(batch)
    }

    /// The by-products that are kept, with the batches of their versions, in order of time.
    pub fn by_products(&self) -> impl DoubleEndedIterator<Item = (Time, &Arc<X>)> {
        self.partition.versions.iter().filter_map(|version| Some((version.batch, version.by_product.as_ref()?)))
    }

    /// Gives `key` a state.
    pub fn set(&mut self, hash: u64, key: K, state: S) {
        let stamp = self.partition.stamp;
        match self.partition.segments.get_mut(hash, &key) {
            Some(entry) if entry.stamp == stamp => entry.state = state,
            Some(entry) => {
                let state = std::mem::replace(&mut entry.state, state);
                entry.stamp = stamp;
                self.undo.push(Before { hash, key, state: Some(state) });
            }
            None => {
                self.undo.push(Before { hash, key: key.clone(), state: None });
                self.partition.segments.add(Entry { hash, stamp, mark: 0, key, state });
            }
        }
    }

    /// Takes the state of `key` away. Returns whether it had one.
    pub fn remove(&mut self, hash: u64, key: &K) -> bool {
        let Some(entry) = self.partition.segments.remove(hash, key) else { return false };
        if entry.stamp != self.partition.stamp {
            self.undo.push(Before { hash, key: entry.key, state: Some(entry.state) });
        }
        true
    }

    /// Notes a number, which is not 0, for the pass over all keys. Returns whether `key` has state.
    pub fn mark(&mut self, hash: u64, key: &K, mark: u32) -> bool {
        let Some(entry) = self.partition.segments.get_mut(hash, key) else { return false };
        entry.mark = mark;
        self.marked = true;
        true
    }

    /// Changes every key that has state as `f` says, which is also given the mark of the key (0 when it has none). Marks are
    /// gone after it. Keys come in no particular order.
    pub fn update_each(&mut self, mut f: impl FnMut(&K, &S, u32) -> Change<S>) {
        self.pass(|entry, mark| f(&entry.key, &entry.state, mark));
    }

    /// [`update_each`](Changing::update_each) with the hash of the key in place of its mark.
    pub fn update_each_hashed(&mut self, mut f: impl FnMut(u64, &K, &S) -> Change<S>) {
        self.pass(|entry, _| f(entry.hash, &entry.key, &entry.state));
    }

    fn pass(&mut self, mut f: impl FnMut(&Entry<K, S>, u32) -> Change<S>) {
        let Changing { partition, undo, removed, .. } = self;
        let stamp = partition.stamp;
        for table in partition.segments.tables_mut() {
            let going = table.extract_if(|entry| {
                let mark = std::mem::take(&mut entry.mark);
                match f(entry, mark) {
                    Change::Keep => false,
                    Change::Remove => true,
                    Change::Set(state) => {
                        let before = std::mem::replace(&mut entry.state, state);
                        if std::mem::replace(&mut entry.stamp, stamp) != stamp {
                            undo.push(Before { hash: entry.hash, key: entry.key.clone(), state: Some(before) });
                        }
                        false
                    }
                }
            });
            for entry in going {
                if entry.stamp != stamp {
                    removed.push(Before { hash: entry.hash, key: entry.key, state: Some(entry.state) });
                }
            }
        }
        undo.append(removed);
        self.marked = false;
    }

    /// The version is made: it is the newest one now, and its changes are encoded for its commit.
    ///
    /// # Errors
    /// When a key, a state or the by-product cannot be encoded; the partition is then as it was.
    pub fn finish(mut self, by_product: X, wanted: Wanted) -> Result<(), CodecError> {
        // Hashes with places are small to sort; two keys with one hash, or one key twice, hardly ever meet.
        self.undo.sort_by_cached_key(|before| before.hash);
        for alike in self.undo.chunk_by_mut(|a, b| a.hash == b.hash).filter(|alike| alike.len() > 1) {
            alike.sort_by(|a, b| in_order((a.hash, &a.key), (b.hash, &b.key)));
        }
        self.undo.dedup_by(|later, first| later.hash == first.hash && later.key == first.key);
        let mut disk = self.partition.disk.clone();
        let rows = disk.store(&self.partition.segments, &self.undo, self.batch)?;
        let before = self.partition.newest;
        let ready = |wanted: bool, encoded: &dyn Fn() -> Result<Vec<u8>, CodecError>| match wanted {
            true => encoded().map(Kept::Ready),
            false => Ok(Kept::No),
        };
        let undo_row = ready(wanted.undo, &|| encode_undo(before, &self.undo))?;
        let by_product_row = ready(wanted.by_product && size_of::<X>() > 0, &|| encode(&by_product))?;
        self.finished = true;
        let partition = &mut *self.partition;
        partition.newest = Some(self.batch);
        partition.versions.push_back(Version {
            batch: self.batch,
            before,
            undo: Some(std::mem::take(&mut self.undo)),
            by_product: Some(Arc::new(by_product)),
            rows,
            undo_row,
            by_product_row,
            disk_before: Some(std::mem::replace(&mut partition.disk, disk)),
        });
        Ok(())
    }
}

impl<K: StateKey, S: StateValue, X: ByProduct<K>> Drop for Changing<'_, K, S, X> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if self.marked {
            self.partition.segments.tables_mut().flatten().for_each(|entry| entry.mark = 0);
        }
        self.undo.append(&mut self.removed);
        undo(&mut self.partition.segments, std::mem::take(&mut self.undo));
    }
}
