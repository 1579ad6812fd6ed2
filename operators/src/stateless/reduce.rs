//! `reduce`: the records of each batch reduced to one.

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::Record;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, T: Record> DStream<'c, T> {
    /// Reduces the records of every batch with `f`, which has to be associative: one record per batch, none for an empty one.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let sums = run([vec![1, 2, 3, 4], vec![]], |numbers| numbers.reduce(|a, b| a + b))?;
    /// assert_eq!(sums, [vec![10], vec![]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce(&self, f: impl Fn(T, T) -> T + Send + Sync + 'static) -> DStream<'c, T> {
        let (site, f) = (Site::here("reduce"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            let keyed = dataset.map_at(site, |record| ((), record));
            keyed.reduce_by_key_at(site, move |a, b| f(a, b), Partitioner::hash(1)).map_at(site, |((), record)| record)
        })
    }
}
