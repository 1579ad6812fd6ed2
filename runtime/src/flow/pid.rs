//! Spark's estimator: a controller with a proportional, an integral and a derived part.

use super::estimator::{BatchSample, RateEstimator};
use std::time::Duration;

/// The rate from the error of the last one, the waiting that has built up, and how the error changes.
///
/// All rates are in records per second. After each batch, with
/// - *processing rate* = records / processing time,
/// - *error* = latest rate - processing rate: what came too much in a second,
/// - *historical error* = scheduling delay x processing rate / batch interval: the records that wait, spread over an interval,
/// - *error's change* = (error - latest error) / time since the latest estimate,
///
/// new rate = latest rate - proportional x error - integral x historical error - derived x error's change, and never less than
/// the least rate. The first batch only sets the latest rate; one without records, or that took no time, changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct PidEstimator {
    interval: Duration,
    gains: PidGains,
    latest: Option<Latest>,
}

/// The weights of the parts, and the least rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PidGains {
    /// Of the error.
    pub proportional: f64,
    /// Of the errors that have added up, as the scheduling delay shows them.
    pub integral: f64,
    /// Of the error's change. Above zero it answers quickly, to noise as well.
    pub derived: f64,
    /// Records per second that are let in whatever the error.
    pub min_rate: f64,
}

impl Default for PidGains {
    /// Spark's.
    fn default() -> PidGains {
        PidGains { proportional: 1.0, integral: 0.2, derived: 0.0, min_rate: 100.0 }
    }
}

