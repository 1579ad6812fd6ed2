//! `distinct`: every record once.

use crate::rdd::{Partitioner, Rdd};
use crate::record::Key;
use waterwheel_runtime::site::Site;

impl<T: Key> Rdd<T> {
    /// Every record once, in as many partitions as `default_parallelism` says. Within a partition records come in the order
    /// of their first appearance by (partition, position).
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([3, 1, 3, 2, 1], 2).distinct().collect()?, [3, 1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn distinct(&self) -> Rdd<T> {
        self.distinct_at(Site::here("distinct"), Partitioner::hash(self.scope().parallelism()))
    }

    /// [`distinct`](Rdd::distinct) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn distinct_with(&self, partitioner: impl Into<Partitioner<T>>) -> Rdd<T> {
        self.distinct_at(Site::here("distinct"), partitioner.into())
    }

    pub(crate) fn distinct_at(&self, site: Site, partitioner: Partitioner<T>) -> Rdd<T> {
        self.map_at(site, |record| (record, ())).reduce_by_key_at(site, |(), ()| (), partitioner).keys_at(site)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn oracle_records_are_those_of_a_set() {
        let engine = Engine::local(2).unwrap();
        let records = proptest::collection::vec(0..40u16, 0..120);
        proptest!(|(records in records, from in 1..6usize, to in 1..6usize)| {
            let distinct = engine.parallelize(records.clone(), from).distinct_with(to);
            prop_assert_eq!(distinct.num_partitions(), to);
            let mut found = distinct.collect().unwrap();
            found.sort_unstable();
            let expected: Vec<u16> = records.into_iter().collect::<BTreeSet<u16>>().into_iter().collect();
            prop_assert_eq!(found, expected);
        });
    }
}
