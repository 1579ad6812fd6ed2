//! `map`: one record in, one record out.

use crate::rdd::{Rdd, take};
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Applies `f` to every record.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// assert_eq!(engine.parallelize(1..=3, 1).map(|n| n * 10).collect()?, [10, 20, 30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map<U: Data>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Rdd<U> {
        self.map_at(Site::here("map"), f)
    }

    pub(crate) fn map_at<U: Data>(&self, site: Site, f: impl Fn(T) -> U + Send + Sync + 'static) -> Rdd<U> {
        self.narrow(false, move |input, task, out| {
            input.each(task, |chunk| {
                let mut mapped = task.run(site, chunk.len(), || take(chunk).map(&f).collect())?;
                out.push(&mut mapped)
            })
        })
    }
}
