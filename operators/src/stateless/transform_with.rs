//! `transform_with`: any function of the datasets of two streams.

use crate::dstream::DStream;
use crate::outcome::{DatasetOutcome, told};
use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

impl<'c, T: Data> DStream<'c, T> {
    /// Makes the dataset of every batch out of this stream's and that of `other` with `f`, which is also told the batch time. It
    /// is called as that of [`transform`](DStream::transform).
    ///
    /// Both streams have to be of one context and have the same slide duration; `start` reports it otherwise. A batch in which
    /// one of them has no dataset fails.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run2;
    /// let numbers = [vec![1, 2, 3], vec![4, 5]];
    /// let allowed = run2(numbers, [vec![2], vec![]], |numbers, banned| {
    ///     numbers.transform_with(&banned, |numbers, banned, _| numbers.subtract_with(&banned, 1))
    /// })?;
    /// assert_eq!(allowed, [[1, 3], [4, 5]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn transform_with<U: Data, R: DatasetOutcome>(
        &self,
        other: &DStream<'c, U>,
        f: impl Fn(Rdd<T>, Rdd<U>, Time) -> R + Send + Sync + 'static,
    ) -> DStream<'c, R::Record> {
        let site = Site::here("transform_with");
        self.combine(site, other, move |batch, this, that| {
            f(this, that, batch.time()).into_dataset().map_err(|error| told(error, site, batch.time()))
        })
    }
}
