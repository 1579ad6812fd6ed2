//! `collect`: all records, in order.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// All records, in order of partition and position.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(2)?;
    /// assert_eq!(engine.parallelize(1..=5, 3).collect()?, [1, 2, 3, 4, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn collect(&self) -> Result<Vec<T>, JobError> {
        self.collect_at(Site::here("collect"))
    }

    pub(crate) fn collect_at(&self, site: Site) -> Result<Vec<T>, JobError> {
        Ok(self.run_job(site, |input, task| input.to_vec(task))?.into_iter().flatten().collect())
    }
}
