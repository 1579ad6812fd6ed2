//! The same dataset in every batch: `constant_stream`.
//!
//! For tests and for reference data that is joined with every batch. The dataset is lazy: where its computation is costly,
//! persist it, or every batch computes it again.

use waterwheel_operators::rdd::Rdd;
use waterwheel_operators::record::Data;
use waterwheel_operators::{BatchInputs, DStream, InputStream, StreamingContext};
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

/// Streams of one dataset; see the [module](self).
pub trait ConstantSource {
    /// A stream whose dataset is `dataset` in every batch.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let clock = ManualClock::new(Time::ZERO);
    /// let ssc = StreamingContext::with_clock(Config::local("Constant"), seconds(1), Arc::new(clock.clone()))?;
    /// let primes = ssc.engine().parallelize([2, 3, 5, 7], 2);
    ///
    /// let (batches, received) = std::sync::mpsc::channel();
    /// ssc.constant_stream(primes).foreach_rdd(move |rdd| rdd.collect().map(|primes| drop(batches.send(primes))));
    /// let running = ssc.start()?;
    ///
    /// for _ in 0..2 {
    ///     clock.advance(seconds(1));
    ///     assert_eq!(received.recv()?, [2, 3, 5, 7]);
    /// }
    /// running.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn constant_stream<T: Data>(&self, dataset: Rdd<T>) -> DStream<'_, T>;
}

impl ConstantSource for StreamingContext {
    fn constant_stream<T: Data>(&self, dataset: Rdd<T>) -> DStream<'_, T> {
        self.input_stream_at(Site::here("constant_stream"), Constant { dataset })
    }
}

struct Constant<T> {
    dataset: Rdd<T>,
}

impl<T: Data> InputStream<T> for Constant<T> {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError> {
        Ok(Some(self.dataset.in_scope(&inputs.scope)))
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}
