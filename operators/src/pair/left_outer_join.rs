//! `left_outer_join`: all values of one stream in a batch, with those of another under the same key.

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// [`join`](DStream::join) that also has the values of this stream whose key `other` lacks in the batch, with `None` in place
    /// of its value.
    ///
    /// Streams are as in `join`, partitions and order as in [`Rdd::left_outer_join`](crate::rdd::Rdd::left_outer_join).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run2;
    /// let joined = run2([vec![(1, 'x'), (2, 'y')]], [vec![(1, 10)]], |clicks, views| {
    ///     clicks.left_outer_join_with(&views, 1)
    /// })?;
    /// assert_eq!(joined, [[(1, ('x', Some(10))), (2, ('y', None))]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn left_outer_join<W: Record>(&self, other: &DStream<'c, (K, W)>) -> DStream<'c, (K, (V, Option<W>))> {
        self.left_outer_join_at(Site::here("left_outer_join"), other, None)
    }

    /// [`left_outer_join`](DStream::left_outer_join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn left_outer_join_with<W: Record>(
        &self,
        other: &DStream<'c, (K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, (V, Option<W>))> {
        self.left_outer_join_at(Site::here("left_outer_join"), other, Some(partitioner.into()))
    }

    fn left_outer_join_at<W: Record>(
        &self,
        site: Site,
        other: &DStream<'c, (K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, (V, Option<W>))> {
        self.combine(site, other, move |_, this, that| Ok(this.left_outer_join_at(site, &that, partitioner.clone())))
    }
}
