//! `zip_partitions`: a partition of each of two datasets at a time.

use crate::rdd::Rdd;
use crate::rdd::sink::push_iter;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Applies `f` to partition p of this dataset and of `other`, for every p, and strings the results together. Both partitions
    /// are held in memory; they need not have equally many records.
    ///
    /// # Errors
    /// Different numbers of partitions.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let (ones, tens) = (engine.parallelize(1..=4, 2), engine.parallelize([10, 20, 30], 2));
    /// let sums = ones.zip_partitions(&tens, |ones, tens| [ones.into_iter().chain(tens).sum::<i32>()])?;
    /// assert_eq!(sums.collect()?, [1 + 2 + 10, 3 + 4 + 20 + 30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn zip_partitions<U: Data, R: Data, I: IntoIterator<Item = R>>(
        &self,
        other: &Rdd<U>,
        f: impl Fn(Vec<T>, Vec<U>) -> I + Send + Sync + 'static,
    ) -> Result<Rdd<R>, JobError> {
        let site = Site::here("zip_partitions");
        self.same_partitions(site, other)?;
        Ok(self.beside(other, None, move |this, that, task, out| {
            let (this, that) = (this.to_vec(task)?, that.to_vec(task)?);
            let results = task.run(site, this.len() + that.len(), || f(this, that).into_iter())?;
            push_iter(site, task, results, out)
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn the_function_sees_both_partitions_as_a_whole_and_empty_ones_too() {
        let engine = Engine::local(2).unwrap();
        let letters = engine.from_partitions(vec![vec!['a', 'b'], vec![], vec!['c']]);
        let numbers = engine.from_partitions(vec![vec![1], vec![2, 3], vec![]]);
        let seen = letters.zip_partitions(&numbers, |letters, numbers| [(letters, numbers)]).unwrap();
        assert_eq!(seen.collect().unwrap(), [(vec!['a', 'b'], vec![1]), (vec![], vec![2, 3]), (vec!['c'], vec![])]);
    }

    #[test]
    fn different_numbers_of_partitions_are_refused_at_once() {
        let engine = Engine::local(1).unwrap();
        let two = engine.parallelize(0..4, 2);
        let line = line!() + 1;
        let refused = two.zip_partitions(&engine.parallelize(0..4, 3), |a, _| a);
        let error = refused.unwrap_err().to_string();
        assert!(error.starts_with(&format!("zip_partitions at {}:{line}:", file!())), "{error}");
        assert!(error.contains("has 2 partitions and the other has 3"), "{error}");
    }

    #[test]
    fn a_panic_names_the_operator() {
        let engine = Engine::local(1).unwrap();
        let one = engine.parallelize(0..4, 1);
        let line = line!() + 1;
        let failing = one.zip_partitions(&one, |_, _| -> Vec<u8> { panic!("boom") }).unwrap();
        let error = failing.collect().unwrap_err().to_string();
        assert!(error.starts_with(&format!("zip_partitions at {}:{line}:", file!())), "{error}");
    }
}
