//! `reduce_by_key`: the values of each key of a batch reduced to one.

use crate::dstream::{DStream, partitioner_for};
use crate::rdd::{Partitioner, reducer};
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Reduces the values of each key of a batch with `f`, which has to be associative, into as many partitions as
    /// `default_parallelism` says. Values are reduced before they are shuffled.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let counts = run([vec![("a", 1), ("b", 1), ("a", 1)], vec![]], |pairs| {
    ///     pairs.map(|(word, n)| (word.to_owned(), n)).reduce_by_key_with(|a, b| a + b, 1)
    /// })?;
    /// assert_eq!(counts, [vec![("a".to_owned(), 2), ("b".to_owned(), 1)], vec![]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> DStream<'c, (K, V)> {
        self.reduce_by_key_at(Site::here("reduce_by_key"), f, None)
    }

    /// [`reduce_by_key`](DStream::reduce_by_key) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn reduce_by_key_with(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, V)> {
        self.reduce_by_key_at(Site::here("reduce_by_key"), f, Some(partitioner.into()))
    }

    pub(crate) fn reduce_by_key_at(
        &self,
        site: Site,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, V)> {
        let combiner = reducer(f);
        self.apply(site, move |dataset| {
            let partitioner = partitioner_for(partitioner.as_ref(), &dataset);
            dataset.combine_at(site, combiner.clone(), partitioner)
        })
    }
}
