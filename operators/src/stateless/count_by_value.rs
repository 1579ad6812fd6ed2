//! `count_by_value`: how often each record comes in a batch.

use crate::dstream::{DStream, partitioner_for};
use crate::rdd::Partitioner;
use crate::record::Key;
use waterwheel_runtime::site::Site;

impl<'c, T: Key> DStream<'c, T> {
    /// How often each record comes in a batch, in as many partitions as `default_parallelism` says.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let words = [vec!["a", "b", "a"], vec![]].map(|batch| batch.into_iter().map(String::from).collect::<Vec<_>>());
    /// let mut counts = run(words, |words| words.count_by_value())?;
    /// counts[0].sort();
    /// assert_eq!(counts, [vec![("a".to_owned(), 2), ("b".to_owned(), 1)], vec![]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn count_by_value(&self) -> DStream<'c, (T, u64)> {
        self.count_by_value_at(Site::here("count_by_value"), None)
    }

    /// [`count_by_value`](DStream::count_by_value) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn count_by_value_with(&self, partitioner: impl Into<Partitioner<T>>) -> DStream<'c, (T, u64)> {
        self.count_by_value_at(Site::here("count_by_value"), Some(partitioner.into()))
    }

    pub(crate) fn count_by_value_at(&self, site: Site, partitioner: Option<Partitioner<T>>) -> DStream<'c, (T, u64)> {
        self.apply(site, move |dataset| {
            let partitioner = partitioner_for(partitioner.as_ref(), &dataset);
            dataset.map_at(site, |record| (record, 1)).reduce_by_key_at(site, |a, b| a + b, partitioner)
        })
    }
}
