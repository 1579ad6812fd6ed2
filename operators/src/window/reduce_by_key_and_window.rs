//! `reduce_by_key_and_window`: the values of each key in the last so much time, reduced to one.

use super::Windowing;
use super::tree::reduce_windows;
use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Reduces the values of each key over windows of `length`, every `slide`, with `f`, which has to be associative; into as
    /// many partitions as `default_parallelism` says. Length and slide are as in [`window`](DStream::window).
    ///
    /// Each batch is reduced once, when it comes, and reductions of neighbouring batches are merged once for all windows that
    /// share them: what a slide costs hardly depends on how long the window is. A key whose last value has left the window is
    /// gone from the result.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let words = [vec!["a", "b"], vec!["a"], vec![], vec![]];
    /// let counts = run(words, |words| {
    ///     let pairs = words.map(|word| (word.to_owned(), 1));
    ///     pairs.reduce_by_key_and_window_with(|a, b| a + b, seconds(2), seconds(1), 1)
    /// })?;
    /// let count = |word: &str, n| (word.to_owned(), n);
    /// assert_eq!(counts, [vec![count("a", 1), count("b", 1)], vec![count("a", 2), count("b", 1)], vec![count("a", 1)], vec![]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_key_and_window(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
    ) -> DStream<'c, (K, V)> {
        self.reduce_windows_at(Site::here("reduce_by_key_and_window"), f, length, slide, None)
    }

    /// [`reduce_by_key_and_window`](DStream::reduce_by_key_and_window) into the partitions of `partitioner` (a number of
    /// partitions will do).
    #[track_caller]
    pub fn reduce_by_key_and_window_with(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
        partitioner: impl Into<Partitioner<K>>,
    ) -> DStream<'c, (K, V)> {
        self.reduce_windows_at(Site::here("reduce_by_key_and_window"), f, length, slide, Some(partitioner.into()))
    }

    pub(super) fn reduce_windows_at(
        &self,
        site: Site,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
        partitioner: Option<Partitioner<K>>,
    ) -> DStream<'c, (K, V)> {
        let window = Windowing::of(self, site, length, slide);
        let f: Arc<dyn Fn(V, V) -> V + Send + Sync> = Arc::new(f);
        let theirs = f.clone();
        let batches = self.reduce_by_key_at(site, move |a, b| theirs(a, b), partitioner.clone());
        self.context().with_graph(|graph| graph.part(batches.node_id(), "batches"));
        reduce_windows(site, batches, window, f, partitioner)
    }
}
