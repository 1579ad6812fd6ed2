//! `min`: the least record.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data + Ord> Rdd<T> {
    /// The least record; `None` when there are none.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([2, 3, 1], 2).min()?, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn min(&self) -> Result<Option<T>, JobError> {
        self.reduce_at(Site::here("min"), Ord::min)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn nothing_has_no_least() {
        let engine = Engine::local(1).unwrap();
        assert_eq!(engine.parallelize([0; 0], 2).min().unwrap(), None);
    }
}
