//! `sort_by`: one order over all partitions.

use crate::rdd::Rdd;
use crate::record::Record;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Record> Rdd<T> {
    /// Sorts the records by the key that `key` gives them: those of a partition, and partitions among each other, so that
    /// [`collect`](Rdd::collect) is in order. Records with equal keys stay in the order they had, whichever the direction.
    ///
    /// The dataset has exactly `partitions` partitions (at least 1); some are empty when there are few different keys. With
    /// more than one this runs a job, which looks at every record for a sample of the keys: [`persist`](Rdd::persist) what
    /// is dear to compute. `key` should be cheap, too.
    ///
    /// # Errors
    /// The fault of that job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let words = engine.parallelize(["wheel", "a", "of", "is"].map(String::from), 2);
    /// assert_eq!(words.sort_by(|word| word.len(), true, 2)?.collect()?, ["a", "of", "is", "wheel"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn sort_by<K: Record + Ord>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
        ascending: bool,
        partitions: usize,
    ) -> Result<Rdd<T>, JobError> {
        let site = Site::here("sort_by");
        Ok(self.key_by_at(site, key).sort_by_key_at(site, ascending, partitions)?.values_at(site))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;

    #[test]
    fn oracle_order_is_that_of_a_stable_sort() {
        let engine = Engine::local(2).unwrap();
        let records = proptest::collection::vec((0..30u8, any::<u16>()), 0..200);
        proptest!(|(records in records, from in 1..6usize, to in 1..6usize)| {
            let dataset = engine.parallelize(records.clone(), from);
            let (mut rising, mut falling) = (records.clone(), records);
            rising.sort_by_key(|(key, _)| *key);
            falling.sort_by_key(|(key, _)| Reverse(*key));
            let up = dataset.sort_by(|(key, _)| *key, true, to).unwrap();
            prop_assert_eq!(up.num_partitions(), to);
            prop_assert_eq!(up.collect().unwrap(), rising);
            let down = dataset.sort_by(|(key, _)| *key, false, to).unwrap();
            prop_assert_eq!(down.collect().unwrap(), falling);
        });
    }

    #[test]
    fn many_records_come_to_partitions_of_similar_size() {
        let engine = Engine::local(2).unwrap();
        // Some order that is neither rising nor falling; 7919 has no factor in common with 10,000.
        let mixed = engine.parallelize((0..10_000u32).map(|n| n * 7919 % 10_000), 3);
        let sorted = mixed.sort_by(|n| *n, true, 4).unwrap();
        assert_eq!(sorted.collect().unwrap(), (0..10_000).collect::<Vec<u32>>());
        for partition in sorted.glom().collect().unwrap() {
            assert!((2000..=3000).contains(&partition.len()), "{}", partition.len());
        }
    }
}
