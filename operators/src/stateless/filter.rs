//! `filter`: keeps some of the records.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Keeps the records for which `keep` is true.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let evens = run([vec![1, 2, 3, 4], vec![5]], |numbers| numbers.filter(|n| n % 2 == 0))?;
    /// assert_eq!(evens, [vec![2, 4], vec![]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> DStream<'c, T> {
        let (site, keep) = (Site::here("filter"), Arc::new(keep));
        self.apply(site, move |dataset| {
            let keep = keep.clone();
            dataset.filter_at(site, move |record| keep(record))
        })
    }
}
