//! `group_by_key`: the values of each key in one list.

use super::combine_by_key::Combiner;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// Gathers the values of each key, ordered by (partition, position), into as many partitions as `default_parallelism`
    /// says. Every value is shuffled: when the list is only reduced afterwards, [`reduce_by_key`](Rdd::reduce_by_key) is
    /// cheaper. The list of a key has to fit in memory.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let groups = engine.parallelize([(1, 'a'), (2, 'b'), (1, 'c')], 2).group_by_key();
    /// assert_eq!(groups.collect()?, [(1, vec!['a', 'c']), (2, vec!['b'])]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn group_by_key(&self) -> Rdd<(K, Vec<V>)> {
        self.group_by_key_at(Site::here("group_by_key"), Partitioner::hash(self.scope().parallelism()))
    }

    /// [`group_by_key`](Rdd::group_by_key) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn group_by_key_with(&self, partitioner: impl Into<Partitioner<K>>) -> Rdd<(K, Vec<V>)> {
        self.group_by_key_at(Site::here("group_by_key"), partitioner.into())
    }

    pub(crate) fn group_by_key_at(&self, site: Site, partitioner: Partitioner<K>) -> Rdd<(K, Vec<V>)> {
        let append = |mut values: Vec<V>, value| {
            values.push(value);
            values
        };
        // Lists are not combined before the shuffle, so there is nothing to merge.
        self.gather_at(site, Combiner::new(|value| vec![value], append, ()), partitioner)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::{pairs, per_batch_sorted, words};
    use proptest::prelude::*;

    #[test]
    fn the_values_of_each_key_are_gathered() {
        let groups = per_batch_sorted(words(), |batch| batch.group_by_key());
        assert_eq!(groups, [pairs([("a", vec![1, 1]), ("b", vec![1])]), pairs([("", vec![1, 1])]), pairs([])]);
    }

    /// Keys by first appearance, values in order.
    fn grouped(records: &[(u8, u16)]) -> Vec<(u8, Vec<u16>)> {
        let mut groups: Vec<(u8, Vec<u16>)> = Vec::new();
        for (key, value) in records {
            match groups.iter_mut().find(|(known, _)| known == key) {
                Some((_, values)) => values.push(*value),
                None => groups.push((*key, vec![*value])),
            }
        }
        groups
    }

    #[test]
    fn oracle_groups_are_those_of_a_walk_over_the_records() {
        let engine = Engine::local(2).unwrap();
        let records = proptest::collection::vec((0..9u8, any::<u16>()), 0..80);
        proptest!(|(records in records, from in 1..6usize, to in 1..6usize)| {
            let groups = engine.parallelize(records.clone(), from).group_by_key_with(to);
            let partitioner = Partitioner::hash(to);
            let partitions = groups.glom().collect().unwrap();
            prop_assert_eq!(partitions.len(), to);
            for (number, partition) in partitions.into_iter().enumerate() {
                let mut theirs = grouped(&records);
                theirs.retain(|(key, _)| partitioner.partition(key, &mut Vec::new()).unwrap() == number);
                prop_assert_eq!(partition, theirs);
            }
        });
    }
}
