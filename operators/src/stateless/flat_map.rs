//! `flat_map`: one record in, any number out.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Applies `f` to every record and strings the results together.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let words = run([vec!["to be", "or"], vec!["not"]], |lines| lines.flat_map(|line| line.split(' ')))?;
    /// assert_eq!(words, [vec!["to", "be", "or"], vec!["not"]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> DStream<'c, U> {
        let (site, f) = (Site::here("flat_map"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            dataset.flat_map_at(site, move |record| f(record))
        })
    }
}
