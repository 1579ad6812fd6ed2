//! `count`: how many records each batch has.

use crate::dstream::DStream;
use crate::rdd::{EachShared, Partitioner, Rdd};
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// The number of records of every batch: exactly one number per batch, 0 for an empty one.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// assert_eq!(run([vec!["a", "b"], vec![]], |words| words.count())?, [[2], [0]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn count(&self) -> DStream<'c, u64> {
        let site = Site::here("count");
        self.apply(site, move |dataset| counted(site, &dataset))
    }
}

/// One partition with one record: the number of records of `dataset`.
fn counted<T: Data>(site: Site, dataset: &Rdd<T>) -> Rdd<u64> {
    let counts = dataset.narrow(false, |input, task, out| {
        let mut count = 0;
        // Counted where they lie: no record is copied.
        let mut counter = EachShared(|chunk: &[T]| {
            count += chunk.len() as u64;
            Ok(())
        });
        input.push_into(task, &mut counter)?;
        out.push(&mut vec![((), count)])
    });
    // The sum of no counts is 0, which is what a dataset without partitions has to give.
    counts.reduce_by_key_at(site, |a, b| a + b, Partitioner::hash(1)).narrow(false, |input, task, out| {
        let total = input.to_vec(task)?.into_iter().map(|((), count)| count).sum();
        out.push(&mut vec![total])
    })
}
