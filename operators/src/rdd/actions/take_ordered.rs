//! `take_ordered`: the smallest records.

use crate::rdd::{CHUNK, EachShared, Rdd};
use crate::record::Data;
use std::cmp::Ordering;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data + Ord> Rdd<T> {
    /// The `n` smallest records (fewer when there are fewer), the smallest first. Each partition brings its own `n` back, so
    /// this is for small numbers.
    ///
    /// # Errors
    /// The fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize([5, 3, 9, 1], 2).take_ordered(2)?, [1, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn take_ordered(&self, n: usize) -> Result<Vec<T>, JobError> {
        self.first_in_order_at(Site::here("take_ordered"), n, T::cmp)
    }

    /// The first `n` records by `order`. Among equal ones, those that come first by (partition, position).
    pub(super) fn first_in_order_at(
        &self,
        site: Site,
        n: usize,
        order: fn(&T, &T) -> Ordering,
    ) -> Result<Vec<T>, JobError> {
        if n == 0 {
            return Ok(Vec::new());
        }
        let parts = self.run_job(site, move |input, task| {
            let mut first = First { n, order, records: Vec::new(), sorted: 0 };
            let mut looking = EachShared(|chunk: &[T]| Ok(task.run(site, chunk.len(), || first.look(chunk))?));
            input.push_into(task, &mut looking)?;
            Ok(task.run(site, 0, || first.finish())?)
        })?;
        self.on_driver(site, || {
            let records = parts.into_iter().flatten().collect();
            First { n, order, records, sorted: 0 }.finish()
        })
    }
}

/// The first records of a partition: up to `n` in order, then some that have yet to be sorted in.
struct First<T> {
    n: usize,
    order: fn(&T, &T) -> Ordering,
    records: Vec<T>,
    sorted: usize,
}

impl<T: Clone> First<T> {
    /// Copies only what may be among the first.
    fn look(&mut self, chunk: &[T]) {
        for record in chunk {
            // An equal record that comes later is behind the last of `n` that are there already.
            let last = if self.sorted == self.n { self.records.get(self.n - 1) } else { None };
            if last.is_some_and(|last| (self.order)(record, last) != Ordering::Less) {
                continue;
            }
            self.records.push(record.clone());
            if self.records.len() - self.sorted >= self.n.max(CHUNK) {
                self.settle();
            }
        }
    }

    fn finish(mut self) -> Vec<T> {
        self.settle();
        self.records
    }

    fn settle(&mut self) {
        // Stable: what was there first stays in front of its equals.
        self.records.sort_by(self.order);
        self.records.truncate(self.n);
        self.sorted = self.records.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use proptest::prelude::*;

    #[test]
    fn oracle_the_smallest_are_the_head_of_the_sorted_records() {
        let engine = Engine::local(2).unwrap();
        proptest!(|(records in proptest::collection::vec(any::<u8>(), 0..3000), from in 1..4usize, n in 0..20usize)| {
            let smallest = engine.parallelize(records.clone(), from).take_ordered(n).unwrap();
            let mut sorted = records;
            sorted.sort_unstable();
            sorted.truncate(n);
            prop_assert_eq!(smallest, sorted);
        });
    }

    /// Compares by the first half alone, so that equals can be told apart.
    #[derive(Clone, Debug)]
    struct Ranked(u8, usize);

    impl PartialEq for Ranked {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Ranked {}
    impl PartialOrd for Ranked {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Ranked {
        fn cmp(&self, other: &Self) -> Ordering {
            self.0.cmp(&other.0)
        }
    }

    #[test]
    fn among_equals_the_first_comes_first() {
        let engine = Engine::local(2).unwrap();
        let ranked = engine.parallelize((0..5000).map(|n| Ranked((n % 2) as u8, n)), 3);
        let places = |records: Vec<Ranked>| records.into_iter().map(|record| record.1).collect::<Vec<usize>>();
        assert_eq!(places(ranked.take_ordered(3).unwrap()), [0, 2, 4]);
        assert_eq!(places(ranked.top(3).unwrap()), [1, 3, 5]);
    }

    #[test]
    fn asking_for_everything_gives_everything() {
        let engine = Engine::local(1).unwrap();
        assert_eq!(engine.parallelize([2, 1], 2).take_ordered(usize::MAX).unwrap(), [1, 2]);
    }
}
