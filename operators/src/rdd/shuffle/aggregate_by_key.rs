//! `aggregate_by_key`: the values of each key added to a zero of another type.

use super::combine_by_key::Combiner;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Data, Key, Record};
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Adds the values of each key to a copy of `zero` with `seq`, partition by partition, and joins what the partitions
    /// made with `comb`; into as many partitions as `default_parallelism` says.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let words = engine.parallelize([(1, "to"), (1, "bee"), (2, "or")], 2);
    /// assert_eq!(words.aggregate_by_key(0, |n, word| n + word.len(), |a, b| a + b).collect()?, [(1, 5), (2, 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn aggregate_by_key<U: Record>(
        &self,
        zero: U,
        seq: impl Fn(U, V) -> U + Send + Sync + 'static,
        comb: impl Fn(U, U) -> U + Send + Sync + 'static,
    ) -> Rdd<(K, U)> {
        let partitioner = Partitioner::hash(self.scope().parallelism());
        self.aggregate_by_key_at(Site::here("aggregate_by_key"), zero, seq, comb, partitioner)
    }

    /// [`aggregate_by_key`](Rdd::aggregate_by_key) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn aggregate_by_key_with<U: Record>(
        &self,
        zero: U,
        seq: impl Fn(U, V) -> U + Send + Sync + 'static,
        comb: impl Fn(U, U) -> U + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, U)> {
        self.aggregate_by_key_at(Site::here("aggregate_by_key"), zero, seq, comb, partitioner.into())
    }

    pub(super) fn aggregate_by_key_at<U: Record>(
        &self,
        site: Site,
        zero: U,
        seq: impl Fn(U, V) -> U + Send + Sync + 'static,
        comb: impl Fn(U, U) -> U + Send + Sync + 'static,
        partitioner: Partitioner<K>,
    ) -> Rdd<(K, U)> {
        let seq = Arc::new(seq);
        let first = seq.clone();
        let combiner = Combiner::new(move |value| first(zero.clone(), value), move |sum, value| seq(sum, value), comb);
        self.combine_at(site, combiner, partitioner)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn zero_is_used_once_per_key_and_partition() {
        let engine = Engine::local(2).unwrap();
        let pairs = engine.from_partitions(vec![vec![(1, 1), (1, 2)], vec![(2, 5)], vec![(1, 3)]]);
        let sums = pairs.aggregate_by_key_with(100, |sum, n| sum + n, |a, b| a + b, 1);
        assert_eq!(sums.collect().unwrap(), [(1, 206), (2, 105)]);
    }
}
