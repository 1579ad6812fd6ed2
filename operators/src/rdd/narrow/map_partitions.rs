//! `map_partitions`: a whole partition at a time.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Applies `f` to each partition as a whole: called exactly once per partition, also for one without records.
    ///
    /// The result may be a lazy iterator; it is drawn from as far as it is needed.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let sums = engine.parallelize(1..=4, 2).map_partitions(|part| [part.iter().sum::<i32>()]);
    /// assert_eq!(sums.collect()?, [3, 7]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map_partitions<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(Vec<T>) -> I + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.map_partitions_at(Site::here("map_partitions"), f)
    }

    pub(crate) fn map_partitions_at<U: Data, I: IntoIterator<Item = U>>(
        &self,
        site: Site,
        f: impl Fn(Vec<T>) -> I + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.map_partitions_with_index_at(site, move |_, records| f(records))
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::rdd::testing::per_batch;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_function_sees_each_partition_as_a_whole() {
        let sums = per_batch(vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]], |batch| {
            batch.map_partitions(|part| [part.iter().sum::<i32>()])
        });
        assert_eq!(sums, [[3, 7], [11, 15], [19, 23]]);
    }

    #[test]
    fn the_function_is_called_once_per_partition_and_for_empty_ones_too() {
        let engine = Engine::local(2).unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let lengths = engine.from_partitions(vec![vec![1; 5000], vec![], vec![2]]).filter(|n| *n < 2);
        let lengths = lengths.map_partitions(move |part| {
            counted.fetch_add(1, Ordering::Relaxed);
            [part.len()]
        });
        assert_eq!(lengths.collect().unwrap(), [5000, 0, 0]);
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_lazy_result_is_drawn_from_no_further_than_needed() {
        let engine = Engine::local(1).unwrap();
        let endless = engine.parallelize([7], 1).map_partitions(|part| part.into_iter().cycle());
        assert_eq!(endless.take(3).unwrap(), [7, 7, 7]);
    }
}
