//! `reduce_by_window_inverse`: the records of the last so much time reduced to one, by what comes and goes.

use super::InverseWindow;
use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::Record;
use std::time::Duration;
use waterwheel_runtime::site::Site;

impl<'c, T: Record> DStream<'c, T> {
    /// Reduces the records of windows of `length`, every `slide`, from what the last window had, as
    /// [`reduce_by_key_and_window_inverse`](DStream::reduce_by_key_and_window_inverse) does it: one record per window. There is
    /// none before the first record has come; a window that has become empty has what `inverse` made, 0 for sums.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let sums = run([vec![], vec![3, 1], vec![2], vec![], vec![]], |numbers| {
    ///     numbers.reduce_by_window_inverse(|a, b| a + b, |a, b| a - b, seconds(2), seconds(1))
    /// })?;
    /// assert_eq!(sums, [vec![], vec![4], vec![6], vec![2], vec![0]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_window_inverse(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        inverse: impl Fn(T, T) -> T + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
    ) -> DStream<'c, T> {
        let site = Site::here("reduce_by_window_inverse");
        let keyed = self.apply(site, move |dataset| dataset.map_at(site, |record| ((), record)));
        keyed.only_value_at(site, f, inverse, length, slide)
    }
}

impl<'c, T: Record> DStream<'c, ((), T)> {
    /// The windows of a stream that has one key, without that.
    pub(super) fn only_value_at(
        &self,
        site: Site,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        inverse: impl Fn(T, T) -> T + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
    ) -> DStream<'c, T> {
        // Before the next one is added: that takes the number of this.
        self.context().with_graph(|graph| graph.part(self.node_id(), "keyed"));
        let options = InverseWindow::new().partitioner(Partitioner::hash(1));
        let reduced = self.inverse_windows_at(site, f, inverse, length, slide, options);
        self.context().with_graph(|graph| graph.part(reduced.node_id(), "reduced"));
        reduced.apply(site, move |dataset| dataset.map_at(site, |((), record)| record))
    }
}
