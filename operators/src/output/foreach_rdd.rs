//! `foreach_rdd`: hands the dataset of every batch to the program.

use crate::dstream::DStream;
use crate::outcome::Outcome;
use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

impl<T: Data> DStream<'_, T> {
    /// Calls `f` with the dataset of every batch, on the driver side. Nothing is computed unless `f` runs an action.
    ///
    /// `f` returns nothing or a `Result`; an error or a panic fails the batch, and the failure policy says what comes next.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let (send, totals) = std::sync::mpsc::channel();
    /// run([vec![1, 2, 3], vec![4]], |numbers| {
    ///     numbers.foreach_rdd(move |dataset| -> Result<(), JobError> {
    ///         let _ = send.send(dataset.collect()?.into_iter().sum::<i32>());
    ///         Ok(())
    ///     });
    ///     numbers
    /// })?;
    /// assert_eq!(totals.iter().collect::<Vec<_>>(), [6, 4]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn foreach_rdd<R: Outcome>(&self, f: impl Fn(Rdd<T>) -> R + Send + Sync + 'static) {
        self.output_at(Site::here("foreach_rdd"), move |dataset, _| f(dataset).into_result());
    }

    /// [`foreach_rdd`](DStream::foreach_rdd) with the batch time.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let (send, times) = std::sync::mpsc::channel();
    /// run([vec!["a"], vec![]], |words| {
    ///     words.foreach_rdd_with_time(move |_, time| send.send(time.millis()));
    ///     words
    /// })?;
    /// assert_eq!(times.iter().collect::<Vec<_>>(), [1000, 2000]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn foreach_rdd_with_time<R: Outcome>(&self, f: impl Fn(Rdd<T>, Time) -> R + Send + Sync + 'static) {
        self.output_at(Site::here("foreach_rdd"), move |dataset, time| f(dataset, time).into_result());
    }
}
