//! `join`: pairs the values that two streams have under one key in a batch.

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Every value of this stream with every value of `other` that has the same key in the same batch.
    ///
    /// Both streams have to be of one context and have the same slide duration; `start` reports it otherwise. A batch in which
    /// one of them has no dataset fails. Partitions and order are those of [`Rdd::join`](crate::rdd::Rdd::join).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run2;
    /// let clicks = [vec![(1, 'x'), (2, 'y'), (1, 'z')], vec![(2, 'x')]];
    /// let joined = run2(clicks, [vec![(1, 10)], vec![(1, 20)]], |clicks, views| clicks.join(&views))?;
    /// assert_eq!(joined, [vec![(1, ('x', 10)), (1, ('z', 10))], vec![]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn join<W: Record>(&self, other: &DStream<'c, (K, W)>) -> DStream<'c, (K, (V, W))> {
        self.join_at(Site::here("join"), other, None)
    }

    /// [`join`](DStream::join) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn join_with<W: Record>(
        &self,
        other: &DStream<'c, (K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, (V, W))> {
        self.join_at(Site::here("join"), other, Some(partitioner.into()))
    }

    fn join_at<W: Record>(
        &self,
        site: Site,
        other: &DStream<'c, (K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, (V, W))> {
        self.combine(site, other, move |_, this, that| Ok(this.join_at(site, &that, partitioner.clone())))
    }
}
