//! `flat_map_values`: one value in, any number out, under the same key.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, K: Data, V: Data> DStream<'c, (K, V)> {
    /// Applies `f` to every value and pairs each of the results with the key. Keys stay where they are.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let both = run([vec![("a", 1), ("b", 2)]], |pairs| pairs.flat_map_values(|n| [n, n + 10]))?;
    /// assert_eq!(both, [[("a", 1), ("a", 11), ("b", 2), ("b", 12)]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map_values<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> DStream<'c, (K, U)> {
        let (site, f) = (Site::here("flat_map_values"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            dataset.flat_map_values_at(site, move |value| f(value))
        })
    }
}
