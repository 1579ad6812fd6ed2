//! Stored state becomes partitions again, in as many threads as there are cores. What does not fit together is an error.

use super::by_product::ByProduct;
use super::operator::{StateError, StoredState};
use super::partition::{Before, Kept, StatePartition, Version};
use super::rows::{LAYOUT_KEY, Layout, Listing, Place, Row, SKIPPED, damaged, limit, skipped_of};
use super::segments::{Entry, SEGMENTS, segment_of};
use super::store::PlaceFn;
use super::{StateKey, StateValue};
use crate::codec::{CodecError, decode, stable_key_hash};
use crate::durable::StorageError;
use crate::error::panic_message;
use crate::time::Time;
use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the loaded state is for.
pub(super) struct Target<'a, K> {
    pub(super) partitions: usize,
    pub(super) slide: Duration,
    pub(super) place: &'a PlaceFn<K>,
}

/// The stored state.
pub(super) struct Loaded<K, S, X> {
    pub(super) partitions: Vec<StatePartition<K, S, X>>,
    pub(super) layout: Layout,
    /// The generation whose rows it is made of, when its keys were placed anew and `layout` has no rows yet.
    pub(super) old: Option<u32>,
    /// Batches that have no version.
    pub(super) skipped: BTreeSet<Time>,
}

/// Loads whatever is stored; `None` when nothing is.
pub(super) fn load<K: StateKey, S: StateValue, X: ByProduct<K>>(
    stored: &StoredState<'_>,
    target: &Target<'_, K>,
) -> Result<Option<Loaded<K, S, X>>, StateError> {
    let Some(layout) = stored.storage.get(&stored.table, &LAYOUT_KEY)? else {
        let mut rows = 0_u64;
        stored.storage.scan(&stored.table, &[], &mut |key, _| {
            rows += u64::from(skipped_of(key).is_none());
            Ok(())
        })?;
        return if rows == 0 { Ok(None) } else { Err(damaged(format!("there are {rows} rows, and no layout"))) };
    };
    let layout = Layout::read(&layout)?;
    let mut skipped = BTreeSet::new();
    stored.storage.scan(&stored.table, &SKIPPED, &mut |key, _| {
        skipped.extend(skipped_of(key));
        Ok(())
    })?;
    // The last batch that has a version, or may have one.
    let mut last = stored.committed;
    while skipped.contains(&last) && !target.slide.is_zero() {
        last = last - target.slide;
    }
    let read = in_parallel((0..layout.partitions).collect(), |partition| {
        let place = Place { generation: layout.generation, partition };
        read_partition::<K, S, X>(stored, place, last, target)
    })?;
    let moved = read.iter().any(|(_, moved)| *moved) || layout.partitions as usize != target.partitions;
    let partitions: Vec<_> = read.into_iter().map(|(partition, _)| partition).collect();
    if !moved {
        return Ok(Some(Loaded { partitions, layout, old: None, skipped }));
    }
    let count = u32::try_from(target.partitions).unwrap_or(u32::MAX);
    let anew = Layout::new(layout.generation.wrapping_add(1), count);
    let partitions = place_anew(partitions, anew, (stored.committed, last), target)?;
    Ok(Some(Loaded { partitions, layout: anew, old: Some(layout.generation), skipped }))
}

/// One stored partition, and whether a key of it belongs elsewhere now.
fn read_partition<K: StateKey, S: StateValue, X: ByProduct<K>>(
    stored: &StoredState<'_>,
    place: Place,
    last: Time,
    target: &Target<'_, K>,
) -> Result<(StatePartition<K, S, X>, bool), StateError> {
    let mut reader = Reader {
        partition: StatePartition::new(place, target.slide),
        committed: stored.committed,
        last,
        based: vec![None; SEGMENTS],
        versions: BTreeMap::new(),
        listing: None,
        scratch: Vec::new(),
    };
    let mut failed = None;
    let scanned = stored.storage.scan(&stored.table, &place.prefix(), &mut |key, value| {
        reader.take(key, value).map_err(|error| {
            let reason = error.to_string();
            failed = Some(error);
            StorageError::Unreadable { what: "state".to_owned(), reason }
        })
    });
    match failed {
        Some(error) => return Err(error),
        None => scanned?,
    }
    let partition = reader.finish()?;
    let mut scratch = Vec::new();
    let mut moved = false;
    for entry in (0..SEGMENTS).flat_map(|segment| partition.segments.segment(segment)) {
        moved |= (target.place)(&entry.key, &mut scratch)? != place.partition as usize;
    }
    Ok((partition, moved))
}

/// The entries of an undo row.
type Befores<K, S> = Vec<(K, Option<S>)>;

