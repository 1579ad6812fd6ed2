//! `glom`: every partition as one record.

use crate::dstream::DStream;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Makes one record of each partition: the list of what it held.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// assert_eq!(run([vec![1, 2, 3, 4]], |numbers| numbers.glom())?, [[[1, 2], [3, 4]]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn glom(&self) -> DStream<'c, Vec<T>> {
        let site = Site::here("glom");
        self.apply(site, move |dataset| dataset.glom_at(site))
    }
}
