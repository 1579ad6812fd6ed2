//! `repartition`: spreads every batch evenly over a number of partitions.

use crate::dstream::DStream;
use crate::record::Record;
use waterwheel_runtime::site::Site;

impl<'c, T: Record> DStream<'c, T> {
    /// Spreads the records of every batch evenly over exactly `partitions` partitions (at least 1).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let parts = run([(0..30).collect::<Vec<_>>()], |numbers| numbers.repartition(3).glom())?;
    /// assert_eq!(parts[0].iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn repartition(&self, partitions: usize) -> DStream<'c, T> {
        let site = Site::here("repartition");
        self.apply(site, move |dataset| dataset.repartition_at(site, partitions))
    }
}
