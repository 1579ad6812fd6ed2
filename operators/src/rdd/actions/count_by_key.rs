//! `count_by_key`: how many records each key has.

use crate::rdd::Rdd;
use crate::record::{Data, Key};
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// How many records each key has, keys in the order of their first appearance. The whole result comes to the caller: for
    /// many different keys, turn the values to ones and use [`reduce_by_key`](Rdd::reduce_by_key).
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([('b', 7), ('a', 8), ('b', 9)], 2).count_by_key()?, [('b', 2), ('a', 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn count_by_key(&self) -> Result<Vec<(K, u64)>, JobError> {
        self.tally_at(Site::here("count_by_key"), |(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::{pairs, words};

    #[test]
    fn each_key_comes_with_the_number_of_its_records() {
        let engine = Engine::local(2).unwrap();
        let counts: Vec<_> =
            words().into_iter().map(|batch| engine.parallelize(batch, 2).count_by_key().unwrap()).collect();
        assert_eq!(counts, [pairs([("a", 2), ("b", 1)]), pairs([("", 2)]), pairs([])]);
    }
}
