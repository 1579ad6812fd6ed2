//! `map`: one record in, one record out.

use crate::rdd::{Rdd, take};
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Applies `f` to every record.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=3, 1).map(|n| n * 10).collect()?, [10, 20, 30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map<U: Data>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Rdd<U> {
        self.map_at(Site::here("map"), f)
    }

    pub(crate) fn map_at<U: Data>(&self, site: Site, f: impl Fn(T) -> U + Send + Sync + 'static) -> Rdd<U> {
        self.map_records(site, false, f)
    }

    /// [`map`](Rdd::map) by a caller who may know that the keys stay as they are.
    pub(super) fn map_records<U: Data>(
        &self,
        site: Site,
        keeps_partitioning: bool,
        f: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.narrow(keeps_partitioning, move |input, task, out| {
            input.each(task, |chunk| {
                let mut mapped = task.run(site, chunk.len(), || take(chunk).map(&f).collect())?;
                out.push(&mut mapped)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::rdd::testing::per_batch;

    #[test]
    fn every_record_is_mapped_in_order() {
        let texts = per_batch(vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]], |batch| {
            batch.map(|n: i32| n.to_string())
        });
        assert_eq!(texts, [["1", "2", "3", "4"], ["5", "6", "7", "8"], ["9", "10", "11", "12"]]);
    }
}
