//! `fold`: all records reduced to one, beginning with a zero.

use crate::rdd::Rdd;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Reduces the records of each partition with `f`, beginning with a copy of `zero`, and then the results, in order of the
    /// partitions. `zero` is used once per partition and once more, so `f(zero, t)` should be `t`.
    ///
    /// # Errors
    /// The fault of the job, or a panic of `f` while the results of the partitions are joined.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=4, 2).fold(0, |a, b| a + b)?, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn fold(&self, zero: T, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> Result<T, JobError> {
        let f = Arc::new(f);
        let join = f.clone();
        self.aggregate_at(Site::here("fold"), zero, move |a, b| f(a, b), move |a, b| join(a, b))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn nothing_folds_to_zero() {
        let engine = Engine::local(1).unwrap();
        assert_eq!(engine.parallelize([0; 0], 3).fold(0, |a, b| a + b).unwrap(), 0);
    }
}
