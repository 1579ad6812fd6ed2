//! The table that values are combined in.

use crate::rdd::key_table::KeyTable;
use std::hash::Hash;

/// Combined values by key, in the order in which the keys first appeared.
pub(crate) struct CombineTable<K, C> {
    /// The value is taken out while it is merged, hence the `Option`.
    table: KeyTable<K, Option<C>>,
}

impl<K: Hash + Eq, C> CombineTable<K, C> {
    /// A table with room for `keys` keys.
    pub(crate) fn with_capacity(keys: usize) -> CombineTable<K, C> {
        CombineTable { table: KeyTable::with_capacity(keys) }
    }

    /// Adds a value: `create` makes the combined value when the key is new, `merge` when it is not.
    pub(crate) fn add<V>(&mut self, key: K, value: V, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C) {
        let change = |combined: &mut Option<C>| {
            *combined = Some(match combined.take() {
                Some(before) => merge(before, value),
                None => create(value),
            });
        };
        self.table.update(key, |key| key, || None, change);
    }

    /// [`add`](CombineTable::add) with a key that stays with its owner: it is copied when it is new here, and only then.
    pub(crate) fn add_shared<V>(&mut self, key: &K, value: V, create: impl Fn(V) -> C, merge: impl Fn(C, V) -> C)
    where
        K: Clone,
    {
        let change = |combined: &mut Option<C>| {
            *combined = Some(match combined.take() {
                Some(before) => merge(before, value),
                None => create(value),
            });
        };
        self.table.update(key, K::clone, || None, change);
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The keys with their values, in order of first appearance.
    pub(crate) fn into_records(self) -> impl Iterator<Item = (K, C)> {
        self.table.into_entries().into_iter().filter_map(|(key, combined)| Some((key, combined?)))
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
