//! `count_by_value_and_window`: how often each record came in the last so much time.

use super::InverseWindow;
use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::Key;
use std::time::Duration;
use waterwheel_runtime::site::Site;

impl<'c, T: Key> DStream<'c, T> {
    /// How often each record comes in windows of `length`, every `slide`, in as many partitions as `default_parallelism` says.
    /// Records that have left the window are not in the result. Length and slide are as in [`window`](DStream::window).
    ///
    /// Each batch is counted once, and the window is state: it goes on after a restart.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let mut counts = run([vec!['a'], vec!['b', 'b'], vec!['b']], |letters| {
    ///     letters.count_by_value_and_window(seconds(2), seconds(1))
    /// })?;
    /// counts.iter_mut().for_each(|window| window.sort());
    /// assert_eq!(counts, [vec![('a', 1)], vec![('a', 1), ('b', 2)], vec![('b', 3)]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn count_by_value_and_window(&self, length: Duration, slide: Duration) -> DStream<'c, (T, u64)> {
        self.count_values_at(Site::here("count_by_value_and_window"), length, slide, None)
    }

    /// [`count_by_value_and_window`](DStream::count_by_value_and_window) into the partitions of `partitioner` (a number of
    /// partitions will do).
    #[track_caller]
    pub fn count_by_value_and_window_with(
        &self,
        length: Duration,
        slide: Duration,
        partitioner: impl Into<Partitioner<T>>,
    ) -> DStream<'c, (T, u64)> {
        self.count_values_at(Site::here("count_by_value_and_window"), length, slide, Some(partitioner.into()))
    }

    fn count_values_at(
        &self,
        site: Site,
        length: Duration,
        slide: Duration,
        partitioner: Option<Partitioner<T>>,
    ) -> DStream<'c, (T, u64)> {
        let ones = self.apply(site, move |dataset| dataset.map_at(site, |record| (record, 1)));
        self.context().with_graph(|graph| graph.part(ones.node_id(), "ones"));
        let mut options = InverseWindow::new().filter(|_, count| *count > 0);
        if let Some(partitioner) = partitioner {
            options = options.partitioner(partitioner);
        }
        ones.inverse_windows_at(site, |a, b| a + b, |a, b| a - b, length, slide, options)
    }
}
