//! `group_by_key_and_window`: the values of each key in the last so much time, in a list.

use super::Windowing;
use crate::dstream::{DStream, partitioner_for};
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use std::time::Duration;
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Gathers the values of each key over windows of `length`, every `slide`: in order of time, then of partition and
    /// position; into as many partitions as `default_parallelism` says. Length and slide are as in
    /// [`window`](DStream::window).
    ///
    /// Each batch is shuffled once; its windows find its values where they belong. What can be reduced is cheaper with
    /// [`reduce_by_key_and_window`](DStream::reduce_by_key_and_window).
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let visits = [vec![(1, 'a')], vec![(2, 'b'), (1, 'c')], vec![]];
    /// let paths = run(visits, |visits| visits.group_by_key_and_window_with(seconds(2), seconds(1), 1))?;
    /// assert_eq!(paths, [
    ///     vec![(1, vec!['a'])],
    ///     vec![(1, vec!['a', 'c']), (2, vec!['b'])],
    ///     vec![(2, vec!['b']), (1, vec!['c'])],
    /// ]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn group_by_key_and_window(&self, length: Duration, slide: Duration) -> DStream<'c, (K, Vec<V>)> {
        self.group_windows_at(Site::here("group_by_key_and_window"), length, slide, None)
    }

    /// [`group_by_key_and_window`](DStream::group_by_key_and_window) into the partitions of `partitioner` (a number of
    /// partitions will do).
    #[track_caller]
    pub fn group_by_key_and_window_with(
        &self,
        length: Duration,
        slide: Duration,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, Vec<V>)> {
        self.group_windows_at(Site::here("group_by_key_and_window"), length, slide, Some(partitioner.into()))
    }

    fn group_windows_at(
        &self,
        site: Site,
        length: Duration,
        slide: Duration,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, Vec<V>)> {
        let window = Windowing::of(self, site, length, slide);
        let theirs = partitioner.clone();
        let parted =
            self.apply(site, move |dataset| dataset.partition_by_at(site, partitioner_for(theirs.as_ref(), &dataset)));
        let windowed = parted.window_at(site, window);
        let grouped = windowed
            .apply(site, move |dataset| dataset.group_by_key_at(site, partitioner_for(partitioner.as_ref(), &dataset)));
        self.context().with_graph(|graph| {
            graph.part(parted.node_id(), "batches");
            graph.part(windowed.node_id(), "window");
        });
        grouped
    }
}
