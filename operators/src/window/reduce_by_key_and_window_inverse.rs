//! `reduce_by_key_and_window_inverse`: the values of each key in the last so much time, reduced to one by what comes and goes.

use super::Windowing;
use super::inverse::{Inverse, InverseWindow};
use crate::dstream::DStream;
use crate::record::{Key, Record};
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Reduces the values of each key over windows of `length`, every `slide`, from what the last window had: `inverse` takes
    /// out what has left, then `f` puts in what has come. Into as many partitions as `default_parallelism` says. Length and
    /// slide are as in [`window`](DStream::window).
    ///
    /// What a slide costs depends on what comes and goes, and not at all on how long the window is. `f` has to be associative,
    /// and `inverse(f(a, b), a)` has to be `b`: sums have an inverse, maxima have none
    /// ([`reduce_by_key_and_window`](DStream::reduce_by_key_and_window) needs none). Sums of floats gather the errors of rounding
    /// for as long as the program runs.
    ///
    /// A key stays when its last value has left the window, with the value that `inverse` made: 0, for sums. To have it go, give
    /// a filter to [`reduce_by_key_and_window_inverse_with`](DStream::reduce_by_key_and_window_inverse_with).
    ///
    /// The window is state: it goes on after a restart.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let words = [vec!["a", "b"], vec!["a"], vec![], vec![]];
    /// let mut counts = run(words, |words| {
    ///     let ones = words.map(|word| (word.to_owned(), 1));
    ///     ones.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(2), seconds(1))
    /// })?;
    /// counts.iter_mut().for_each(|window| window.sort());
    /// let pair = |word: &str, count| (word.to_owned(), count);
    /// assert_eq!(counts[1], [pair("a", 2), pair("b", 1)]);
    /// assert_eq!(counts[2], [pair("a", 1), pair("b", 0)]);
    /// assert_eq!(counts[3], [pair("a", 0), pair("b", 0)]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_key_and_window_inverse(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
    ) -> DStream<'c, (K, V)> {
        let site = Site::here("reduce_by_key_and_window_inverse");
        self.inverse_windows_at(site, f, inverse, length, slide, InverseWindow::new())
    }

    /// [`reduce_by_key_and_window_inverse`](DStream::reduce_by_key_and_window_inverse) with a filter, a partitioner, or both; a
    /// number of partitions will do.
    ///
    /// Of the result the filter keeps the keys for which it is true. A key that it drops comes again when its value says so, and
    /// is forgotten once none of its values is in the window.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let words = [vec!["a", "b"], vec!["a"], vec![], vec![]];
    /// let counts = run(words, |words| {
    ///     let ones = words.map(|word| (word.to_owned(), 1));
    ///     let counted = InverseWindow::new().filter(|_, count| *count > 0).partitioner(1);
    ///     ones.reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, seconds(2), seconds(1), counted)
    /// })?;
    /// assert_eq!(counts[2], [("a".to_owned(), 1)]);
    /// assert_eq!(counts[3], []);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn reduce_by_key_and_window_inverse_with(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
        options: impl Into<InverseWindow<K, V>>,
    ) -> DStream<'c, (K, V)> {
        let site = Site::here("reduce_by_key_and_window_inverse");
        self.inverse_windows_at(site, f, inverse, length, slide, options.into())
    }

    pub(super) fn inverse_windows_at(
        &self,
        site: Site,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
        options: InverseWindow<K, V>,
    ) -> DStream<'c, (K, V)> {
        let window = Windowing::of(self, site, length, slide);
        let inverse = Inverse { f: Arc::new(f), inverse: Arc::new(inverse), filter: options.filter };
        inverse.windows(site, self, window, options.partitioner)
    }
}
