//! `count`: how many records there are.

use crate::rdd::{EachShared, Rdd};
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// The number of records. Records are counted where they lie, not copied.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=5, 3).count()?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn count(&self) -> Result<u64, JobError> {
        let partitions = (0..self.num_partitions()).collect();
        Ok(self.count_partitions_at(Site::here("count"), partitions)?.into_iter().sum())
    }

    /// The number of records of each of `partitions`.
    pub(crate) fn count_partitions_at(&self, site: Site, partitions: Vec<usize>) -> Result<Vec<u64>, JobError> {
        self.run_job_on(site, partitions, |input, task| {
            let mut count = 0;
            let mut counter = EachShared(|chunk: &[T]| {
                count += chunk.len() as u64;
                Ok(())
            });
            input.push_into(task, &mut counter)?;
            Ok(count)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn every_record_counts_once_and_none_is_zero() {
        let engine = Engine::local(2).unwrap();
        for records in 0..5u64 {
            assert_eq!(engine.parallelize(0..records, 2).count().unwrap(), records);
        }
        assert_eq!(engine.empty_rdd::<u8>().count().unwrap(), 0);
    }
}
