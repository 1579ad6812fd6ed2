//! `flat_map_into`: one record looked at, any number written. The form of `flat_map` that allocates nothing.

use crate::rdd::{CHUNK, EachShared, Flow, Rdd};
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// Has `f` look at every record and append what comes of it to the list it is given.
    ///
    /// It does what [`flat_map`](Rdd::flat_map) does without a collection per record and without copying records that other
    /// operators or a retry may still need: worth it where records are many and small. `f` must only append.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// let lines = engine.parallelize(["to be".to_owned(), "or not".to_owned()], 2);
    /// let words = lines.flat_map_into(|line, words| words.extend(line.split(' ').map(str::to_owned)));
    /// assert_eq!(words.collect()?, ["to", "be", "or", "not"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn flat_map_into<U: Data>(&self, f: impl Fn(&T, &mut Vec<U>) + Send + Sync + 'static) -> Rdd<U> {
        self.flat_map_into_at(Site::here("flat_map_into"), f)
    }

    pub(crate) fn flat_map_into_at<U: Data>(
        &self,
        site: Site,
        f: impl Fn(&T, &mut Vec<U>) + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.narrow(false, move |input, task, out| {
            let mut flat = Vec::new();
            let mut looking = EachShared(|chunk: &[T]| -> Flow {
                let mut count = chunk.len();
                let mut records = chunk.iter();
                loop {
                    // Whoever took the last chunk may have taken its memory as well.
                    flat.reserve(CHUNK);
                    let full = task.run(site, std::mem::take(&mut count), || {
                        records.by_ref().any(|record| {
                            f(record, &mut flat);
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
            });
            input.push_into(task, &mut looking)
        })
    }
}
