//! `repartition`: another number of partitions, of even size.

use super::Shuffle;
use super::route::strung;
use crate::rdd::{Input, Rdd};
use crate::record::Record;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

impl<T: Record> Rdd<T> {
    /// Deals the records out to exactly `partitions` partitions (at least 1), so that they come to even sizes. To have fewer
    /// partitions without moving records, use [`coalesce`](Rdd::coalesce).
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let dealt = engine.parallelize(1..=6, 1).repartition(3);
    /// assert_eq!(dealt.glom().collect()?, [[1, 4], [2, 5], [3, 6]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn repartition(&self, partitions: usize) -> Rdd<T> {
        self.repartition_at(Site::here("repartition"), partitions)
    }

    pub(crate) fn repartition_at(&self, site: Site, partitions: usize) -> Rdd<T> {
        let targets = partitions.max(1);
        let map = move |input: &Input<'_, T>, task: &TaskContext| {
            let mut buckets: Vec<Vec<T>> = (0..targets).map(|_| Vec::new()).collect();
            // Each partition starts with another target: a thousand partitions of one record would else fill the first.
            let mut next = input.partition() % targets;
            input.each(task, |chunk| {
                for record in chunk.drain(..) {
                    if let Some(bucket) = buckets.get_mut(next) {
                        bucket.push(record);
                    }
                    next = (next + 1) % targets;
                }
                Ok(())
            })?;
            Ok(buckets)
        };
        let reduce = |buckets, _: &TaskContext| Ok(strung::<T>(buckets));
        Shuffle { site, targets, partitioner: None, map, reduce }.of(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::per_batch_sorted;
    use proptest::prelude::*;

    fn hundreds() -> Vec<Vec<i32>> {
        vec![(1..=100).collect(), (101..=200).collect(), (201..=300).collect()]
    }

    #[test]
    fn more_partitions_are_exactly_as_many_and_hold_the_same_records() {
        let dealt = per_batch_sorted(hundreds(), |batch| {
            let dealt = batch.repartition(5);
            assert_eq!(dealt.glom().collect().unwrap().len(), 5);
            dealt
        });
        assert_eq!(dealt, hundreds());
    }

    #[test]
    fn fewer_partitions_are_exactly_as_many_and_hold_the_same_records() {
        let dealt = per_batch_sorted(hundreds(), |batch| {
            let dealt = batch.repartition(5).repartition(2);
            assert_eq!(dealt.glom().collect().unwrap().len(), 2);
            dealt
        });
        assert_eq!(dealt, hundreds());
    }

    #[test]
    fn partitions_of_one_record_do_not_all_go_to_the_first_target() {
        let engine = Engine::local(2).unwrap();
        let dealt = engine.parallelize(0..30, 30).repartition(3);
        assert!(dealt.glom().collect().unwrap().iter().all(|partition| partition.len() == 10));
    }

    #[test]
    fn oracle_records_are_dealt_out_one_by_one() {
        let engine = Engine::local(2).unwrap();
        let partitions = proptest::collection::vec(proptest::collection::vec(any::<u16>(), 0..20), 0..6);
        proptest!(|(partitions in partitions, to in 1..7usize)| {
            let dealt = engine.from_partitions(partitions.clone()).repartition(to).glom().collect().unwrap();
            let mut expected = vec![Vec::new(); to];
            for (number, partition) in partitions.into_iter().enumerate() {
                for (position, record) in partition.into_iter().enumerate() {
                    expected[(number + position) % to].push(record);
                }
            }
            prop_assert_eq!(dealt, expected);
        });
    }
}
