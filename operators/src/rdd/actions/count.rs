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
        let counts = self.run_job(Site::here("count"), |input, task| {
            let mut count = 0;
            let mut counter = EachShared(|chunk: &[T]| {
                count += chunk.len() as u64;
                Ok(())
            });
            input.push_into(task, &mut counter)?;
            Ok(count)
        })?;
        Ok(counts.into_iter().sum())
    }
}
