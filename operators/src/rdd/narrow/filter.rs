//! `filter`: keeps some of the records.

use crate::rdd::{Flow, Rdd, Sink};
use crate::record::Data;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

impl<T: Data> Rdd<T> {
    /// Keeps the records for which `keep` is true. Partitions stay as they are.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=6, 2).filter(|n| n % 2 == 0).collect()?, [2, 4, 6]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Rdd<T> {
        self.filter_at(Site::here("filter"), keep)
    }

    pub(crate) fn filter_at(&self, site: Site, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Rdd<T> {
        self.narrow(true, move |input, task, out| input.push_into(task, &mut Filter::new(site, task, &keep, out)))
    }
}

/// Hands on the records for which `keep` is true.
pub(in crate::rdd) struct Filter<'a, T, F> {
    keep: F,
    site: Site,
    task: &'a TaskContext,
    out: &'a mut dyn Sink<T>,
    kept: Vec<T>,
}

impl<'a, T, F: FnMut(&T) -> bool> Filter<'a, T, F> {
    pub(in crate::rdd) fn new(site: Site, task: &'a TaskContext, keep: F, out: &'a mut dyn Sink<T>) -> Self {
        Filter { keep, site, task, out, kept: Vec::new() }
    }
}

impl<T: Clone, F: FnMut(&T) -> bool> Sink<T> for Filter<'_, T, F> {
    fn push(&mut self, chunk: &mut Vec<T>) -> Flow {
        self.task.run(self.site, chunk.len(), || chunk.retain(|record| (self.keep)(record)))?;
        if chunk.is_empty() { Ok(()) } else { self.out.push(chunk) }
    }

    /// Copies only what is kept.
    fn push_shared(&mut self, chunk: &[T]) -> Flow {
        let Filter { keep, kept, .. } = self;
        self.task.run(self.site, chunk.len(), || kept.extend(chunk.iter().filter(|record| keep(record)).cloned()))?;
        if kept.is_empty() { Ok(()) } else { self.out.push(kept) }
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::per_batch;

    #[test]
    fn only_the_records_asked_for_are_kept() {
        let even = per_batch(vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]], |batch| {
            batch.filter(|n| n % 2 == 0)
        });
        assert_eq!(even, [[2, 4], [6, 8], [10, 12]]);
    }

    #[test]
    fn a_partition_without_any_of_them_stays_as_an_empty_one() {
        let engine = Engine::local(1).unwrap();
        let even = engine.parallelize([1, 3, 2, 4], 2).filter(|n| n % 2 == 0);
        assert_eq!(even.glom().collect().unwrap(), [vec![], vec![2, 4]]);
    }
}
