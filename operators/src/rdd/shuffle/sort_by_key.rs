//! `sort_by_key`: pairs in one order over all partitions.

use super::Shuffle;
use super::range::{Sample, bounds, range_of, sample_size};
use super::route::strung;
use crate::rdd::{EachShared, Input, Rdd};
use crate::record::Record;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

impl<K: Record + Ord, V: Record> Rdd<(K, V)> {
    /// Sorts the records by key: those of a partition, and partitions among each other, so that [`collect`](Rdd::collect) is
    /// in order. Records with equal keys stay in the order they had, whichever the direction.
    ///
    /// The dataset has exactly `partitions` partitions (at least 1); some are empty when there are few different keys. With
    /// more than one this runs a job, which looks at every record for a sample of the keys: [`persist`](Rdd::persist) what
    /// is dear to compute.
    ///
    /// # Errors
    /// The fault of that job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let pairs = engine.parallelize([(2, 'b'), (3, 'c'), (1, 'a')], 2);
    /// assert_eq!(pairs.sort_by_key(false, 2)?.collect()?, [(3, 'c'), (2, 'b'), (1, 'a')]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn sort_by_key(&self, ascending: bool, partitions: usize) -> Result<Rdd<(K, V)>, JobError> {
        self.sort_by_key_at(Site::here("sort_by_key"), ascending, partitions)
    }

    pub(super) fn sort_by_key_at(
        &self,
        site: Site,
        ascending: bool,
        partitions: usize,
    ) -> Result<Rdd<(K, V)>, JobError> {
        let targets = partitions.max(1);
        let bounds = self.range_bounds(site, targets)?;
        let map = move |input: &Input<'_, (K, V)>, task: &TaskContext| {
            let mut buckets: Vec<Vec<(K, V)>> = (0..targets).map(|_| Vec::new()).collect();
            input.each(task, |chunk| {
                Ok(task.run(site, chunk.len(), || {
                    for record in chunk.drain(..) {
                        let range = range_of(&bounds, &record.0);
                        let target = if ascending { range } else { targets - 1 - range };
                        if let Some(bucket) = buckets.get_mut(target) {
                            bucket.push(record);
                        }
                    }
                })?)
            })?;
            Ok(buckets)
        };
        let reduce = move |buckets: Vec<Vec<(K, V)>>, task: &TaskContext| {
            let mut records = strung(buckets);
            task.run(site, records.len(), || {
                records.sort_by(|(a, _), (b, _)| if ascending { a.cmp(b) } else { b.cmp(a) });
                records
            })
        };
        Ok(Shuffle { site, targets, partitioner: None, map, reduce }.of(self))
    }

    /// The upper bounds of the keys of all targets but the last, from a sample of every partition.
    fn range_bounds(&self, site: Site, targets: usize) -> Result<Vec<K>, JobError> {
        if targets == 1 {
            return Ok(Vec::new());
        }
        let most = sample_size(targets, self.num_partitions());
        let samples = self.run_job(site, move |input, task| {
            let mut sample = Sample::new(most);
            let mut looking = EachShared(|chunk: &[(K, V)]| {
                Ok(task.run(site, 0, || chunk.iter().for_each(|(key, _)| sample.look(key)))?)
            });
            input.push_into(task, &mut looking)?;
            Ok(sample)
        })?;
        let weighted = samples.into_iter().flat_map(Sample::into_weighted).collect();
        self.on_driver(site, || bounds(weighted, targets))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn equal_keys_meet_in_one_partition_in_the_order_they_had() {
        let engine = Engine::local(2).unwrap();
        let pairs = engine.parallelize((0..300).map(|n| (n % 3, n)), 4);
        for ascending in [true, false] {
            let partitions = pairs.sort_by_key(ascending, 8).unwrap().glom().collect().unwrap();
            let mut full: Vec<_> = partitions.into_iter().filter(|partition| !partition.is_empty()).collect();
            if !ascending {
                full.reverse();
            }
            let expected: Vec<Vec<(i32, i32)>> =
                (0..3).map(|key| (0..300).filter(|n| n % 3 == key).map(|n| (key, n)).collect()).collect();
            assert_eq!(full, expected);
        }
    }

    #[test]
    fn nothing_sorted_is_nothing() {
        let engine = Engine::local(1).unwrap();
        let none = engine.empty_rdd::<(u8, u8)>().sort_by_key(true, 2).unwrap();
        assert_eq!(none.num_partitions(), 2);
        assert_eq!(none.collect().unwrap(), []);
    }
}
