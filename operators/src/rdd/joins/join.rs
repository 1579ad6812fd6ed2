//! `join`: pairs the values of two datasets that have the same key.

use super::hash_join::Kind;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// Every value of this dataset with every value of `other` that has the same key.
    ///
    /// Rows come in the order of this dataset's records, each with its matches in the order of `other`. A partition of `other`
    /// is held in memory: let the smaller dataset be the other one. The result has the partitioner that one of the two has, or
    /// as many partitions as `default_parallelism` says.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let orders = engine.parallelize([(1, "tea"), (2, "salt"), (1, "rice")].map(|(id, item)| (id, item.to_owned())), 2);
    /// let names = engine.parallelize([(1, "ada"), (3, "bob")].map(|(id, name)| (id, name.to_owned())), 2);
    /// let bought = orders.join(&names).map(|(_, (item, name))| format!("{name} bought {item}"));
    /// assert_eq!(bought.collect()?, ["ada bought tea", "ada bought rice"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn join<W: Record>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, W))> {
        self.join_at(Site::here("join"), other, None)
    }

    /// [`join`](Rdd::join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn join_with<W: Record>(
        &self,
        other: &Rdd<(K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, (V, W))> {
        self.join_at(Site::here("join"), other, Some(partitioner.into()))
    }

    pub(crate) fn join_at<W: Record>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> Rdd<(K, (V, W))> {
        self.hash_join::<Inner, W>(site, other, partitioner)
    }
}

pub(super) struct Inner;

impl<V: Data, W: Data> Kind<V, W> for Inner {
    type Row = (V, W);
    const ALL_OF_THIS: bool = false;
    const ALL_OF_THAT: bool = false;

    fn row(this: Option<V>, that: Option<W>) -> Option<(V, W)> {
        this.zip(that)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sides, check};
    use crate::prelude::*;

    #[test]
    fn oracle_every_record_meets_its_matches_in_order() {
        check(
            |this, that, partitioner| match partitioner {
                Some(partitioner) => this.join_with(that, partitioner),
                None => this.join(that),
            },
            |Sides { this, that }| {
                let rows = this.iter().flat_map(|(key, value)| {
                    let matches = that.iter().filter(move |(other, _)| other == key);
                    matches.map(move |(_, other)| (key.clone(), (*value, *other)))
                });
                rows.collect()
            },
        );
    }

    #[test]
    fn a_key_with_many_values_on_both_sides_has_every_pair_of_them() {
        let engine = Engine::local(2).unwrap();
        let this = engine.parallelize((0..700).map(|n| ((), n)), 2);
        let that = engine.parallelize((0..900).map(|n| ((), n)), 3);
        let expected: Vec<(i32, i32)> = (0..700).flat_map(|n| (0..900).map(move |m| (n, m))).collect();
        assert!(this.join(&that).values().collect().unwrap() == expected);
    }
}
