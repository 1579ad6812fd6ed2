//! `map`: one record in, one record out.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Applies `f` to every record.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let lengths = run([vec!["to", "be"], vec!["or"]], |words| words.map(str::len))?;
    /// assert_eq!(lengths, [vec![2, 2], vec![2]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn map<U: Data>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> DStream<'c, U> {
        let (site, f) = (Site::here("map"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            dataset.map_at(site, move |record| f(record))
        })
    }
}
