//! `flat_map_into`: one record looked at, any number written.

use crate::dstream::DStream;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// Has `f` look at every record and append what comes of it to the list it is given: `flat_map` without a collection per
    /// record and without copying the record. See [`Rdd::flat_map_into`](crate::rdd::Rdd::flat_map_into).
    #[track_caller]
    pub fn flat_map_into<U: Data>(&self, f: impl Fn(&T, &mut Vec<U>) + Send + Sync + 'static) -> DStream<'c, U> {
        let (site, f) = (Site::here("flat_map_into"), Arc::new(f));
        self.apply(site, move |dataset| {
            let f = f.clone();
            dataset.flat_map_into_at(site, move |record, out| f(record, out))
        })
    }
}
