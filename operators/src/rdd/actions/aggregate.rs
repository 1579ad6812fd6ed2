//! `aggregate`: all records added to a zero of another type.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Adds the records of each partition to a copy of `zero` with `seq`, and joins the results, beginning with `zero` once
    /// more, in order of the partitions with `comb`.
    ///
    /// # Errors
    /// The fault of the job, or a panic of `comb`.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let words = engine.parallelize(["to", "bee"], 2);
    /// assert_eq!(words.aggregate(0, |n, word| n + word.len(), |a, b| a + b)?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn aggregate<U: Data>(
        &self,
        zero: U,
        seq: impl Fn(U, T) -> U + Send + Sync + 'static,
        comb: impl Fn(U, U) -> U,
    ) -> Result<U, JobError> {
        self.aggregate_at(Site::here("aggregate"), zero, seq, comb)
    }

    pub(super) fn aggregate_at<U: Data>(
        &self,
        site: Site,
        zero: U,
        seq: impl Fn(U, T) -> U + Send + Sync + 'static,
        comb: impl Fn(U, U) -> U,
    ) -> Result<U, JobError> {
        let first = zero.clone();
        let sums = self.run_job(site, move |input, task| {
            // Taken out while it goes through `seq`; not put back when that fails, and then nobody looks.
            let mut sum = None;
            input.each(task, |chunk| {
                let before = sum.take().unwrap_or_else(|| zero.clone());
                sum = Some(task.run(site, chunk.len(), || chunk.drain(..).fold(before, &seq))?);
                Ok(())
            })?;
            Ok(sum.unwrap_or_else(|| zero.clone()))
        })?;
        self.on_driver(site, || sums.into_iter().fold(first, comb))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn zero_is_used_once_per_partition_and_once_more() {
        let engine = Engine::local(2).unwrap();
        let numbers = engine.from_partitions(vec![(0..2000).collect(), vec![], vec![5]]);
        let count = numbers.aggregate(1, |n, _: i32| n + 1, |a, b| a + b).unwrap();
        assert_eq!(count, 2001 + 4);
        assert_eq!(engine.empty_rdd::<u8>().aggregate(7, |n, _| n + 1, |a, b| a + b).unwrap(), 7);
    }

    #[test]
    fn partitions_are_joined_in_their_order() {
        let engine = Engine::local(2).unwrap();
        let letters = engine.parallelize('a'..='h', 5);
        let text = letters.aggregate(String::new(), |text, letter| text + &letter.to_string(), |a, b| a + &b);
        assert_eq!(text.unwrap(), "abcdefgh");
    }

    #[test]
    fn a_panic_while_the_partitions_are_joined_is_an_error() {
        let engine = Engine::local(1).unwrap();
        let line = line!() + 1;
        let sum = engine.parallelize([1, 2], 2).aggregate(0, |a, b| a + b, |_, _| panic!("too much"));
        let message = sum.unwrap_err().to_string();
        assert!(message.starts_with(&format!("aggregate at {}:{line}:", file!())), "{message}");
        assert!(message.ends_with("panicked: too much"), "{message}");
    }
}
