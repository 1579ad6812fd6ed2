//! `right_outer_join`: all values of another dataset, with those of this one that have the same key.

use super::hash_join::Kind;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// [`join`](Rdd::join) that also has the values of `other` whose key this dataset lacks, with `None` in place of its value.
    ///
    /// Rows come in the order of this dataset's records, each with its matches in the order of `other`; then those that only
    /// `other` has, by key in the order of first appearance. A partition of `other` is held in memory: where another order will
    /// do, the [`left_outer_join`](Rdd::left_outer_join) of `other` with this one holds this one instead. Partitions are as in
    /// `join`.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let seen = engine.parallelize([(1, 5), (2, 7)], 1);
    /// let known = engine.parallelize([(3, "cy"), (1, "ada")].map(|(id, name)| (id, name.to_owned())), 1);
    /// let times = seen.right_outer_join(&known).map(|(_, (times, name))| (name, times.unwrap_or(0)));
    /// assert_eq!(times.collect()?, [("ada".to_owned(), 5), ("cy".to_owned(), 0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn right_outer_join<W: Record>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Option<V>, W))> {
        self.right_outer_join_at(Site::here("right_outer_join"), other, None)
    }

    /// [`right_outer_join`](Rdd::right_outer_join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn right_outer_join_with<W: Record>(
        &self,
        other: &Rdd<(K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, (Option<V>, W))> {
        self.right_outer_join_at(Site::here("right_outer_join"), other, Some(partitioner.into()))
    }

    pub(crate) fn right_outer_join_at<W: Record>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> Rdd<(K, (Option<V>, W))> {
        self.hash_join::<RightOuter, W>(site, other, partitioner)
    }
}

struct RightOuter;

impl<V: Data, W: Data> Kind<V, W> for RightOuter {
    type Row = (Option<V>, W);
    const ALL_OF_THIS: bool = false;
    const ALL_OF_THAT: bool = true;

    fn row(this: Option<V>, that: Option<W>) -> Option<(Option<V>, W)> {
        Some((this, that?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn oracle_what_only_the_other_side_has_comes_last() {
        check(
            |this, that, partitioner| match partitioner {
                Some(partitioner) => this.right_outer_join_with(that, partitioner),
                None => this.right_outer_join(that),
            },
            |sides| {
                let met =
                    sides.rows_of_this().into_iter().filter_map(|(key, (this, that))| Some((key, (Some(this), that?))));
                met.chain(sides.only_that().into_iter().map(|(key, that)| (key, (None, that)))).collect()
            },
        );
    }
}
