//! The queue itself.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waterwheel_operators::rdd::{Parallelize, Rdd};
use waterwheel_operators::record::Data;

/// Datasets on their way into a stream. A cheap handle: clones are the same queue, and any thread may push while the program
/// runs.
///
/// It is not bounded: what is pushed is a handle on a dataset, not its records, but the collections behind those handles stay
/// in memory until their batches are done.
///
/// ```
/// use waterwheel_operators::prelude::*;
/// use waterwheel_receivers::prelude::*;
///
/// let engine = Engine::local(1)?;
/// let queue = RddQueue::new();
/// queue.push(engine.parallelize(1..=3, 1).map(|n| n * n));
/// queue.push_records(&engine, [16, 25], 1);
/// assert_eq!(queue.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RddQueue<T> {
    datasets: Arc<Mutex<VecDeque<Rdd<T>>>>,
}

impl<T> RddQueue<T> {
    /// An empty queue.
    pub fn new() -> RddQueue<T> {
        RddQueue::from(VecDeque::new())
    }

    /// Puts a dataset at the end.
    pub fn push(&self, dataset: Rdd<T>) {
        self.lock().push_back(dataset);
    }

    /// Puts a dataset of `records` in `partitions` slices of even length (at least 1) at the end. `maker` is an engine:
    /// `ssc.engine()` before the start, `running.engine()` afterwards.
    pub fn push_records(&self, maker: &impl Parallelize, records: impl IntoIterator<Item = T>, partitions: usize)
    where
        T: Data,
    {
        self.push(maker.parallelize(records, partitions));
    }

    /// How many datasets wait.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The oldest dataset.
    pub(super) fn pop(&self) -> Option<Rdd<T>> {
        self.lock().pop_front()
    }

    /// All datasets as one, the oldest first.
    pub(super) fn pop_all(&self) -> Option<Rdd<T>>
    where
        T: Data,
    {
        // The lock is not held while the datasets are put together: whoever pushes does not wait for that.
        let mut datasets = std::mem::take(&mut *self.lock()).into_iter();
        let first = datasets.next()?;
        Some(first.union_all(datasets.collect()))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Rdd<T>>> {
        // The queue may be the caller's own, whose panic elsewhere does not make the datasets in it wrong.
        self.datasets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for RddQueue<T> {
    fn default() -> Self {
        RddQueue::new()
    }
}

impl<T> Clone for RddQueue<T> {
    fn clone(&self) -> Self {
        RddQueue { datasets: self.datasets.clone() }
    }
}

impl<T> fmt::Debug for RddQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RddQueue({} datasets)", self.len())
    }
}

impl<T> From<&RddQueue<T>> for RddQueue<T> {
    fn from(queue: &RddQueue<T>) -> Self {
        queue.clone()
    }
}

impl<T> From<Arc<Mutex<VecDeque<Rdd<T>>>>> for RddQueue<T> {
    fn from(datasets: Arc<Mutex<VecDeque<Rdd<T>>>>) -> Self {
        RddQueue { datasets }
    }
}

impl<T> From<VecDeque<Rdd<T>>> for RddQueue<T> {
    fn from(datasets: VecDeque<Rdd<T>>) -> Self {
        RddQueue { datasets: Arc::new(Mutex::new(datasets)) }
    }
}

impl<T> From<Vec<Rdd<T>>> for RddQueue<T> {
    fn from(datasets: Vec<Rdd<T>>) -> Self {
        RddQueue::from(VecDeque::from(datasets))
    }
}
