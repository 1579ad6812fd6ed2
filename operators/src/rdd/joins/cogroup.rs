//! `cogroup`: for every key, its values in each of two datasets.
#![expect(
    clippy::type_complexity,
    reason = "the lists of both sides are what the operator gives; a name would hide them"
)]

use super::meeting::Gather;
use crate::rdd::key_table::KeyTable;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// For every key of this dataset or of `other`, the list of its values in each; a side that lacks the key has an empty one.
    ///
    /// Keys come in the order of their first appearance, this dataset's first; values by (partition, position). The lists of
    /// all keys of a partition have to fit in memory. It has the partitioner that one of the two has, or as many partitions
    /// as `default_parallelism` says.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let bought = engine.parallelize([("ada", 3), ("bob", 5), ("ada", 4)].map(|(name, n)| (name.to_owned(), n)), 2);
    /// let returned = engine.parallelize([("cy", 1), ("ada", 3)].map(|(name, n)| (name.to_owned(), n)), 2);
    /// let both = bought.cogroup(&returned).collect()?;
    /// assert_eq!(both[0], ("ada".to_owned(), (vec![3, 4], vec![3])));
    /// assert_eq!(both[1], ("bob".to_owned(), (vec![5], vec![])));
    /// assert_eq!(both[2], ("cy".to_owned(), (vec![], vec![1])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn cogroup<W: Record>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        self.cogroup_at(Site::here("cogroup"), other, None)
    }

    /// [`cogroup`](Rdd::cogroup) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn cogroup_with<W: Record>(
        &self,
        other: &Rdd<(K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        self.cogroup_at(Site::here("cogroup"), other, Some(partitioner.into()))
    }

    pub(crate) fn cogroup_at<W: Record>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        let partitioner = partitioner.unwrap_or_else(|| self.meeting_place(other));
        self.meet(site, other, partitioner, move |this, that, task, out| {
            let mut table = KeyTable::with_capacity(0);
            let add = |(values, _): &mut (Vec<V>, Vec<W>), value| values.push(value);
            this.push_into(task, &mut Gather { site, task, table: &mut table, add })?;
            let add = |(_, values): &mut (Vec<V>, Vec<W>), value| values.push(value);
            that.push_into(task, &mut Gather { site, task, table: &mut table, add })?;
            out.push(&mut table.into_entries())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sides, check};
    use crate::prelude::*;
    use crate::rdd::testing::pairs;

    #[test]
    fn oracle_every_key_has_its_values_of_both_sides_in_order() {
        check(
            |this, that, partitioner| match partitioner {
                Some(partitioner) => this.cogroup_with(that, partitioner),
                None => this.cogroup(that),
            },
            |Sides { this, that }| {
                let mut groups: Vec<(String, (Vec<u32>, Vec<i64>))> = Vec::new();
                for (key, value) in this {
                    match groups.iter_mut().find(|(known, _)| known == key) {
                        Some((_, (values, _))) => values.push(*value),
                        None => groups.push((key.clone(), (vec![*value], vec![]))),
                    }
                }
                for (key, value) in that {
                    match groups.iter_mut().find(|(known, _)| known == key) {
                        Some((_, (_, values))) => values.push(*value),
                        None => groups.push((key.clone(), (vec![], vec![*value]))),
                    }
                }
                groups
            },
        );
    }

    #[test]
    fn the_groups_of_a_dataset_with_itself_are_the_same_twice() {
        let engine = Engine::local(2).unwrap();
        let numbers = engine.parallelize(pairs([("a", 1), ("b", 2), ("a", 3)]), 2).partition_by(1);
        let groups = numbers.cogroup(&numbers).collect().unwrap();
        assert_eq!(groups, pairs([("a", (vec![1, 3], vec![1, 3])), ("b", (vec![2], vec![2]))]));
    }
}
