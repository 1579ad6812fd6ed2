//! `full_outer_join`: all values of two streams in a batch, paired under the same key.
#![expect(clippy::type_complexity, reason = "a value of each side are what the operator gives; a name would hide them")]

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// [`join`](DStream::join) that also has the values of either stream whose key the other lacks in the batch, with `None` in
    /// place of the other's value.
    ///
    /// Streams are as in `join`, partitions and order as in [`Rdd::full_outer_join`](crate::rdd::Rdd::full_outer_join).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run2;
    /// let joined = run2([vec![(1, 'x'), (2, 'y')]], [vec![(3, 30), (1, 10)]], |clicks, views| {
    ///     clicks.full_outer_join_with(&views, 1)
    /// })?;
    /// assert_eq!(joined, [[(1, (Some('x'), Some(10))), (2, (Some('y'), None)), (3, (None, Some(30)))]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn full_outer_join<W: Record>(&self, other: &DStream<'c, (K, W)>) -> DStream<'c, (K, (Option<V>, Option<W>))> {
        self.full_outer_join_at(Site::here("full_outer_join"), other, None)
    }

    /// [`full_outer_join`](DStream::full_outer_join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn full_outer_join_with<W: Record>(
        &self,
        other: &DStream<'c, (K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, (Option<V>, Option<W>))> {
        self.full_outer_join_at(Site::here("full_outer_join"), other, Some(partitioner.into()))
    }

    fn full_outer_join_at<W: Record>(
        &self,
        site: Site,
        other: &DStream<'c, (K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, (Option<V>, Option<W>))> {
        self.combine(site, other, move |_, this, that| Ok(this.full_outer_join_at(site, &that, partitioner.clone())))
    }
}
