//! The table that values are combined in.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, Hash};

/// Combined values by key, in the order in which the keys first appeared: results never depend on hash values.
///
/// The entries lie in a list, the table holds their positions. Four bytes a position keep it in cache when the entries are not.
pub(crate) struct CombineTable<K, C> {
    positions: HashTable<u32>,
    /// The value is taken out while it is merged, hence the `Option`.
    entries: Vec<(K, Option<C>)>,
    hasher: FixedState,
}

impl<K: Hash + Eq, C> CombineTable<K, C> {
    /// A table with room for `keys` keys.
    pub(crate) fn with_capacity(keys: usize) -> CombineTable<K, C> {
        CombineTable {
            positions: HashTable::with_capacity(keys),
            entries: Vec::with_capacity(keys),
            hasher: FixedState::default(),
        }
    }

    /// Adds a value: `create` makes the combined value when the key is new, `merge` when it is not.
    pub(crate) fn add<V>(&mut self, key: K, value: V, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C) {
        let CombineTable { positions, entries, hasher } = self;
        let hash = hasher.hash_one(&key);
        let same = |position: &u32| entries.get(*position as usize).is_some_and(|(known, _)| *known == key);
        let rehash = |position: &u32| entries.get(*position as usize).map_or(0, |(known, _)| hasher.hash_one(known));
        match positions.entry(hash, same, rehash) {
            Entry::Vacant(vacant) => {
                // A task with four thousand million keys has run out of memory long before.
                vacant.insert(entries.len() as u32);
                entries.push((key, Some(create(value))));
            }
            Entry::Occupied(occupied) => {
                if let Some((_, combined)) = entries.get_mut(*occupied.get() as usize) {
                    *combined = Some(match combined.take() {
                        Some(before) => merge(before, value),
                        None => create(value),
                    });
                }
            }
        }
    }

    /// [`add`](CombineTable::add) with a key that stays with its owner: it is copied when it is new here, and only then.
    pub(crate) fn add_shared<V>(&mut self, key: &K, value: V, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C)
    where
        K: Clone,
    {
        let CombineTable { positions, entries, hasher } = self;
        let hash = hasher.hash_one(key);
        let same = |position: &u32| entries.get(*position as usize).is_some_and(|(known, _)| known == key);
        let Some(position) = positions.find(hash, same) else {
            return self.add(key.clone(), value, create, merge);
        };
        if let Some((_, combined)) = entries.get_mut(*position as usize) {
            *combined = Some(match combined.take() {
                Some(before) => merge(before, value),
                None => create(value),
            });
        }
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The keys with their values, in order of first appearance.
    pub(crate) fn into_records(self) -> impl Iterator<Item = (K, C)> {
        self.entries.into_iter().filter_map(|(key, combined)| Some((key, combined?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_the_order_of_their_first_appearance() {
        let mut table = CombineTable::with_capacity(0);
        for word in ["c", "a", "c", "b", "a", "c"] {
            table.add(word, 1, |n| n, |a, b| a + b);
        }
        table.add_shared(&"d", 1, |n| n, |a, b| a + b);
        table.add_shared(&"b", 1, |n| n, |a, b| a + b);
        assert_eq!(table.len(), 4);
        assert_eq!(table.into_records().collect::<Vec<_>>(), [("c", 3), ("a", 2), ("b", 2), ("d", 1)]);
    }
}
