//! `flat_map_values`: one value in, any number out, the keys stay where they are.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<K: Data, V: Data> Rdd<(K, V)> {
    /// Applies `f` to every value and pairs each of its results with the key. Keys stay in their partitions, so what comes
    /// after need not shuffle again.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let lines = engine.parallelize([(1, "to be"), (2, ""), (3, "or")], 1);
    /// assert_eq!(lines.flat_map_values(str::split_whitespace).collect()?, [(1, "to"), (1, "be"), (3, "or")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn flat_map_values<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> Rdd<(K, U)> {
        self.flat_map_values_at(Site::here("flat_map_values"), f)
    }

    pub(crate) fn flat_map_values_at<U: Data, I: IntoIterator<Item = U>>(
        &self,
        site: Site,
        f: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> Rdd<(K, U)> {
        self.flat_map_records(site, true, move |(key, value)| {
            f(value).into_iter().map(move |result| (key.clone(), result))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::{pairs, per_batch_sorted, words};

    #[test]
    fn every_result_comes_with_the_key() {
        let counts =
            per_batch_sorted(words(), |batch| batch.reduce_by_key(|a, b| a + b).flat_map_values(|n| [n, n + 10]));
        assert_eq!(counts, [pairs([("a", 2), ("a", 12), ("b", 1), ("b", 11)]), pairs([("", 2), ("", 12)]), pairs([])]);
    }

    #[test]
    fn the_partitioner_is_kept() {
        let engine = Engine::local(1).unwrap();
        let parted = engine.parallelize([(1, 1)], 1).partition_by(3);
        assert_eq!(parted.flat_map_values(|n| [n]).node().partitioner(), parted.node().partitioner());
        assert!(parted.flat_map(|pair| [pair]).node().partitioner().is_none());
    }
}
