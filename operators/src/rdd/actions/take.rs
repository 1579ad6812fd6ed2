//! `take` and `first`: the first records, computing no more partitions than needed.

use crate::rdd::{EachShared, Flow, Rdd, Stop};
use crate::record::Data;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

/// Each further round looks at this many times more partitions, as Spark does.
const GROWTH: usize = 4;

impl<T: Data> Rdd<T> {
    /// The first `n` records (fewer when there are fewer). Looks at the first partition, then at four times more each round.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=5, 3).take(2)?, [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn take(&self, n: usize) -> Result<Vec<T>, JobError> {
        self.take_at(Site::here("take"), n)
    }

    /// The first record; `None` when there is none.
    ///
    /// # Errors
    /// The fault of the job.
    #[track_caller]
    pub fn first(&self) -> Result<Option<T>, JobError> {
        Ok(self.take_at(Site::here("first"), 1)?.pop())
    }

    pub(crate) fn take_at(&self, site: Site, n: usize) -> Result<Vec<T>, JobError> {
        let mut taken: Vec<T> = Vec::new();
        let (mut next, mut round) = (0, 1);
        while taken.len() < n && next < self.num_partitions() {
            let wanted = n - taken.len();
            let end = (next + round).min(self.num_partitions());
            let parts = self.run_job_on(site, (next..end).collect(), move |input, task| {
                let mut head = Vec::new();
                let mut taking = EachShared(|chunk: &[T]| -> Flow {
                    head.extend(chunk.iter().take(wanted - head.len()).cloned());
                    if head.len() < wanted { Ok(()) } else { Err(Stop::Enough) }
                });
                match input.push_into(task, &mut taking) {
                    Ok(()) | Err(Stop::Enough) => Ok(head),
                    Err(fault) => Err(fault),
                }
            })?;
            taken.extend(parts.into_iter().flatten().take(wanted));
            (next, round) = (end, round * GROWTH);
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_first_records_are_taken_over_partitions_and_chunks() {
        let engine = Engine::local(2).unwrap();
        let numbers = engine.from_partitions(vec![vec![], (0..3000).collect(), vec![], vec![3000, 3001]]);
        for n in [0, 1, 3000, 3001, 3002, 9000] {
            let expected: Vec<i32> = (0..3002).take(n).collect();
            assert_eq!(numbers.take(n).unwrap(), expected);
        }
        assert_eq!(numbers.first().unwrap(), Some(0));
        assert_eq!(engine.empty_rdd::<u8>().first().unwrap(), None);
    }

    #[test]
    fn no_more_partitions_are_computed_than_needed() {
        let engine = Engine::local(2).unwrap();
        let computed = Arc::new(AtomicUsize::new(0));
        let counted = computed.clone();
        let numbers = engine.parallelize(0..100, 100).map(move |n| {
            counted.fetch_add(1, Ordering::Relaxed);
            n
        });
        assert_eq!(numbers.take(2).unwrap(), [0, 1]);
        assert_eq!(computed.load(Ordering::Relaxed), 5, "one partition, then four");
    }
}
