//! `top`: the largest records.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data + Ord> Rdd<T> {
    /// The `n` largest records (fewer when there are fewer), the largest first. Each partition brings its own `n` back, so
    /// this is for small numbers.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([5, 3, 9, 1], 2).top(2)?, [9, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn top(&self, n: usize) -> Result<Vec<T>, JobError> {
        self.first_in_order_at(Site::here("top"), n, |a, b| b.cmp(a))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn there_may_be_fewer_than_asked_for() {
        let engine = Engine::local(1).unwrap();
        let numbers = engine.parallelize([2, 7, 2], 3);
        assert_eq!(numbers.top(5).unwrap(), [7, 2, 2]);
        assert_eq!(numbers.top(0).unwrap(), []);
    }
}
