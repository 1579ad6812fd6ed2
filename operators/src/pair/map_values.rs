//! `map_values`: changes the values, keeps the keys.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, K: Data, V: Data> DStream<'c, (K, V)> {
    /// Applies `f` to every value. Keys stay what and where they are, so that a later operation on the same partitions
    /// needs no shuffle.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let raised = run([vec![("a", 1), ("b", 2)]], |pairs| pairs.map_values(|n| n + 10))?;
    /// assert_eq!(raised, [[("a", 11), ("b", 12)]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn map_values<U: Data>(&self, f: impl Fn(V) -> U + Send + Sync + 'static) -> DStream<'c, (K, U)> {
        let (site, f) = (Site::here("map_values"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            dataset.map_values_at(site, move |value| f(value))
        })
    }
}
