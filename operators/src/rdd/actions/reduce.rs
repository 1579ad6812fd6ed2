//! `reduce`: all records reduced to one.

use crate::rdd::Rdd;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Reduces all records to one with `f`, which has to be associative; `None` when there are none. Each partition is
    /// reduced by its task, then the results in order of the partitions.
    ///
    /// # Errors
    /// The fault of the job, or a panic of `f` while the results of the partitions are joined.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=4, 2).reduce(|a, b| a + b)?, Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn reduce(&self, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> Result<Option<T>, JobError> {
        self.reduce_at(Site::here("reduce"), f)
    }

    pub(crate) fn reduce_at(
        &self,
        site: Site,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
    ) -> Result<Option<T>, JobError> {
        let f = Arc::new(f);
        let join = f.clone();
        let reduced = self.run_job(site, move |input, task| {
            let mut reduced: Option<T> = None;
            input.each(task, |chunk| {
                let before = reduced.take();
                reduced = task.run(site, chunk.len(), || before.into_iter().chain(chunk.drain(..)).reduce(&*f))?;
                Ok(())
            })?;
            Ok(reduced)
        })?;
        self.on_driver(site, || reduced.into_iter().flatten().reduce(&*join))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn a_batch_is_reduced_to_one_record() {
        let engine = Engine::local(2).unwrap();
        let batches = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]];
        let sums = batches.map(|batch| engine.parallelize(batch, 2).reduce(|a, b| a + b).unwrap());
        assert_eq!(sums, [Some(10), Some(26), Some(42)]);
    }

    #[test]
    fn partitions_are_joined_in_their_order_and_empty_ones_passed_over() {
        let engine = Engine::local(2).unwrap();
        let words = ["", "a", "b", "", "c"].map(|word| word.chars().map(String::from).collect()).to_vec();
        assert_eq!(engine.from_partitions(words).reduce(|a, b| a + &b).unwrap(), Some("abc".to_owned()));
    }

    #[test]
    fn nothing_reduces_to_none() {
        let engine = Engine::local(1).unwrap();
        assert_eq!(engine.parallelize([0; 0], 3).reduce(|a, b| a + b).unwrap(), None);
    }
}
