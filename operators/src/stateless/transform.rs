//! `transform`: any function from dataset to dataset.

use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::outcome::{DatasetOutcome, told};
use crate::rdd::Rdd;
use crate::record::Data;
use crate::several::{all_required, common_slide};
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

impl StreamingContext {
    /// Makes the dataset of every batch out of those of any number of streams, at least one, with `f`, which gets them in the
    /// order of `streams` and is called as that of [`DStream::transform`]. [`DStream::transform_with`] takes two streams of
    /// different records.
    ///
    /// The streams have to be of this context and have the same slide duration; `start` reports it otherwise. A batch in which
    /// one of them has no dataset fails.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let alternating = run([vec![1], vec![2]], |numbers| {
    ///     numbers.context().transform(&[numbers, numbers.map(|n| n * 10)], |datasets, time| {
    ///         datasets[(time.millis() / 1000 % 2) as usize].clone()
    ///     })
    /// })?;
    /// assert_eq!(alternating, [[10], [2]]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn transform<'c, T: Data, R: DatasetOutcome>(
        &'c self,
        streams: &[DStream<'c, T>],
        f: impl Fn(Vec<Rdd<T>>, Time) -> R + Send + Sync + 'static,
    ) -> DStream<'c, R::Record> {
        let site = Site::here("transform");
        let slide = common_slide(self, site, streams);
        let (uses, datasets) = all_required(site, streams);
        let compute = move |batch: &mut Batch<'_>| {
            let transformed = f(datasets(batch)?, batch.time()).into_dataset();
            transformed.map(Some).map_err(|error| told(error, site, batch.time()))
        };
        self.add_node(site, slide, uses, Box::new(compute))
    }
}
