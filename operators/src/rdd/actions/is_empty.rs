//! `is_empty`: whether there is no record.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Whether there is no record. Looks no further than the first, as [`take`](Rdd::take) does.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let numbers = engine.parallelize(1..=3, 2);
    /// assert!(!numbers.is_empty()?);
    /// assert!(numbers.filter(|n| *n > 3).is_empty()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool, JobError> {
        Ok(self.take_at(Site::here("is_empty"), 1)?.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn one_record_in_the_last_partition_is_enough() {
        let engine = Engine::local(2).unwrap();
        let mut partitions = vec![vec![]; 20];
        assert!(engine.from_partitions(partitions.clone()).is_empty().unwrap());
        partitions.push(vec![1]);
        assert!(!engine.from_partitions(partitions).is_empty().unwrap());
        assert!(engine.empty_rdd::<u8>().is_empty().unwrap());
    }
}
