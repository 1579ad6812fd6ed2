//! `left_outer_join`: all values of this dataset, with those of another that have the same key.

use super::hash_join::Kind;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// [`join`](Rdd::join) that also has the values of this dataset whose key `other` lacks, with `None` in place of its value.
    ///
    /// Rows come in the order of this dataset's records, each with its matches in the order of `other`. A partition of `other`
    /// is held in memory. Partitions are as in `join`.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let orders = engine.parallelize([(1, 10), (2, 20)], 2);
    /// let discounts = engine.parallelize([(1, 3), (3, 5)], 2);
    /// let prices = orders.left_outer_join(&discounts).map_values(|(price, discount)| price - discount.unwrap_or(0));
    /// assert_eq!(prices.collect()?, [(1, 7), (2, 20)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn left_outer_join<W: Record>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, Option<W>))> {
        self.left_outer_join_at(Site::here("left_outer_join"), other, None)
    }

    /// [`left_outer_join`](Rdd::left_outer_join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn left_outer_join_with<W: Record>(
        &self,
        other: &Rdd<(K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, (V, Option<W>))> {
        self.left_outer_join_at(Site::here("left_outer_join"), other, Some(partitioner.into()))
    }

    pub(crate) fn left_outer_join_at<W: Record>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> Rdd<(K, (V, Option<W>))> {
        self.hash_join::<LeftOuter, W>(site, other, partitioner)
    }
}

pub(super) struct LeftOuter;

impl<V: Data, W: Data> Kind<V, W> for LeftOuter {
    type Row = (V, Option<W>);
    const ALL_OF_THIS: bool = true;
    const ALL_OF_THAT: bool = false;

    fn row(this: Option<V>, that: Option<W>) -> Option<(V, Option<W>)> {
        Some((this?, that))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;

    #[test]
    fn oracle_records_without_a_match_stay_in_their_place() {
        check(
            |this, that, partitioner| match partitioner {
                Some(partitioner) => this.left_outer_join_with(that, partitioner),
                None => this.left_outer_join(that),
            },
            |sides| sides.rows_of_this(),
        );
    }
}
