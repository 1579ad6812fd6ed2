//! `persist` and `cache`: the datasets of a stream are kept once they have been computed.

use crate::dstream::DStream;
use crate::record::Record;
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::site::Site;

impl<'c, T: Record> DStream<'c, T> {
    /// Keeps the dataset of every batch at `level` once it is computed, for whatever is made of this stream, before or after
    /// this call. It is given back when its batch is forgotten.
    ///
    /// Returns the same stream. A stream has one level; `start` reports a second one that is different.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let sizes = run([vec![3, 1, 2]], |numbers| {
    ///     let squares = numbers.map(|n| n * n).persist(StorageLevel::MemoryAndDisk);
    ///     squares.reduce(i32::max).union(&squares.reduce(i32::min)) // computes the squares once
    /// })?;
    /// assert_eq!(sizes, [[9, 1]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn persist(&self, level: StorageLevel) -> DStream<'c, T> {
        self.persist_at(Site::here("persist"), level)
    }

    /// [`persist`](DStream::persist) in memory, encoded: what Spark keeps streams as, since many small batches are kept
    /// and most are read once.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// assert_eq!(run([vec![1, 2], vec![3]], |numbers| numbers.cache())?, [vec![1, 2], vec![3]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn cache(&self) -> DStream<'c, T> {
        self.persist_at(Site::here("cache"), StorageLevel::MemoryOnlySer)
    }

    fn persist_at(&self, site: Site, level: StorageLevel) -> DStream<'c, T> {
        let context = self.context();
        if let Err(before) = context.with_graph(|graph| graph.persist(self.node_id(), level)) {
            context.misuse(site, format!("the stream is persisted at {before} already; choose one level"));
        }
        *self
    }
}
