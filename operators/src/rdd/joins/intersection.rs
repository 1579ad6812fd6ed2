//! `intersection`: the records that two datasets share.

use super::meeting::Gather;
use crate::rdd::key_table::KeyTable;
use crate::rdd::narrow::Filter;
use crate::rdd::{Partitioner, Rdd};
use crate::record::Key;
use waterwheel_runtime::site::Site;

impl<T: Key> Rdd<T> {
    /// The records that are also in `other`, each once, in as many partitions as `default_parallelism` says. Within a partition
    /// they come in the order of their first appearance here, by (partition, position).
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let shared = engine.parallelize([3, 1, 4, 1, 5], 2).intersection(&engine.parallelize([1, 2, 3, 1], 2));
    /// assert_eq!(shared.collect()?, [3, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn intersection(&self, other: &Rdd<T>) -> Rdd<T> {
        self.intersection_at(Site::here("intersection"), other, Partitioner::hash(self.scope().parallelism()))
    }

    /// [`intersection`](Rdd::intersection) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn intersection_with(&self, other: &Rdd<T>, partitioner: impl Into<Partitioner<T>>) -> Rdd<T> {
        self.intersection_at(Site::here("intersection"), other, partitioner.into())
    }

    fn intersection_at(&self, site: Site, other: &Rdd<T>, partitioner: Partitioner<T>) -> Rdd<T> {
        // Doubles are dropped before the shuffle. Afterwards both sides are in place.
        let once = |dataset: &Rdd<T>| {
            let keyed = dataset.map_at(site, |record| (record, ()));
            keyed.reduce_by_key_at(site, |(), ()| (), partitioner.clone())
        };
        let shared = once(self).meet(site, &once(other), partitioner.clone(), move |this, that, task, out| {
            let mut keys = KeyTable::with_capacity(0);
            that.push_into(task, &mut Gather { site, task, table: &mut keys, add: |(): &mut (), ()| {} })?;
            this.push_into(task, &mut Filter::new(site, task, |(record, ())| keys.contains(record), out))
        });
        shared.keys_at(site)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_records;

    #[test]
    fn oracle_records_of_both_come_once_in_order_of_first_appearance() {
        check_records(
            |this, that, partitions| this.intersection_with(that, partitions),
            |this, that| {
                let mut shared: Vec<String> = Vec::new();
                for record in this {
                    if that.contains(record) && !shared.contains(record) {
                        shared.push(record.clone());
                    }
                }
                shared
            },
        );
    }
}
