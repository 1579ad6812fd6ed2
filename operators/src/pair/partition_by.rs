//! `partition_by`: every key of a batch to the partition that a partitioner says.

use crate::dstream::DStream;
use crate::rdd::Partitioner;
use crate::record::{Key, Record};
use waterwheel_runtime::site::Site;

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Moves every record of a batch to the partition of its key by `partitioner` (a number of partitions will do).
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let parts = run([vec![(1, 'a'), (2, 'b'), (3, 'c')]], |pairs| {
    ///     pairs.partition_by(Partitioner::custom(2, |key: &i32| *key as usize)).glom()
    /// })?;
    /// assert_eq!(parts, [[vec![(2, 'b')], vec![(1, 'a'), (3, 'c')]]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn partition_by(&self, partitioner: impl Into<Partitioner<K>>) -> DStream<'c, (K, V)> {
        let (site, partitioner) = (Site::here("partition_by"), partitioner.into());
        self.apply(site, move |dataset| dataset.partition_by_at(site, partitioner.clone()))
    }
}
