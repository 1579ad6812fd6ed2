//! The records of a partition, grouped by key for the passes over state.

use crate::record::Key;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use waterwheel_runtime::codec::{CodecError, stable_key_hash};

/// The values of each key, one key after the other in a single list: no key has an allocation of its own.
pub(crate) struct Grouped<K, V> {
    positions: HashTable<u32>,
    groups: Vec<Group<K>>,
    /// The group of each value, until they are sorted.
    owners: Vec<u32>,
    values: Vec<V>,
    scratch: Vec<u8>,
}

/// One key.
pub(crate) struct Group<K> {
    pub(crate) hash: u64,
    pub(crate) key: K,
    /// How many values it has.
    count: u32,
    /// The position after its last value.
    end: u32,
}

impl<K: Key, V> Grouped<K, V> {
    pub(crate) fn new() -> Grouped<K, V> {
        Grouped {
            positions: HashTable::new(),
            groups: Vec::new(),
            owners: Vec::new(),
            values: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Adds a record.
    pub(crate) fn add(&mut self, (key, value): (K, V)) -> Result<(), CodecError> {
        let Grouped { positions, groups, owners, values, scratch } = self;
        let hash = stable_key_hash(&key, scratch)?;
        let same = |at: &u32| groups.get(*at as usize).is_some_and(|group| group.hash == hash && group.key == key);
        // The partition may have taken the lowest bits.
        let spread = |hash: u64| hash.rotate_left(28);
        let group =
            match positions.entry(spread(hash), same, |at| groups.get(*at as usize).map_or(0, |g| spread(g.hash))) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(vacant) => {
                    // A task with four thousand million keys has run out of memory long before.
                    let at = groups.len() as u32;
                    vacant.insert(at);
                    groups.push(Group { hash, key, count: 0, end: 0 });
                    at
                }
            };
        if let Some(group) = groups.get_mut(group as usize) {
            group.count += 1;
        }
        owners.push(group);
        values.push(value);
        Ok(())
    }

    /// Puts the values of each key together, in the order they came.
    pub(crate) fn sorted(mut self) -> Grouped<K, V> {
        let mut next = 0;
        for group in &mut self.groups {
            // For now where its next value goes.
            group.end = next;
            next += group.count;
        }
        let mut places = std::mem::take(&mut self.owners);
        for place in &mut places {
            if let Some(group) = self.groups.get_mut(*place as usize) {
                *place = group.end;
                group.end += 1;
            }
        }
        // Each swap brings one value to its place.
        for at in 0..places.len() {
            while let Some(place) = places.get(at).map(|place| *place as usize).filter(|place| *place != at) {
                self.values.swap(at, place);
                places.swap(at, place);
            }
        }
        self
    }

    /// Number of records.
    pub(crate) fn records(&self) -> usize {
        self.values.len()
    }

    /// The keys, in order of first appearance.
    pub(crate) fn groups(&self) -> &[Group<K>] {
        &self.groups
    }

    /// The values of the group at `position` of [`groups`](Grouped::groups); none when there is no such group.
    pub(crate) fn values(&self, position: usize) -> &[V] {
        let Some(group) = self.groups.get(position) else { return &[] };
        let (count, end) = (group.count as usize, group.end as usize);
        self.values.get(end - count..end).unwrap_or_default()
    }

    /// The position of `key` among the groups.
    pub(crate) fn position(&self, hash: u64, key: &K) -> Option<usize> {
        let same =
            |at: &u32| self.groups.get(*at as usize).is_some_and(|group| group.hash == hash && group.key == *key);
        self.positions.find(hash.rotate_left(28), same).map(|at| *at as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn oracle_groups_are_those_of_a_walk_over_the_records(records in proptest::collection::vec((0..9u8, any::<u16>()), 0..80)) {
            let mut grouped = Grouped::new();
            records.iter().for_each(|record| grouped.add(*record).unwrap());
            let grouped = grouped.sorted();
            prop_assert_eq!(grouped.records(), records.len());
            let mut seen = Vec::new();
            for (position, group) in grouped.groups().iter().enumerate() {
                let theirs: Vec<u16> = records.iter().filter(|(key, _)| *key == group.key).map(|(_, value)| *value).collect();
                prop_assert_eq!(grouped.values(position), theirs);
                prop_assert_eq!(grouped.position(group.hash, &group.key), Some(position));
                seen.push(group.key);
            }
            let mut firsts: Vec<u8> = Vec::new();
            records.iter().for_each(|(key, _)| if !firsts.contains(key) { firsts.push(*key) });
            prop_assert_eq!(seen, firsts);
        }
    }
}
