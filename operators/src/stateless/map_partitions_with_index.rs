//! `map_partitions_with_index`: a function over whole partitions that is told which one it has.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Applies `f` once to the number (from 0) and the records of each partition.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let sizes = run([vec!["a", "b", "c"]], |words| words.map_partitions_with_index(|p, part| [(p, part.len())]))?;
    /// assert_eq!(sizes, [[(0, 1), (1, 2)]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn map_partitions_with_index<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(usize, Vec<T>) -> I + Send + Sync + 'static,
    ) -> DStream<'c, U> {
        let (site, f) = (Site::here("map_partitions_with_index"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            dataset.map_partitions_with_index_at(site, move |partition, records| f(partition, records))
        })
    }
}
