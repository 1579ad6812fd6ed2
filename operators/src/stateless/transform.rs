//! `transform`: any function from dataset to dataset.

use crate::dstream::DStream;
use crate::graph::Batch;
use crate::outcome::{DatasetOutcome, told};
use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

impl<'c, T: Data> DStream<'c, T> {
    /// Makes the dataset of every batch out of this stream's with `f`, which is called on the driver side, once per batch, and
    /// may do something else each time.
    ///
    /// `f` returns a dataset or a `Result` of one; an error or a panic fails the batch. So does a batch in which this stream
    /// has no dataset.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let firsts = run([vec![3, 1, 2], vec![]], |numbers| {
    ///     numbers.transform(|dataset| -> Result<_, waterwheel_operators::Error> {
    ///         let least = dataset.collect()?.into_iter().min();
    ///         Ok(dataset.filter(move |n| Some(*n) == least))
    ///     })
    /// })?;
    /// assert_eq!(firsts, [vec![1], vec![]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn transform<R: DatasetOutcome>(
        &self,
        f: impl Fn(Rdd<T>) -> R + Send + Sync + 'static,
    ) -> DStream<'c, R::Record> {
        self.transform_at(Site::here("transform"), move |dataset, _| f(dataset))
    }

    /// [`transform`](DStream::transform) with the batch time.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let stamped = run([vec!["a"], vec!["b"]], |words| {
    ///     words.transform_with_time(|dataset, time| dataset.map(move |word| (word, time.millis())))
    /// })?;
    /// assert_eq!(stamped, [[("a", 1000)], [("b", 2000)]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn transform_with_time<R: DatasetOutcome>(
        &self,
        f: impl Fn(Rdd<T>, Time) -> R + Send + Sync + 'static,
    ) -> DStream<'c, R::Record> {
        self.transform_at(Site::here("transform"), f)
    }

    fn transform_at<R: DatasetOutcome>(
        &self,
        site: Site,
        f: impl Fn(Rdd<T>, Time) -> R + Send + 'static,
    ) -> DStream<'c, R::Record> {
        let parent = self.node_id();
        let compute = move |batch: &mut Batch<'_>| {
            let dataset = batch.required(site, parent)?;
            let transformed = f(dataset, batch.time()).into_dataset();
            transformed.map(Some).map_err(|error| told(error, site, batch.time()))
        };
        self.context().add_node(site, self.slide_duration(), vec![parent.now()], Box::new(compute))
    }
}
