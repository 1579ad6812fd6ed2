//! A hash table that remembers the order in which its keys came.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

/// Values by key, in the order in which the keys first appeared: results never depend on hash values.
///
/// The entries lie in a list, the table holds their positions. Four bytes a position keep it in cache when the entries are not.
#[derive(Clone)]
pub(crate) struct KeyTable<K, C> {
    positions: HashTable<u32>,
    entries: Vec<(K, C)>,
    hasher: FixedState,
}

impl<K: Hash + Eq, C> KeyTable<K, C> {
    /// A table with room for `keys` keys.
    pub(crate) fn with_capacity(keys: usize) -> KeyTable<K, C> {
        KeyTable {
            positions: HashTable::with_capacity(keys),
            entries: Vec::with_capacity(keys),
            hasher: FixedState::default(),
        }
    }

    /// Changes the value of `key`, which starts as `empty` makes it. The key may be borrowed; `own` is called when it is new.
    pub(crate) fn update<Q: Borrow<K>>(
        &mut self,
        key: Q,
        own: impl FnOnce(Q) -> K,
        empty: impl FnOnce() -> C,
        change: impl FnOnce(&mut C),
    ) {
        let KeyTable { positions, entries, hasher } = self;
        let hash = hasher.hash_one(key.borrow());
        let same = |position: &u32| entries.get(*position as usize).is_some_and(|(known, _)| known == key.borrow());
        let rehash = |position: &u32| entries.get(*position as usize).map_or(0, |(known, _)| hasher.hash_one(known));
        match positions.entry(hash, same, rehash) {
            Entry::Occupied(occupied) => {
                if let Some((_, value)) = entries.get_mut(*occupied.get() as usize) {
                    change(value);
                }
            }
            Entry::Vacant(vacant) => {
                // A task with four thousand million keys has run out of memory long before.
                vacant.insert(entries.len() as u32);
                let mut value = empty();
                change(&mut value);
                entries.push((own(key), value));
            }
        }
    }

    /// The position of `key` among the keys, and its value.
    pub(crate) fn get(&self, key: &K) -> Option<(usize, &C)> {
        let same = |position: &u32| self.entries.get(*position as usize).is_some_and(|(known, _)| known == key);
        let position = *self.positions.find(self.hasher.hash_one(key), same)? as usize;
        Some((position, &self.entries.get(position)?.1))
    }

    /// Whether `key` has a value.
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The keys with their values, in order of first appearance.
    pub(crate) fn entries(&self) -> &[(K, C)] {
        &self.entries
    }

    /// As [`entries`](KeyTable::entries).
    pub(crate) fn into_entries(self) -> Vec<(K, C)> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_position_of_their_first_appearance() {
        let mut table = KeyTable::with_capacity(0);
        for (position, word) in ["c", "a", "c", "b", "a", "c"].into_iter().enumerate() {
            table.update(word, |word| word, Vec::new, |list| list.push(position));
        }
        assert_eq!(table.len(), 3);
        assert_eq!(table.get(&"b"), Some((2, &vec![3])));
        assert!(!table.contains(&"d"));
        assert_eq!(table.into_entries(), [("c", vec![0, 2, 5]), ("a", vec![1, 4]), ("b", vec![3])]);
    }
}
