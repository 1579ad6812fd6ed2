//! `fold_by_key`: the values of each key reduced, beginning with a zero.

use crate::rdd::{Partitioner, Rdd};
use crate::record::{Key, Record};
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// Reduces the values of each key with `f`, beginning with `zero`; into as many partitions as `default_parallelism`
    /// says. `zero` is used once per key and partition, so `f(zero, v)` should be `v`.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([(1, 2), (1, 3), (2, 4)], 2).fold_by_key(0, |a, b| a + b).collect()?, [(1, 5), (2, 4)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn fold_by_key(&self, zero: V, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Rdd<(K, V)> {
        let partitioner = Partitioner::hash(self.scope().parallelism());
        let f = Arc::new(f);
        let join = f.clone();
        let (seq, comb) = (move |a, b| f(a, b), move |a, b| join(a, b));
        self.aggregate_by_key_at(Site::here("fold_by_key"), zero, seq, comb, partitioner)
    }
}

#[cfg(test)]
mod tests {
    use crate::rdd::testing::{pairs, per_batch_sorted, words};

    #[test]
    fn a_neutral_zero_changes_nothing() {
        let counts = per_batch_sorted(words(), |batch| batch.fold_by_key(0, |a, b| a + b));
        assert_eq!(counts, [pairs([("a", 2), ("b", 1)]), pairs([("", 2)]), pairs([])]);
    }
}