/// Takes the rows of a partition in their order: bases, deltas, undos, by-products, the listing.
struct Reader<K, S, X> {
    partition: StatePartition<K, S, X>,
    committed: Time,
    last: Time,
    /// The batch of each segment's base.
    based: Vec<Option<Time>>,
    versions: BTreeMap<Time, Version<K, S, X>>,
    listing: Option<Listing>,
    scratch: Vec<u8>,
}

impl<K: StateKey, S: StateValue, X: ByProduct<K>> Reader<K, S, X> {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        match self.partition.disk.place.row(key) {
            Some(Row::Base(segment)) => self.base(usize::from(segment), value),
            Some(Row::Delta(batch)) => self.delta(self.committed_at(batch)?, value),
            Some(Row::Undo(batch)) => self.undo(self.committed_at(batch)?, value),
            Some(Row::ByProduct(batch)) => self.by_product(self.committed_at(batch)?, value),
            Some(Row::Listing) => {
                self.listing = Some(decode(value, limit(value))?);
                Ok(())
            }
            None => Err(damaged(format!("there is a row with the unknown key {key:?}"))),
        }
    }

    fn committed_at(&self, batch: Time) -> Result<Time, StateError> {
        match batch <= self.committed {
            true => Ok(batch),
            false => Err(damaged(format!("batch {batch} is stored, the last committed one is {}", self.committed))),
        }
    }

    /// The hash of a key that comes after `last` in a row.
    fn hash(&mut self, key: &K, last: Option<u64>) -> Result<u64, StateError> {
        let hash = stable_key_hash(key, &mut self.scratch)?;
        match last.is_none_or(|last| last <= hash) {
            true => Ok(hash),
            false => Err(damaged("the keys of a row are not in order")),
        }
    }

    fn base(&mut self, segment: usize, value: &[u8]) -> Result<(), StateError> {
        let (batch, entries): (Time, Vec<(K, S)>) = decode(value, limit(value))?;
        if let Some(based) = self.based.get_mut(segment) {
            *based = Some(batch);
        }
        self.committed_at(batch)?;
        self.partition.segments.reserve(segment, entries.len());
        let mut last = None;
        for (key, state) in entries {
            let hash = self.hash(&key, last)?;
            if segment_of(hash) != segment {
                return Err(damaged(format!(
                    "the base of segment {segment} has a key of segment {}",
                    segment_of(hash)
                )));
            }
            if last == Some(hash) && self.partition.segments.get(hash, &key).is_some() {
                return Err(damaged(format!("the base of segment {segment} has a key twice")));
            }
            self.partition.segments.add(Entry { hash, stamp: 0, mark: 0, key, state });
            last = Some(hash);
        }
        Ok(())
    }

    fn delta(&mut self, batch: Time, value: &[u8]) -> Result<(), StateError> {
        let changes: Vec<(K, Option<S>)> = decode(value, limit(value))?;
        self.partition.disk.deltas.push_back(batch);
        let mut last = None;
        for (key, state) in changes {
            let hash = self.hash(&key, last)?;
            last = Some(hash);
            let segment = segment_of(hash);
            if self.based.get(segment).copied().flatten() >= Some(batch) {
                continue;
            }
            if let Some(unbased) = self.partition.disk.unbased.get_mut(segment) {
                unbased.get_or_insert(batch);
            }
            let segments = &mut self.partition.segments;
            match (state, segments.get_mut(hash, &key)) {
                (Some(state), Some(entry)) => entry.state = state,
                (Some(state), None) => segments.add(Entry { hash, stamp: 0, mark: 0, key, state }),
                (None, _) => drop(segments.remove(hash, &key)),
            }
        }
        Ok(())
    }

    fn version(&mut self, batch: Time) -> &mut Version<K, S, X> {
        self.versions.entry(batch).or_insert_with(|| Version::loaded(batch))
    }

    fn undo(&mut self, batch: Time, value: &[u8]) -> Result<(), StateError> {
        let mut undo = Vec::new();
        // An empty row says that this undo could not be stored.
        let (before, entries): (Option<Time>, Option<Befores<K, S>>) = match value {
            [] => (None, None),
            value => decode(value, limit(value)).map(|(before, entries)| (before, Some(entries)))?,
        };
        let mut last = None;
        let whole = entries.is_some();
        for (key, state) in entries.into_iter().flatten() {
            let hash = self.hash(&key, last)?;
            last = Some(hash);
            undo.push(Before { hash, key, state });
        }
        let version = self.version(batch);
        (version.before, version.undo_row) = (before, Kept::Stored);
        version.undo = whole.then_some(undo);
        Ok(())
    }

    fn by_product(&mut self, batch: Time, value: &[u8]) -> Result<(), StateError> {
        let by_product = match value {
            [] => None,
            value => Some(Arc::new(decode(value, limit(value))?)),
        };
        let version = self.version(batch);
        (version.by_product, version.by_product_row) = (by_product, Kept::Stored);
        Ok(())
    }

    fn finish(self) -> Result<StatePartition<K, S, X>, StateError> {
        let Reader { mut partition, committed, last, based, versions, listing, .. } = self;
        let place = partition.disk.place;
        let listing = listing.ok_or_else(|| damaged(format!("partition {} has no listing", place.partition)))?;
        let found = Listing {
            bases: (0..=u8::MAX).zip(&based).filter(|(_, based)| based.is_some()).map(|(segment, _)| segment).collect(),
            deltas: Listing::of_deltas(partition.disk.deltas.iter()),
            keys: partition.len() as u64,
        };
        if found != listing {
            return Err(damaged(format!("partition {} should have {listing:?}, and has {found:?}", place.partition)));
        }
        partition.disk.based = based.iter().map(Option::is_some).collect();
        partition.disk.nothing_stored = false;
        partition.stored = true;
        partition.loaded(committed, last);
        partition.adopt(versions);
        Ok(partition)
    }
}

