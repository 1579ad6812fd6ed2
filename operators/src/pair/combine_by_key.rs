//! `combine_by_key`: the values of each key of a batch folded into one combined value.

use crate::dstream::DStream;
use crate::rdd::{Combiner, Partitioner};
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Folds the values of each key of a batch: `create` makes a combined value of the first, `merge_value` adds another,
    /// `merge_combiners` joins what different partitions made. Values are combined before they are shuffled.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let means = run([vec![("ada", 1.0), ("bob", 2.0), ("ada", 3.0)]], |marks| {
    ///     let marks = marks.map(|(name, mark)| (name.to_owned(), mark));
    ///     let sums = marks.combine_by_key(|v| (v, 1.0), |(sum, n), v| (sum + v, n + 1.0), |a, b| (a.0 + b.0, a.1 + b.1), 1);
    ///     sums.map_values(|(sum, n): (f64, f64)| sum / n)
    /// })?;
    /// assert_eq!(means, [[("ada".to_owned(), 2.0), ("bob".to_owned(), 2.0)]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn combine_by_key<C: Record>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, C)> {
        let (site, partitioner) = (Site::here("combine_by_key"), partitioner.into());
        let combiner = Combiner::new(create, merge_value, merge_combiners);
        self.apply(site, move |dataset| dataset.combine_at(site, combiner.clone(), partitioner.clone()))
    }

    /// [`combine_by_key`](DStream::combine_by_key), shuffling the values as they are if `map_side_combine` is false: for when
    /// combining makes nothing smaller.
    #[track_caller]
    pub fn combine_by_key_with<C: Record>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        merge_value: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge_combiners: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitioner: impl Into<Partitioner<K>>,
        map_side_combine: bool,
    ) -> DStream<'c, (K, C)> {
        let (site, partitioner) = (Site::here("combine_by_key_with"), partitioner.into());
        let combiner = Combiner::new(create, merge_value, merge_combiners);
        self.apply(site, move |dataset| match map_side_combine {
            true => dataset.combine_at(site, combiner.clone(), partitioner.clone()),
            false => dataset.gather_at(site, combiner.clone(), partitioner.clone()),
        })
    }
}
