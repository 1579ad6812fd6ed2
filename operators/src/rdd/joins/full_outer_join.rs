//! `full_outer_join`: all values of two datasets, paired where they have the same key.
#![expect(clippy::type_complexity, reason = "a value of each side are what the operator gives; a name would hide them")]

use super::hash_join::Kind;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// [`join`](Rdd::join) that also has the values of either dataset whose key the other lacks, with `None` in place of the
    /// other's value. One of the two is always there.
    ///
    /// Rows come in the order of this dataset's records, each with its matches in the order of `other`; then those that only
    /// `other` has, by key in the order of first appearance. A partition of `other` is held in memory. Partitions are as in
    /// `join`.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let before = engine.parallelize([(1, 10), (2, 20)], 1);
    /// let after = engine.parallelize([(3, 30), (2, 25)], 1);
    /// let changes = before.full_outer_join(&after).map_values(|(old, new)| new.unwrap_or(0) - old.unwrap_or(0));
    /// assert_eq!(changes.collect()?, [(1, -10), (2, 5), (3, 30)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn full_outer_join<W: Record>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Option<V>, Option<W>))> {
        self.full_outer_join_at(Site::here("full_outer_join"), other, None)
    }

    /// [`full_outer_join`](Rdd::full_outer_join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn full_outer_join_with<W: Record>(
        &self,
        other: &Rdd<(K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, (Option<V>, Option<W>))> {
        self.full_outer_join_at(Site::here("full_outer_join"), other, Some(partitioner.into()))
    }

    pub(crate) fn full_outer_join_at<W: Record>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> Rdd<(K, (Option<V>, Option<W>))> {
        self.hash_join::<FullOuter, W>(site, other, partitioner)
    }
}

struct FullOuter;

impl<V: Data, W: Data> Kind<V, W> for FullOuter {
    type Row = (Option<V>, Option<W>);
    const ALL_OF_THIS: bool = true;
    const ALL_OF_THAT: bool = true;

    fn row(this: Option<V>, that: Option<W>) -> Option<(Option<V>, Option<W>)> {
        Some((this, that))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn oracle_both_sides_are_whole() {
        check(
            |this, that, partitioner| match partitioner {
                Some(partitioner) => this.full_outer_join_with(that, partitioner),
                None => this.full_outer_join(that),
            },
            |sides| {
                let rows = sides.rows_of_this().into_iter().map(|(key, (this, that))| (key, (Some(this), that)));
                rows.chain(sides.only_that().into_iter().map(|(key, that)| (key, (None, Some(that))))).collect()
            },
        );
    }
}
