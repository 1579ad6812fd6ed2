//! `flat_map`: one record in, any number out.

use crate::rdd::{CHUNK, Rdd};
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Applies `f` to every record and strings the results together.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let words = engine.parallelize(["to be", "or not"], 2).flat_map(|line| line.split(' '));
    /// assert_eq!(words.collect()?, ["to", "be", "or", "not"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn flat_map<U: Data, I: IntoIterator<Item = U>>(&self, f: impl Fn(T) -> I + Send + Sync + 'static) -> Rdd<U> {
        self.flat_map_at(Site::here("flat_map"), f)
    }

    pub(crate) fn flat_map_at<U: Data, I: IntoIterator<Item = U>>(
        &self,
        site: Site,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.narrow(false, move |input, task, out| {
            let mut flat = Vec::new();
            input.each(task, |chunk| {
                let mut count = chunk.len();
                let mut records = chunk.drain(..);
                loop {
                    // Handed on whenever a chunk is full, so that one that grows a lot never leaves the cache.
                    // Whoever took the last chunk may have taken its memory as well.
                    flat.reserve(CHUNK);
                    let full = task.run(site, std::mem::take(&mut count), || {
                        records.by_ref().any(|record| {
                            flat.extend(f(record));
                            flat.len() >= CHUNK
                        })
                    })?;
                    if !flat.is_empty() {
                        out.push(&mut flat)?;
                    }
                    if !full {
                        return Ok(());
                    }
                }
            })
        })
    }
}
