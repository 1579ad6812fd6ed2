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
        self.flat_map_records(site, false, f)
    }

    /// [`flat_map`](Rdd::flat_map) by a caller who may know that the keys stay as they are.
    pub(super) fn flat_map_records<U: Data, I: IntoIterator<Item = U>>(
        &self,
        site: Site,
        keeps_partitioning: bool,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.narrow(keeps_partitioning, move |input, task, out| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::rdd::testing::per_batch;

    #[test]
    fn the_results_of_all_records_are_strung_together() {
        let doubled = per_batch(vec![vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]], |batch| {
            batch.flat_map(|n| [n, 2 * n])
        });
        let expected = [[1, 2, 2, 4, 3, 6, 4, 8], [5, 10, 6, 12, 7, 14, 8, 16], [9, 18, 10, 20, 11, 22, 12, 24]];
        assert_eq!(doubled, expected);
    }

    #[test]
    fn records_that_grow_a_lot_and_records_that_vanish_keep_their_order() {
        let engine = Engine::local(1).unwrap();
        let grown = engine.parallelize([3 * CHUNK, 0, 2, CHUNK, 0], 1).flat_map(|n| 0..n).collect().unwrap();
        let expected: Vec<usize> = [3 * CHUNK, 0, 2, CHUNK, 0].into_iter().flat_map(|n| 0..n).collect();
        assert_eq!(grown, expected);
    }
}
