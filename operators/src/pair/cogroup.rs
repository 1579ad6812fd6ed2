//! `cogroup`: for every key of a batch, its values in each of two streams.
#![expect(
    clippy::type_complexity,
    reason = "the lists of both sides are what the operator gives; a name would hide them"
)]

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// For every key that one of two streams has in a batch, the list of its values in each.
    ///
    /// Both streams have to be of one context and have the same slide duration; `start` reports it otherwise. A batch in which
    /// one of them has no dataset fails. Partitions and order are those of [`Rdd::cogroup`](crate::rdd::Rdd::cogroup).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run2;
    /// let bought = [vec![(1, "tea".to_owned()), (2, "salt".to_owned()), (1, "rice".to_owned())]];
    /// let lists = run2(bought, [vec![(1, 10)]], |bought, paid| bought.cogroup_with(&paid, 1))?;
    /// assert_eq!(lists[0][0], (1, (vec!["tea".to_owned(), "rice".to_owned()], vec![10])));
    /// assert_eq!(lists[0][1], (2, (vec!["salt".to_owned()], vec![])));
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn cogroup<W: Record>(&self, other: &DStream<'c, (K, W)>) -> DStream<'c, (K, (Vec<V>, Vec<W>))> {
        self.cogroup_at(Site::here("cogroup"), other, None)
    }

    /// [`cogroup`](DStream::cogroup) into the partitions of `partitioner` (a number of partitions will do).
    #[track_caller]
    pub fn cogroup_with<W: Record>(
        &self,
        other: &DStream<'c, (K, W)>,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, (Vec<V>, Vec<W>))> {
        self.cogroup_at(Site::here("cogroup"), other, Some(partitioner.into()))
    }

    fn cogroup_at<W: Record>(
        &self,
        site: Site,
        other: &DStream<'c, (K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, (Vec<V>, Vec<W>))> {
        self.combine(site, other, move |_, this, that| Ok(this.cogroup_at(site, &that, partitioner.clone())))
    }
}
