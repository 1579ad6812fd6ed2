//! `count_by_value`: how often each record occurs.

use crate::rdd::{EachShared, Rdd};
use crate::record::{Data, Key};
use foldhash::fast::FixedState;
use indexmap::IndexMap;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

/// Counts in the order of first appearance.
type Counts<K> = IndexMap<K, u64, FixedState>;

impl<T: Key> Rdd<T> {
    /// How often each record occurs, in the order of their first appearance. The whole result comes to the caller: for many
    /// different records, pair each with a one and use [`reduce_by_key`](Rdd::reduce_by_key).
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(['b', 'a', 'b'], 2).count_by_value()?, [('b', 2), ('a', 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn count_by_value(&self) -> Result<Vec<(T, u64)>, JobError> {
        self.tally_at(Site::here("count_by_value"), |record| record)
    }
}

impl<T: Data> Rdd<T> {
    /// How often each `part` of a record occurs, in the order of first appearance.
    pub(super) fn tally_at<K: Key>(&self, site: Site, part: fn(&T) -> &K) -> Result<Vec<(K, u64)>, JobError> {
        let parts = self.run_job(site, move |input, task| {
            let mut counts = Counts::default();
            let mut counting = EachShared(|chunk: &[T]| {
                Ok(task.run(site, chunk.len(), || {
                    for key in chunk.iter().map(part) {
                        match counts.get_mut(key) {
                            Some(count) => *count += 1,
                            None => drop(counts.insert(key.clone(), 1)),
                        }
                    }
                })?)
            });
            input.push_into(task, &mut counting)?;
            Ok(counts)
        })?;
        self.on_driver(site, || {
            let mut parts = parts.into_iter();
            let mut total = parts.next().unwrap_or_default();
            for (key, count) in parts.flatten() {
                *total.entry(key).or_default() += count;
            }
            total.into_iter().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn each_value_comes_with_its_count() {
        let engine = Engine::local(2).unwrap();
        let batches = [vec![1], vec![1, 1, 1], vec![1, 2], vec![1, 1, 2, 2], vec![]];
        let counts = batches.map(|batch| engine.parallelize(batch, 2).count_by_value().unwrap());
        assert_eq!(counts, [vec![(1, 1)], vec![(1, 3)], vec![(1, 1), (2, 1)], vec![(1, 2), (2, 2)], vec![]]);
    }

    #[test]
    fn values_come_in_the_order_of_their_first_appearance() {
        let engine = Engine::local(2).unwrap();
        let counts = engine.from_partitions(vec![vec![], vec![9, 3], vec![5, 9, 1]]).count_by_value();
        assert_eq!(counts.unwrap(), [(9, 2), (3, 1), (5, 1), (1, 1)]);
    }
}
