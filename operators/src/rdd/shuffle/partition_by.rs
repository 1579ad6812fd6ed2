//! `partition_by`: every record goes where its key belongs.

use super::Shuffle;
use super::route::{split_input, strung};
use crate::rdd::{Input, Partitioner, Rdd};
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// Moves every record to the partition that `partitioner` (a number of partitions will do) gives its key. A dataset that
    /// has an equal partitioner stays as it is; operators that come after with an equal one need no shuffle.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let by_parity = Partitioner::custom(2, |n: &usize| n % 2);
    /// let parted = engine.parallelize([(1, 'a'), (2, 'b'), (3, 'c')], 1).partition_by(by_parity);
    /// assert_eq!(parted.glom().collect()?, [vec![(2, 'b')], vec![(1, 'a'), (3, 'c')]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn partition_by(&self, partitioner: impl Into<Partitioner<K>>) -> Rdd<(K, V)> {
        self.partition_by_at(Site::here("partition_by"), partitioner.into())
    }

    pub(crate) fn partition_by_at(&self, site: Site, partitioner: Partitioner<K>) -> Rdd<(K, V)> {
        if self.node().partitioner() == Some(partitioner.id()) {
            return self.clone();
        }
        let (targets, id) = (partitioner.partitions(), partitioner.id());
        let map = move |input: &Input<'_, (K, V)>, task: &TaskContext| split_input(site, &partitioner, input, task);
        let reduce = |buckets, _: &TaskContext| Ok(strung::<(K, V)>(buckets));
        Shuffle { site, targets, partitioner: Some(id), map, reduce }.of(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn records_of_one_key_meet_in_the_order_they_had() {
        let engine = Engine::local(2).unwrap();
        let records: Vec<(u32, u32)> = (0..200).map(|n| (n % 7, n)).collect();
        let partitioner = Partitioner::hash(3);
        let parted = engine.parallelize(records.clone(), 5).partition_by(partitioner.clone());
        for (number, partition) in parted.glom().collect().unwrap().into_iter().enumerate() {
            let mut theirs = records.clone();
            theirs.retain(|(key, _)| partitioner.partition(key, &mut Vec::new()).unwrap() == number);
            assert_eq!(partition, theirs);
        }
    }

    #[test]
    fn a_dataset_with_an_equal_partitioner_stays_as_it_is() {
        let engine = Engine::local(1).unwrap();
        let parted = engine.parallelize([(1, 1)], 2).partition_by(3);
        assert_eq!(parted.partition_by(3).node().id(), parted.node().id());
        assert_ne!(parted.partition_by(4).node().id(), parted.node().id());
    }
}
