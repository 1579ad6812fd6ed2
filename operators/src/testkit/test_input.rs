//! Input that a test pushes while the program runs.

use super::script::DEFAULT_PARTITIONS;
use crate::context::StreamingContext;
use crate::dstream::DStream;
use crate::graph::InputStream;
use crate::rdd::{Parallelize, Rdd};
use crate::record::Data;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waterwheel_runtime::batch::BatchInputs;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

/// Batches that are still to come; `None` is one without a dataset.
type Queue<T> = VecDeque<Option<Vec<T>>>;

/// An input whose batches are pushed by hand, one push a batch; empty ones when nothing is queued. A clone is the same input.
///
/// ```
/// use waterwheel_operators::testkit::{TestInput, TestRun};
///
/// let numbers = TestInput::new();
/// let (mut test, sums) = TestRun::new().start(|ssc| numbers.stream(ssc).reduce(|a, b| a + b).probe())?;
/// numbers.push([1, 2, 3]);
/// test.advance(1)?;
/// assert_eq!(sums.datasets(), [[6]]);
/// test.stop()?;
/// # Ok::<(), waterwheel_operators::Error>(())
/// ```
#[derive(Debug)]
pub struct TestInput<T> {
    queue: Arc<Mutex<Queue<T>>>,
    partitions: usize,
}

impl<T> Clone for TestInput<T> {
    fn clone(&self) -> Self {
        TestInput { queue: self.queue.clone(), partitions: self.partitions }
    }
}

impl<T: Data> Default for TestInput<T> {
    fn default() -> Self {
        TestInput::new()
    }
}

impl<T: Data> TestInput<T> {
    /// An input with nothing queued, whose batches are sliced evenly into two partitions.
    pub fn new() -> TestInput<T> {
        TestInput { queue: Arc::default(), partitions: DEFAULT_PARTITIONS }
    }

    /// Slices batches into `partitions` instead.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> TestInput<T> {
        self.partitions = partitions;
        self
    }

    /// The stream of what is pushed.
    #[track_caller]
    pub fn stream<'c>(&self, ssc: &'c StreamingContext) -> DStream<'c, T> {
        ssc.input_stream_at(Site::here("test_input"), self.clone())
    }

    /// Queues `records` for one batch: the next one, after what is queued already.
    pub fn push(&self, records: impl IntoIterator<Item = T>) {
        self.queue().push_back(Some(records.into_iter().collect()));
    }

    /// Queues a batch in which the input has no dataset, which is not the same as an empty one.
    ///
    /// ```
    /// use waterwheel_operators::testkit::{TestInput, TestRun};
    ///
    /// let words = TestInput::new();
    /// let (mut test, counts) = TestRun::new().start(|ssc| words.stream(ssc).count().probe())?;
    /// words.push(["to", "be"]);
    /// words.push_none();
    /// words.push([]);
    /// test.advance(3)?;
    /// assert_eq!(counts.batches(), [Some(vec![2]), None, Some(vec![0])]);
    /// test.stop()?;
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    pub fn push_none(&self) {
        self.queue().push_back(None);
    }

    /// Batches that are queued.
    pub fn pending(&self) -> usize {
        self.queue().len()
    }

    /// Nothing that can panic runs while it is held.
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Data> InputStream<T> for TestInput<T> {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError> {
        let batch = self.queue().pop_front().unwrap_or_else(|| Some(Vec::new()));
        Ok(batch.map(|records| inputs.scope.parallelize(records, self.partitions)))
    }
}
