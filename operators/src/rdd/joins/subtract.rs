//! `subtract`: the records that another dataset lacks.

use crate::rdd::{Partitioner, Rdd};
use crate::record::Key;
use waterwheel_runtime::site::Site;

impl<T: Key> Rdd<T> {
    /// The records that are not in `other`, as often as they are here, in as many partitions as `default_parallelism` says.
    /// Within a partition they come in their order by (partition, position).
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let left = engine.parallelize([3, 1, 4, 1, 5], 2).subtract(&engine.parallelize([4, 3, 2], 2));
    /// assert_eq!(left.collect()?, [1, 1, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn subtract(&self, other: &Rdd<T>) -> Rdd<T> {
        self.subtract_at(Site::here("subtract"), other, Partitioner::hash(self.scope().parallelism()))
    }

    /// [`subtract`](Rdd::subtract) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn subtract_with(&self, other: &Rdd<T>, partitioner: impl Into<Partitioner<T>>) -> Rdd<T> {
        self.subtract_at(Site::here("subtract"), other, partitioner.into())
    }

    fn subtract_at(&self, site: Site, other: &Rdd<T>, partitioner: Partitioner<T>) -> Rdd<T> {
        let this = self.map_at(site, |record| (record, ()));
        let that = other.map_at(site, |record| (record, ()));
        this.subtract_by_key_at(site, &that, Some(partitioner)).keys_at(site)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_records;

    #[test]
    fn oracle_records_that_the_other_lacks_stay_in_order_and_as_often() {
        check_records(
            |this, that, partitions| this.subtract_with(that, partitions),
            |this, that| this.iter().filter(|record| !that.contains(record)).cloned().collect(),
        );
    }
}
