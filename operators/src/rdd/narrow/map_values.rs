//! `map_values`: the values change, the keys stay where they are.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<K: Data, V: Data> Rdd<(K, V)> {
    /// Applies `f` to every value. Keys stay in their partitions, so what comes after need not shuffle again.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([("a", 1), ("b", 2)], 1).map_values(|n| n * 10).collect()?, [("a", 10), ("b", 20)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map_values<U: Data>(&self, f: impl Fn(V) -> U + Send + Sync + 'static) -> Rdd<(K, U)> {
        self.map_values_at(Site::here("map_values"), f)
    }

    pub(crate) fn map_values_at<U: Data>(&self, site: Site, f: impl Fn(V) -> U + Send + Sync + 'static) -> Rdd<(K, U)> {
        self.map_records(site, true, move |(key, value)| (key, f(value)))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::{pairs, per_batch_sorted, words};

    #[test]
    fn the_values_of_a_reduction_are_mapped() {
        let counts = per_batch_sorted(words(), |batch| batch.reduce_by_key(|a, b| a + b).map_values(|n| n + 10));
        assert_eq!(counts, [pairs([("a", 12), ("b", 11)]), pairs([("", 12)]), pairs([])]);
    }

    #[test]
    fn the_partitioner_is_kept() {
        let engine = Engine::local(1).unwrap();
        let parted = engine.parallelize([(1, 1)], 1).partition_by(3);
        assert_eq!(parted.map_values(|n| n + 1).node().partitioner(), parted.node().partitioner());
        assert!(parted.map(|pair| pair).node().partitioner().is_none());
    }
}
