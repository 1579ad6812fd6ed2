//! A stream as it is seen while its context runs: by the datasets that it has had.

use super::{Batch, NodeId};
use crate::rdd::Rdd;
use crate::record::Data;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::time::{Interval, Time};

/// Why a slice could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SliceError {
    /// The context was not started, so there is nothing to slice.
    #[error("the context has not been started; take slices once `start` has returned")]
    NotStarted,
    /// The context has ended, and given back what it held.
    #[error("the context has ended and its datasets are gone; take slices while it runs")]
    Ended,
    /// Some of the datasets are needed by nobody but this slice, and were dropped.
    #[error(
        "the datasets up to {forgotten} are gone, the slice begins at {from}; `ssc.remember(duration)` keeps them for longer"
    )]
    Forgotten {
        /// The first time of the slice.
        from: Time,
        /// The last time whose dataset was dropped.
        forgotten: Time,
    },
}

/// The datasets of a stream while its context runs: got from [`DStream::handle`](crate::DStream::handle), usable from any
/// thread.
pub struct StreamHandle<T> {
    slide: Duration,
    seen: Arc<Mutex<Seen<T>>>,
}

impl<T> Clone for StreamHandle<T> {
    fn clone(&self) -> Self {
        StreamHandle { slide: self.slide, seen: self.seen.clone() }
    }
}

impl<T> fmt::Debug for StreamHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamHandle<{}>", std::any::type_name::<T>())
    }
}

struct Seen<T> {
    zero: Option<Time>,
    forgotten: Option<Time>,
    ended: bool,
    datasets: BTreeMap<Time, Rdd<T>>,
}

impl<T: Data> StreamHandle<T> {
    pub(super) fn new(slide: Duration) -> StreamHandle<T> {
        let seen = Seen { zero: None, forgotten: None, ended: false, datasets: BTreeMap::new() };
        StreamHandle { slide, seen: Arc::new(Mutex::new(seen)) }
    }

    pub(super) fn observer(&self, node: NodeId<T>) -> Box<dyn Observer> {
        Box::new(Observed { node, handle: self.clone() })
    }

    /// The datasets from `from` to `to`, both included, in order of time.
    ///
    /// Times that are not on the grid of the stream's slides are moved down to it, with a warning. There is nothing at and
    /// before the zero time, in batches in which the stream had no dataset, and in batches that have not come yet. How long
    /// datasets can be had is said by [`StreamingContext::remember`](crate::StreamingContext::remember).
    ///
    /// ```
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_operators::testkit::Scripted;
    ///
    /// let clock = ManualClock::new(Time::ZERO);
    /// let config = Config::local("Doc").with_handle_signals(false);
    /// let ssc = StreamingContext::with_clock(config, seconds(1), std::sync::Arc::new(clock.clone()))?;
    /// ssc.remember(minutes(1));
    /// let numbers = ssc.input_stream(Scripted::new([vec![1], vec![2], vec![3]]));
    /// let handle = numbers.handle();
    /// numbers.foreach_rdd(|_| {});
    /// let running = ssc.start()?;
    /// clock.advance(seconds(3));
    /// running.wait_for_batches(3, minutes(1));
    ///
    /// let last_two = handle.slice(Time::from_millis(2000), Time::from_millis(3000))?;
    /// let records: Result<Vec<_>, _> = last_two.iter().map(Rdd::collect).collect();
    /// assert_eq!(records?, [[2], [3]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SliceError`]: before the start, after the end, and when a part of the slice is forgotten.
    pub fn slice(&self, from: Time, to: Time) -> Result<Vec<Rdd<T>>, SliceError> {
        let seen = self.lock();
        let zero = seen.zero.ok_or(SliceError::NotStarted)?;
        if seen.ended {
            return Err(SliceError::Ended);
        }
        let (first, last) = (from.floor_from(self.slide, zero), to.floor_from(self.slide, zero));
        if (first, last) != (from, to) {
            log::warn!(
                "a slice from {from} to {to} is not on the grid of {:?}; {first} to {last} is taken",
                self.slide
            );
        }
        if first > last {
            return Ok(Vec::new());
        }
        match seen.forgotten {
            Some(forgotten) if first.max(zero + self.slide) <= forgotten => {
                Err(SliceError::Forgotten { from: first, forgotten })
            }
            _ => Ok(seen.datasets.range(first..=last).map(|(_, dataset)| dataset.clone()).collect()),
        }
    }

    /// [`slice`](StreamHandle::slice) of the times that belong to `interval`: its end does, its begin does not.
    ///
    /// # Errors
    /// As [`slice`](StreamHandle::slice).
    pub fn slice_interval(&self, interval: Interval) -> Result<Vec<Rdd<T>>, SliceError> {
        self.slice(interval.begin + self.slide, interval.end)
    }

    fn lock(&self) -> MutexGuard<'_, Seen<T>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle's side in the graph.
pub(super) trait Observer: Send {
    fn node(&self) -> usize;
    fn start(&self, zero: Time);
    fn observe(&mut self, batch: &mut Batch<'_>) -> Result<(), JobError>;
    fn forget(&self, cutoff: Time) -> Vec<Box<dyn Any + Send>>;
    fn stop(&self);
}

struct Observed<T> {
    node: NodeId<T>,
    handle: StreamHandle<T>,
}

impl<T: Data> Observer for Observed<T> {
    fn node(&self) -> usize {
        self.node.index
    }

    fn start(&self, zero: Time) {
        self.handle.lock().zero = Some(zero);
    }

    fn observe(&mut self, batch: &mut Batch<'_>) -> Result<(), JobError> {
        if let Some(dataset) = batch.dataset(self.node)? {
            self.handle.lock().datasets.insert(batch.time(), dataset);
        }
        Ok(())
    }

    fn forget(&self, cutoff: Time) -> Vec<Box<dyn Any + Send>> {
        let mut seen = self.handle.lock();
        let kept = seen.datasets.split_off(&(cutoff + Duration::from_millis(1)));
        let forgotten = std::mem::replace(&mut seen.datasets, kept);
        if !forgotten.is_empty() {
            seen.forgotten = Some(cutoff);
        }
        forgotten.into_values().map(|dataset| Box::new(dataset) as Box<dyn Any + Send>).collect()
    }

    fn stop(&self) {
        let mut seen = self.handle.lock();
        seen.ended = true;
        let gone = std::mem::take(&mut seen.datasets);
        drop(seen);
        drop(gone);
    }
}