impl<K, S, X> Version<K, S, X> {
    fn loaded(batch: Time) -> Version<K, S, X> {
        Version {
            batch,
            before: None,
            undo: None,
            by_product: None,
            rows: Vec::new(),
            undo_row: Kept::No,
            by_product_row: Kept::No,
            disk_before: None,
        }
    }
}

impl<K: StateKey, S: StateValue, X: ByProduct<K>> StatePartition<K, S, X> {
    /// There was no state up to `committed`.
    pub(super) fn committed_without_state(&mut self, committed: Time) {
        self.committed = Some(committed);
    }

    /// The state is that of `committed`, and no other than that of `last`. Nothing is known of batches before.
    fn loaded(&mut self, committed: Time, last: Time) {
        (self.newest, self.committed, self.oldest) = (Some(last), Some(committed), Some(last));
    }

    /// Takes over loaded versions. Undos that are cut off from the newest version lead nowhere.
    fn adopt(&mut self, mut versions: BTreeMap<Time, Version<K, S, X>>) {
        let mut next: Option<Option<Time>> = None;
        for version in versions.values_mut().rev() {
            let connected = next.is_none_or(|before| before == Some(version.batch));
            match version.undo.is_some() && connected {
                true => {
                    if next.is_none() {
                        self.newest = Some(version.batch);
                    }
                    next = Some(version.before);
                    self.oldest = version.before;
                }
                false if version.undo.is_none() && matches!(version.undo_row, Kept::No) => {}
                false => {
                    version.undo = None;
                    // Nothing is connected to this one.
                    next = Some(None);
                }
            }
        }
        self.versions = versions.into_values().collect();
    }
}

/// Everything of one stored partition that goes to one new partition.
struct Share<K, S> {
    entries: Vec<Entry<K, S>>,
    /// By version.
    undos: BTreeMap<Time, Vec<Before<K, S>>>,
}

/// Puts every key where it belongs now.
fn place_anew<K: StateKey, S: StateValue, X: ByProduct<K>>(
    mut partitions: Vec<StatePartition<K, S, X>>,
    layout: Layout,
    (committed, last): (Time, Time),
    target: &Target<'_, K>,
) -> Result<Vec<StatePartition<K, S, X>>, StateError> {
    let count = target.partitions;
    // An older version can be read where all partitions have it.
    let befores: BTreeMap<Time, Option<Time>> = match partitions.first() {
        Some(first) => first.versions.iter().filter(|v| v.undo.is_some()).map(|v| (v.batch, v.before)).collect(),
        None => BTreeMap::new(),
    };
    let mut by_products = place_by_products(&mut partitions, target)?;
    let shares = in_parallel(partitions, |partition| share_out(partition, target))?;
    let mut theirs: Vec<Vec<Share<K, S>>> = (0..count).map(|_| Vec::new()).collect();
    for shares in shares {
        shares.into_iter().zip(&mut theirs).for_each(|(share, theirs)| theirs.push(share));
    }
    let sources = theirs.first().map_or(0, Vec::len);
    let numbered: Vec<_> = (0..layout.partitions).zip(theirs).zip(by_products.drain(..)).collect();
    in_parallel(numbered, |((partition, shares), by_products)| {
        let mut placed = StatePartition::new(Place { generation: layout.generation, partition }, target.slide);
        placed.loaded(committed, last);
        let mut undos: BTreeMap<Time, (usize, Vec<Before<K, S>>)> = BTreeMap::new();
        let mut sizes = [0_usize; SEGMENTS];
        for entry in shares.iter().flat_map(|share| &share.entries) {
            if let Some(size) = sizes.get_mut(segment_of(entry.hash)) {
                *size += 1;
            }
        }
        sizes.iter().enumerate().for_each(|(segment, size)| placed.segments.reserve(segment, *size));
        for share in shares {
            share.entries.into_iter().for_each(|entry| placed.segments.add(entry));
            for (batch, undo) in share.undos {
                let (parts, all) = undos.entry(batch).or_default();
                *parts += 1;
                all.extend(undo);
            }
        }
        let mut versions = BTreeMap::new();
        for (batch, (parts, mut undo)) in undos {
            undo.sort_by(|a, b| super::segments::in_order((a.hash, &a.key), (b.hash, &b.key)));
            let version = versions.entry(batch).or_insert_with(|| Version::loaded(batch));
            version.before = befores.get(&batch).copied().flatten();
            version.undo = Some(undo).filter(|_| parts == sources && befores.contains_key(&batch));
        }
        for (batch, by_product) in by_products {
            let version = versions.entry(batch).or_insert_with(|| Version::loaded(batch));
            version.by_product = Some(Arc::new(by_product));
        }
        placed.adopt(versions);
        Ok(placed)
    })
}

