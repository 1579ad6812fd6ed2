//! `map_partitions`: a function over whole partitions.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Applies `f` once to the records of each partition: for what is worth doing once and not per record.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let sums = run([vec![1, 2, 3, 4]], |numbers| numbers.map_partitions(|part| [part.iter().sum::<i32>()]))?;
    /// assert_eq!(sums, [[3, 7]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(Vec<T>) -> I + Send + Sync + 'static,
    ) -> DStream<'c, U> {
        let (site, f) = (Site::here("map_partitions"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            dataset.map_partitions_at(site, move |records| f(records))
        })
    }
}
