//! `right_outer_join`: all values of another stream in a batch, with those of this one under the same key.

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// [`join`](DStream::join) that also has the values of `other` whose key this stream lacks in the batch, with `None` in place
    /// of its value.
    ///
    /// Streams are as in `join`, partitions and order as in [`Rdd::right_outer_join`](crate::rdd::Rdd::right_outer_join).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run2;
    /// let joined = run2([vec![(1, 'x'), (2, 'y')]], [vec![(3, 30), (1, 10)]], |clicks, views| {
    ///     clicks.right_outer_join_with(&views, 1)
    /// })?;
    /// assert_eq!(joined, [[(1, (Some('x'), 10)), (3, (None, 30))]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn right_outer_join<W: Record>(&self, other: &DStream<'c, (K, W)>) -> DStream<'c, (K, (Option<V>, W))> {
        self.right_outer_join_at(Site::here("right_outer_join"), other, None)
    }

    /// [`right_outer_join`](DStream::right_outer_join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn right_outer_join_with<W: Record>(
        &self,
        other: &DStream<'c, (K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, (Option<V>, W))> {
        self.right_outer_join_at(Site::here("right_outer_join"), other, Some(partitioner.into()))
    }

    fn right_outer_join_at<W: Record>(
        &self,
        site: Site,
        other: &DStream<'c, (K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, (Option<V>, W))> {
        self.combine(site, other, move |_, this, that| Ok(this.right_outer_join_at(site, &that, partitioner.clone())))
    }
}
