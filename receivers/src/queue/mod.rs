//! Streams of datasets that the program itself queues: `queue_stream`.
//!
//! Made for tests and examples, where the records of each batch have to be known. Each batch takes one dataset from the queue,
//! or all of them; what an empty queue means is said by [`WhenEmpty`].
//!
//! **Guarantee.** A dataset that was queued is part of exactly one batch, in the order of the queue. The queue is in memory: a
//! program that is started again after a failure begins with whatever it queues then.

mod handle;
mod source;

pub use handle::RddQueue;

use source::QueueInput;
use waterwheel_operators::rdd::Rdd;
use waterwheel_operators::record::Data;
use waterwheel_operators::{DStream, StreamingContext};
use waterwheel_runtime::site::Site;

/// What a batch gets when nothing is queued.
#[derive(Debug, Clone, Default)]
pub enum WhenEmpty<T> {
    /// A dataset without records: outputs run, and find nothing.
    #[default]
    Empty,
    /// No dataset: outputs of the stream do not run in this batch.
    Nothing,
    /// This dataset, each time.
    Default(Rdd<T>),
}

/// Streams of queued datasets; see the [module](self).
pub trait QueueSource {
    /// The datasets of `queue`: one per batch, or all that are queued as one, in the order of the queue.
    ///
    /// `queue` is an [`RddQueue`], of which a clone goes on taking datasets while the program runs; a `Vec` or `VecDeque` of
    /// datasets; or the `Arc<Mutex<VecDeque<_>>>` of a program that has its own. A batch that finds it empty gets an empty
    /// dataset; [`queue_stream_or`](Self::queue_stream_or) takes another wish.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let clock = ManualClock::new(Time::ZERO);
    /// let ssc = StreamingContext::with_clock(Config::local("Queue"), seconds(1), Arc::new(clock.clone()))?;
    /// let queue = RddQueue::new();
    /// queue.push_records(ssc.engine(), ["to", "be"], 1);
    /// queue.push_records(ssc.engine(), ["or", "not"], 1);
    ///
    /// let (batches, received) = std::sync::mpsc::channel();
    /// ssc.queue_stream(&queue, true).foreach_rdd(move |rdd| rdd.collect().map(|words| drop(batches.send(words))));
    /// let running = ssc.start()?;
    ///
    /// clock.advance(seconds(1));
    /// assert_eq!(received.recv()?, ["to", "be"]);
    /// clock.advance(seconds(1));
    /// assert_eq!(received.recv()?, ["or", "not"]);
    /// clock.advance(seconds(1));
    /// assert!(received.recv()?.is_empty());
    /// running.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn queue_stream<T: Data>(&self, queue: impl Into<RddQueue<T>>, one_at_a_time: bool) -> DStream<'_, T>;

    /// As [`queue_stream`](Self::queue_stream), with what a batch gets when nothing is queued.
    #[track_caller]
    fn queue_stream_or<T: Data>(
        &self,
        queue: impl Into<RddQueue<T>>,
        one_at_a_time: bool,
        when_empty: WhenEmpty<T>,
    ) -> DStream<'_, T>;
}

impl QueueSource for StreamingContext {
    fn queue_stream<T: Data>(&self, queue: impl Into<RddQueue<T>>, one_at_a_time: bool) -> DStream<'_, T> {
        let source = QueueInput { queue: queue.into(), one_at_a_time, when_empty: WhenEmpty::default() };
        self.input_stream_at(Site::here("queue_stream"), source)
    }

    fn queue_stream_or<T: Data>(
        &self,
        queue: impl Into<RddQueue<T>>,
        one_at_a_time: bool,
        when_empty: WhenEmpty<T>,
    ) -> DStream<'_, T> {
        let source = QueueInput { queue: queue.into(), one_at_a_time, when_empty };
        self.input_stream_at(Site::here("queue_stream_or"), source)
    }
}
