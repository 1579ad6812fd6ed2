//! What an estimator of rates is.

use std::fmt::Debug;
use std::time::Duration;

/// What a batch that is done says of the speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSample {
    /// When its processing ended, on the monotonic clock.
    pub end: Duration,
    /// Its records, over all streams.
    pub records: u64,
    /// How long it kept the context from computing, or from committing, the next one.
    pub processing: Duration,
    /// How long it waited before that: its scheduling delay.
    pub waited: Duration,
}

/// Says after each batch how many records a second may come in, over all streams of a context.
pub trait RateEstimator: Debug + Send {
    /// The rate in records per second from now on; `None` leaves it as it is.
    fn compute(&mut self, batch: &BatchSample) -> Option<f64>;
}
