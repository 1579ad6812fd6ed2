//! `reduce_by_key`: the values of each key reduced to one.

use super::combine_by_key::Combiner;
use crate::rdd::{Partitioner, Rdd};
use crate::record::{Key, Record};
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// Reduces the values of each key with `f`, which has to be associative. Reduced before it is shuffled, into as many
    /// partitions as `default_parallelism` says.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let counts = engine.parallelize(["a", "b", "a"], 2).map(|word| (word.to_owned(), 1)).reduce_by_key(|a, b| a + b);
    /// assert_eq!(counts.collect()?, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Rdd<(K, V)> {
        self.reduce_by_key_at(Site::here("reduce_by_key"), f, Partitioner::hash(self.scope().parallelism()))
    }

    /// [`reduce_by_key`](Rdd::reduce_by_key) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn reduce_by_key_with(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
    ) -> Rdd<(K, V)> {
        self.reduce_by_key_at(Site::here("reduce_by_key"), f, partitioner.into())
    }

    pub(crate) fn reduce_by_key_at(
        &self,
        site: Site,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitioner: Partitioner<K>,
    ) -> Rdd<(K, V)> {
        self.combine_at(site, reducer(f), partitioner)
    }
}

/// The combiner whose combined value is a value.
#[expect(clippy::type_complexity, reason = "the types of the functions have no names")]
pub(crate) fn reducer<V, F: Fn(V, V) -> V>(
    f: F,
) -> Arc<Combiner<impl Fn(V) -> V, impl Fn(V, V) -> V, impl Fn(V, V) -> V>> {
    let f = Arc::new(f);
    let merge = f.clone();
    Combiner::new(|value| value, move |a, b| f(a, b), move |a, b| merge(a, b))
}

#[cfg(test)]
mod tests {
    use crate::rdd::testing::{pairs, per_batch_sorted, words};

    #[test]
    fn the_values_of_each_key_become_one() {
        let counts = per_batch_sorted(words(), |batch| batch.reduce_by_key(|a, b| a + b));
        assert_eq!(counts, [pairs([("a", 2), ("b", 1)]), pairs([("", 2)]), pairs([])]);
    }
}
