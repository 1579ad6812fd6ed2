//! `persist` and `cache`: the datasets of a stream are kept once they have been computed.

use crate::dstream::DStream;
use crate::record::Record;
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::site::Site;

impl<'c, T: Record> DStream<'c, T> {
    /// Keeps the dataset of every batch at `level` once it is computed, for whatever is made of this stream, before or after
    /// this call. It is given back once nothing
    /// needs the batch any more.
    ///
    /// Returns the same stream. A stream has one level; `start` reports a second one that is different. A
    /// [`window`](DStream::window) holds no records of its own: persisting it persists the stream that it looks at.
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
        self.persist_at(Site::here("persist"), Some(level))
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
        self.persist_at(Site::here("cache"), Some(StorageLevel::MemoryOnlySer))
    }

    /// Keeps no dataset of the stream, not even where a window would have it kept: they are computed whenever they are read.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let sums = run([vec![1], vec![2], vec![3]], |numbers| {
    ///     let squares = numbers.map(|n| n * n).unpersist(); // cheaper to compute twice than to keep
    ///     squares.window(seconds(2), seconds(1)).reduce(|a, b| a + b)
    /// })?;
    /// assert_eq!(sums, [[1], [5], [13]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn unpersist(&self) -> DStream<'c, T> {
        self.persist_at(Site::here("unpersist"), None)
    }

    fn persist_at(&self, site: Site, level: Option<StorageLevel>) -> DStream<'c, T> {
        let context = self.context();
        if let Err(before) = context.with_graph(|graph| graph.persist(self.node_id(), level)) {
            let before = before.map_or("not persisted".to_owned(), |before| format!("persisted at {before}"));
            context.misuse(site, format!("the stream is {before} already; choose one level"));
        }
        *self
    }
}
