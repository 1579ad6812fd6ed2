//! `reduce_by_window`: the records of the last so much time reduced to one.

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::Record;
use std::time::Duration;
use waterwheel_runtime::site::Site;

impl<'c, T: Record> DStream<'c, T> {
    /// Reduces the records of windows of `length`, every `slide`, with `f`, which has to be associative: one record per
    /// window, none when it is empty. Length and slide are as in [`window`](DStream::window), cost as in
    /// [`reduce_by_key_and_window`](DStream::reduce_by_key_and_window).
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let highest = run([vec![3, 1], vec![2], vec![], vec![]], |numbers| {
    ///     numbers.reduce_by_window(i32::max, seconds(2), seconds(1))
    /// })?;
    /// assert_eq!(highest, [vec![3], vec![3], vec![2], vec![]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_window(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
    ) -> DStream<'c, T> {
        let site = Site::here("reduce_by_window");
        let keyed = self.apply(site, move |dataset| dataset.map_at(site, |record| ((), record)));
        let reduced = keyed.reduce_windows_at(site, f, length, slide, Some(Partitioner::hash(1)));
        let records = reduced.apply(site, move |dataset| dataset.map_at(site, |((), record)| record));
        self.context().with_graph(|graph| {
            graph.part(keyed.node_id(), "keyed");
            graph.part(reduced.node_id(), "reduced");
        });
        records
    }
}
