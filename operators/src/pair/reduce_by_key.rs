//! `reduce_by_key`: the values of each key of a batch reduced to one.

use crate::dstream::DStream;
use crate::rdd::{Partitioner, reducer};
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Reduces the values of each key of a batch with `f`, which has to be associative, into as many partitions as
    /// `default_parallelism` says.
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
            let partitioner = partitioner.clone().unwrap_or_else(|| Partitioner::hash(dataset.scope().parallelism()));
            dataset.combine_at(site, combiner.clone(), partitioner)
        })
    }
}
