//! The map of a partition: keys by their stable hash, in 256 segments.

use super::StateKey;
use crate::codec::encode;
use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;
use std::cmp::Ordering;

/// How many segments a partition has.
pub const SEGMENTS: usize = 256;

/// The segment of a key: the top bits of its hash.
pub(super) fn segment_of(hash: u64) -> usize {
    // Eight bits fit into any usize.
    (hash >> 56) as usize
}

/// What a table is asked with. Within a segment the top bits of the hash are equal, and within a partition its lowest ones may
/// be: the bits between decide the place.
fn spread(hash: u64) -> u64 {
    hash.rotate_left(28)
}

pub(super) struct Entry<K, S> {
    pub(super) hash: u64,
    /// The stamp of the version that changed it last.
    pub(super) stamp: u32,
    /// What was noted about the key for the pass over all keys; 0 is nothing.
    pub(super) mark: u32,
    pub(super) key: K,
    pub(super) state: S,
}

/// Keys with their states.
pub(super) struct Segments<K, S> {
    tables: Vec<HashTable<Entry<K, S>>>,
}

impl<K: StateKey, S> Segments<K, S> {
    pub(super) fn new() -> Segments<K, S> {
        Segments { tables: (0..SEGMENTS).map(|_| HashTable::new()).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(HashTable::len).sum()
    }

    pub(super) fn get(&self, hash: u64, key: &K) -> Option<&Entry<K, S>> {
        self.tables.get(segment_of(hash))?.find(spread(hash), |entry| entry.hash == hash && entry.key == *key)
    }

    pub(super) fn get_mut(&mut self, hash: u64, key: &K) -> Option<&mut Entry<K, S>> {
        self.tables.get_mut(segment_of(hash))?.find_mut(spread(hash), |entry| entry.hash == hash && entry.key == *key)
    }

    /// The entry of `key`, to be changed or removed.
    pub(super) fn find(&mut self, hash: u64, key: &K) -> Option<OccupiedEntry<'_, Entry<K, S>>> {
        let table = self.tables.get_mut(segment_of(hash))?;
        table.find_entry(spread(hash), |entry| entry.hash == hash && entry.key == *key).ok()
    }

    /// The entries of all keys with this hash.
    pub(super) fn with_hash(&self, hash: u64) -> impl Iterator<Item = &Entry<K, S>> {
        let table = self.tables.get(segment_of(hash)).into_iter();
        table.flat_map(move |table| table.iter_hash(spread(hash))).filter(move |entry| entry.hash == hash)
    }

    /// Adds an entry whose key is not there.
    pub(super) fn add(&mut self, entry: Entry<K, S>) {
        if let Some(table) = self.tables.get_mut(segment_of(entry.hash)) {
            table.insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
        }
    }

    pub(super) fn remove(&mut self, hash: u64, key: &K) -> Option<Entry<K, S>> {
        let table = self.tables.get_mut(segment_of(hash))?;
        let found = table.find_entry(spread(hash), |entry| entry.hash == hash && entry.key == *key).ok()?;
        Some(found.remove().0)
    }

    /// Makes room for so many more keys in a segment.
    pub(super) fn reserve(&mut self, segment: usize, keys: usize) {
        if let Some(table) = self.tables.get_mut(segment) {
            table.reserve(keys, |entry| spread(entry.hash));
        }
    }

    pub(super) fn tables_mut(&mut self) -> impl Iterator<Item = &mut HashTable<Entry<K, S>>> {
        self.tables.iter_mut()
    }

    /// The entries of a segment, in the order of the table.
    pub(super) fn segment(&self, segment: usize) -> impl Iterator<Item = &Entry<K, S>> {
        self.tables.get(segment).into_iter().flatten()
    }

    /// All entries, given away.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry<K, S>> {
        self.tables.into_iter().flatten()
    }
}

/// The order of keys in views and rows: by hash. Two keys with one hash, which hardly ever meet, are ordered by their bytes.
pub(super) fn in_order<K: StateKey>(a: (u64, &K), b: (u64, &K)) -> Ordering {
    a.0.cmp(&b.0).then_with(|| match a.1 == b.1 {
        true => Ordering::Equal,
        false => encode(a.1).unwrap_or_default().cmp(&encode(b.1).unwrap_or_default()),
    })
}