/// The by-products of every new partition, by batch.
fn place_by_products<K: StateKey, S: StateValue, X: ByProduct<K>>(
    partitions: &mut [StatePartition<K, S, X>],
    target: &Target<'_, K>,
) -> Result<Vec<BTreeMap<Time, X>>, StateError> {
    let mut parts: BTreeMap<Time, Vec<X>> = BTreeMap::new();
    for version in partitions.iter_mut().flat_map(|partition| partition.versions.iter_mut()) {
        // Just loaded: nobody shares it.
        parts.entry(version.batch).or_default().extend(version.by_product.take().and_then(Arc::into_inner));
    }
    let mut placed: Vec<BTreeMap<Time, X>> = (0..target.partitions).map(|_| BTreeMap::new()).collect();
    let mut scratch = Vec::new();
    for (batch, parts) in parts.into_iter().filter(|(_, parts)| parts.len() == partitions.len()) {
        let theirs = X::place_anew(parts, target.partitions, &mut |key| (target.place)(key, &mut scratch))?;
        theirs.into_iter().zip(&mut placed).for_each(|(theirs, placed)| drop(placed.insert(batch, theirs)));
    }
    Ok(placed)
}

fn share_out<K: StateKey, S: StateValue, X>(
    partition: StatePartition<K, S, X>,
    target: &Target<'_, K>,
) -> Result<Vec<Share<K, S>>, StateError> {
    let mut scratch = Vec::new();
    let mut shares: Vec<Share<K, S>> =
        (0..target.partitions).map(|_| Share { entries: Vec::new(), undos: BTreeMap::new() }).collect();
    for version in partition.versions {
        let Some(undo) = version.undo else { continue };
        shares.iter_mut().for_each(|share| drop(share.undos.insert(version.batch, Vec::new())));
        for before in undo {
            let share = shares.get_mut((target.place)(&before.key, &mut scratch)?);
            if let Some(undo) = share.and_then(|share| share.undos.get_mut(&version.batch)) {
                undo.push(before);
            }
        }
    }
    for entry in partition.segments.into_entries() {
        if let Some(share) = shares.get_mut((target.place)(&entry.key, &mut scratch)?) {
            share.entries.push(entry);
        }
    }
    Ok(shares)
}

/// Applies `f` to all items, on as many threads as there are cores, and returns the results in the order of the items.
fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    f: impl Fn(T) -> Result<R, StateError> + Sync,
) -> Result<Vec<R>, StateError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let items: Vec<Mutex<Option<T>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let results: Vec<Mutex<Option<Result<R, StateError>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((item, result)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).zip(results.get(index))
        } {
            let Some(item) = item.lock().unwrap_or_else(PoisonError::into_inner).take() else { continue };
            // Decoding and placing keys is code of the user's types.
            let outcome = catch_unwind(AssertUnwindSafe(|| f(item))).unwrap_or_else(|payload| {
                let (type_name, message) = (type_name::<T>(), panic_message(&*payload));
                Err(StateError::Codec(CodecError::Panicked { type_name, message }))
            });
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Without the thread it takes longer, that is all.
            let _ = std::thread::Builder::new().name("load state".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    let results = results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner));
    results.map(|result| result.unwrap_or_else(|| Err(damaged("a part of it was not read")))).collect()
}
