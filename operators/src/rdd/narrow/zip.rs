//! `zip`: records at the same place become pairs.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Pairs every record with the one at the same place of `other`: the first with the first, partition by partition. A
    /// partition of `other` is held in memory.
    ///
    /// Both datasets need to have the same number of partitions and of records in each, as when one was made of the other by
    /// [`map`](Rdd::map). A task that finds different numbers of records fails and names both.
    ///
    /// # Errors
    /// Different numbers of partitions.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let words = engine.parallelize(["a", "bb", "ccc"], 2);
    /// let lengths = words.zip(&words.map(|word| word.len()))?;
    /// assert_eq!(lengths.collect()?, [("a", 1), ("bb", 2), ("ccc", 3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn zip<U: Data>(&self, other: &Rdd<U>) -> Result<Rdd<(T, U)>, JobError> {
        let site = Site::here("zip");
        self.same_partitions(site, other)?;
        Ok(self.beside(other, None, move |this, that, task, out| {
            let those = that.to_vec(task)?;
            let there = those.len();
            let mut those = those.into_iter();
            let mut here = 0;
            this.each(task, |chunk| {
                here += chunk.len();
                let mut pairs = chunk.drain(..).zip(those.by_ref()).collect();
                out.push(&mut pairs)
            })?;
            if here == there {
                return Ok(());
            }
            let cause = format!(
                "it has {here} records in this partition and the other dataset has {there}; only partitions of equally many can be zipped"
            );
            Err(task.failed(site, cause).into())
        }))
    }

    /// Refuses a dataset with another number of partitions.
    pub(super) fn same_partitions<U: Data>(&self, site: Site, other: &Rdd<U>) -> Result<(), JobError> {
        let (here, there) = (self.num_partitions(), other.num_partitions());
        if here == there {
            return Ok(());
        }
        let message = format!(
            "the dataset has {here} partitions and the other has {there}; repartition one of them, so that they have equally many"
        );
        Err(JobError::Failed { site, batch: self.scope().batch(), message })
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn records_meet_over_chunks_of_any_size() {
        let engine = Engine::local(2).unwrap();
        let numbers = engine.parallelize(0..6000, 4);
        let pairs = numbers.filter(|n| n % 3 == 0).flat_map(|n| n..n + 3).zip(&numbers.map(|n| n * 10)).unwrap();
        assert_eq!(pairs.collect().unwrap(), (0..6000).map(|n| (n, n * 10)).collect::<Vec<_>>());
        assert_eq!(engine.empty_rdd::<u8>().zip(&engine.empty_rdd::<u8>()).unwrap().collect().unwrap(), []);
    }

    #[test]
    fn different_numbers_of_records_fail_the_task_with_both() {
        let engine = Engine::local(1).unwrap();
        let of = |records: usize| engine.from_partitions(vec![vec![1], vec![2; records]]);
        for (here, there) in [(3, 1000), (1000, 3), (0, 1)] {
            let line = line!() + 1;
            let zipped = of(here).zip(&of(there)).unwrap();
            let error = zipped.collect().unwrap_err().to_string();
            assert!(error.starts_with(&format!("zip at {}:{line}:", file!())), "{error}");
            let cause =
                format!("in partition 1: it has {here} records in this partition and the other dataset has {there}");
            assert!(error.contains(&cause), "{error}");
        }
    }

    #[test]
    fn different_numbers_of_partitions_are_refused_at_once() {
        let engine = Engine::local(1).unwrap();
        let line = line!() + 1;
        let error = engine.parallelize(0..4, 2).zip(&engine.parallelize(0..4, 3)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("zip at {}:{line}:", file!())), "{error}");
        assert!(error.contains("has 2 partitions and the other has 3"), "{error}");
    }
}
