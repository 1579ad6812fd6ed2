//! `subtract_by_key`: the records whose key another dataset lacks.

use super::meeting::Gather;
use crate::rdd::key_table::KeyTable;
use crate::rdd::narrow::Filter;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// The records whose key is not in `other`, in their order. Of `other` only the keys are looked at.
    ///
    /// The keys of a partition of `other` are held in memory. The result has the partitioner that one of the two has, or as many
    /// partitions as `default_parallelism` says.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let orders = engine.parallelize([(1, 10), (2, 20), (1, 30)], 2);
    /// let cancelled = engine.parallelize([(2, "too late")], 1);
    /// assert_eq!(orders.subtract_by_key(&cancelled).collect()?, [(1, 10), (1, 30)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn subtract_by_key<W: Data>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, V)> {
        self.subtract_by_key_at(Site::here("subtract_by_key"), other, None)
    }

    /// [`subtract_by_key`](Rdd::subtract_by_key) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn subtract_by_key_with<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, V)> {
        self.subtract_by_key_at(Site::here("subtract_by_key"), other, Some(partitioner.into()))
    }

    pub(crate) fn subtract_by_key_at<W: Data>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> Rdd<(K, V)> {
        let partitioner = partitioner.unwrap_or_else(|| self.meeting_place(other));
        let keys = other.map_values_at(site, |_| ());
        self.meet(site, &keys, partitioner, move |this, that, task, out| {
            let mut keys = KeyTable::with_capacity(0);
            that.push_into(task, &mut Gather { site, task, table: &mut keys, add: |(): &mut (), ()| {} })?;
            this.push_into(task, &mut Filter::new(site, task, |(key, _)| !keys.contains(key), out))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sides, check};
    use crate::prelude::*;

    #[test]
    fn oracle_records_whose_key_the_other_lacks_stay_in_order() {
        check(
            |this, that, partitioner| match partitioner {
                Some(partitioner) => this.subtract_by_key_with(that, partitioner),
                None => this.subtract_by_key(that),
            },
            |Sides { this, that }| {
                this.iter().filter(|(key, _)| that.iter().all(|(other, _)| other != key)).cloned().collect()
            },
        );
    }

    #[test]
    fn values_of_the_other_side_need_not_be_encodable() {
        struct Opaque;
        let engine = Engine::local(1).unwrap();
        let that = engine.parallelize([1, 2], 2).map(|key| (key, std::sync::Arc::new(Opaque)));
        assert_eq!(engine.parallelize([(1, 'a'), (3, 'b')], 1).subtract_by_key(&that).collect().unwrap(), [(3, 'b')]);
    }
}
