//! `group_by_key`: the values of each key of a batch in a list.

use crate::dstream::{DStream, partitioner_for};
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Gathers the values of each key of a batch, in order of partition and position, into as many partitions as
    /// `default_parallelism` says.
    ///
    /// Every value is shuffled; what can be reduced is cheaper with [`reduce_by_key`](DStream::reduce_by_key).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let groups = run([vec![(1, 'a'), (2, 'b'), (1, 'c')]], |pairs| pairs.group_by_key_with(1))?;
    /// assert_eq!(groups, [[(1, vec!['a', 'c']), (2, vec!['b'])]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by_key(&self) -> DStream<'c, (K, Vec<V>)> {
        self.group_by_key_at(Site::here("group_by_key"), None)
    }

    /// [`group_by_key`](DStream::group_by_key) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn group_by_key_with(&self, partitioner: impl Into<Partitioner<K>>) -> DStream<'c, (K, Vec<V>)> {
        self.group_by_key_at(Site::here("group_by_key"), Some(partitioner.into()))
    }

    fn group_by_key_at(&self, site: Site, partitioner: Option<Partitioner<K>>) -> DStream<'c, (K, Vec<V>)> {
        self.apply(site, move |dataset| dataset.group_by_key_at(site, partitioner_for(partitioner.as_ref(), &dataset)))
    }
}