/// An argument of an estimator that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PidError {
    /// No time between batches.
    #[error("the batch interval of the rate estimator is zero; it has to be longer")]
    Interval,
    /// A weight below zero, or none at all.
    #[error("the {part} part of the rate estimator has the weight {weight}; it has to be 0 or more")]
    Weight {
        /// Which.
        part: &'static str,
        /// The value.
        weight: f64,
    },
    /// A least rate at which nothing comes in.
    #[error("the least rate of the rate estimator is {rate}; it has to be above 0")]
    MinRate {
        /// The value.
        rate: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Latest {
    time: Duration,
    rate: f64,
    error: f64,
}

impl PidEstimator {
    /// An estimator for batches of `interval`.
    ///
    /// # Errors
    /// [`PidError`] for an interval of zero, a weight below zero and a least rate that is not above zero.
    pub fn new(interval: Duration, gains: PidGains) -> Result<PidEstimator, PidError> {
        if interval.is_zero() {
            return Err(PidError::Interval);
        }
        let parts = [("proportional", gains.proportional), ("integral", gains.integral), ("derived", gains.derived)];
        if let Some((part, weight)) = parts.into_iter().find(|(_, weight)| weight.is_nan() || *weight < 0.0) {
            return Err(PidError::Weight { part, weight });
        }
        if gains.min_rate.is_nan() || gains.min_rate <= 0.0 {
            return Err(PidError::MinRate { rate: gains.min_rate });
        }
        Ok(PidEstimator { interval, gains, latest: None })
    }
}

impl RateEstimator for PidEstimator {
    fn compute(&mut self, batch: &BatchSample) -> Option<f64> {
        if batch.records == 0 || batch.processing.is_zero() {
            return None;
        }
        let processing_rate = batch.records as f64 / batch.processing.as_secs_f64();
        let Some(latest) = self.latest else {
            self.latest = Some(Latest { time: batch.end, rate: processing_rate, error: 0.0 });
            return None;
        };
        let since = batch.end.checked_sub(latest.time).filter(|since| !since.is_zero())?.as_secs_f64();
        let PidGains { proportional, integral, derived, min_rate } = self.gains;
        let error = latest.rate - processing_rate;
        let historical_error = batch.waited.as_secs_f64() * processing_rate / self.interval.as_secs_f64();
        let change = (error - latest.error) / since;
        let rate = latest.rate - proportional * error - integral * historical_error - derived * change;
        let rate = rate.max(min_rate);
        self.latest = Some(Latest { time: batch.end, rate, error });
        Some(rate)
    }
}

/// The rows of Spark's PIDRateEstimatorSuite.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::milliseconds;
    use proptest::prelude::*;

    /// An estimator of batches of 20 ms, told in milliseconds.
    struct Told(PidEstimator);

    fn estimator(proportional: f64, integral: f64, derived: f64, min_rate: f64) -> Told {
        let gains = PidGains { proportional, integral, derived, min_rate };
        Told(PidEstimator::new(milliseconds(20), gains).unwrap())
    }

    impl Told {
        fn compute(&mut self, end: u64, records: u64, processing: u64, waited: u64) -> Option<f64> {
            let [end, processing, waited] = [end, processing, waited].map(milliseconds);
            // Whole numbers of records in whole milliseconds: what is left of a rate is rounding.
            self.0.compute(&BatchSample { end, records, processing, waited }).map(|rate| (rate * 1e6).round() / 1e6)
        }
    }

    #[test]
    fn arguments_out_of_range_are_refused_and_named() {
        let ok = PidGains::default();
        assert!(PidEstimator::new(milliseconds(1), ok).is_ok());
        assert_eq!(PidEstimator::new(Duration::ZERO, ok), Err(PidError::Interval));
        for (gains, part, weight) in [
            (PidGains { proportional: -1.0, ..ok }, "proportional", -1.0),
            (PidGains { integral: -0.5, ..ok }, "integral", -0.5),
            (PidGains { derived: -2.0, ..ok }, "derived", -2.0),
        ] {
            assert_eq!(PidEstimator::new(milliseconds(1), gains), Err(PidError::Weight { part, weight }));
        }
        for rate in [0.0, -10.0] {
            let refused = PidEstimator::new(milliseconds(1), PidGains { min_rate: rate, ..ok });
            assert_eq!(refused, Err(PidError::MinRate { rate }));
        }
    }

    #[test]
    fn the_first_batch_gives_no_estimate_and_the_second_one_does() {
        let mut pid = estimator(1.0, 0.2, 0.0, 10.0);
        assert_eq!(pid.compute(0, 10, 10, 0), None);
        assert_eq!(pid.compute(10, 10, 10, 0), Some(1000.0));
    }

    #[test]
    fn the_same_time_again_gives_none() {
        let mut pid = estimator(1.0, 0.2, 0.0, 10.0);
        pid.compute(0, 10, 10, 0);
        pid.compute(10, 10, 10, 0);
        assert_eq!(pid.compute(10, 10, 10, 0), None);
    }

    #[test]
    fn a_batch_without_records_or_without_a_processing_delay_gives_none() {
        for (records, processing) in [(0, 10), (10, 0)] {
            let mut pid = estimator(1.0, 0.2, 0.0, 10.0);
            pid.compute(0, 10, 10, 0);
            assert_eq!(pid.compute(10, records, processing, 0), None);
            assert_eq!(pid.compute(20, 10, 10, 0), Some(1000.0));
        }
    }

    #[test]
    fn no_estimate_is_below_the_least_rate() {
        let mut pid = estimator(1.0, 1.0, 0.0, 5.0);
        let rates: Vec<_> = (0..50).map(|x| pid.compute(x * 20, 1, 20, 100)).collect();
        assert_eq!(rates[0], None);
        assert_eq!(rates[1..], [Some(5.0); 49]);
    }

    #[test]
    fn without_a_delay_the_rate_follows_the_processing_speed_up_and_down() {
        let (mut rising, mut falling) = (estimator(1.0, 1.0, 0.0, 10.0), estimator(1.0, 1.0, 0.0, 10.0));
        for x in 0..50 {
            let expected = |records: u64| (x > 0).then_some(records as f64 * 50.0);
            let (more, less) = ((x + 1) * 20, (50 - x) * 20);
            assert_eq!(rising.compute(x * 20, more, 20, 0), expected(more));
            assert_eq!(falling.compute(x * 20, less, 20, 0), expected(less));
        }
    }

    proptest! {
        #[test]
        fn with_a_delay_the_rate_is_below_the_processing_speed(
            waited in prop::collection::vec(1..20_u64, 50), start in 0..50_u64,
        ) {
            let mut pid = estimator(1.0, 0.01, 0.0, 10.0);
            for (x, waited) in waited.into_iter().enumerate() {
                let records = (50 - start.abs_diff(x as u64)) * 20;
                if let Some(rate) = pid.compute(x as u64 * 20, records, 20, waited) {
                    prop_assert!(rate < records as f64 * 50.0 && rate >= 10.0, "{} records: {}", records, rate);
                }
            }
        }
    }
}
