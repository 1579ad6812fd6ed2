//! How the rates of receivers are found, and what follows from the section's settings.

use std::fmt;
use std::str::FromStr;

use super::BackpressureConfig;
use crate::flow::PidGains;

/// How the rates at which receivers may store are found from the batches that are done.
///
/// As text, and so in a file or variable, it is `service_time`, `pid` or `none`.
///
/// ```
/// use waterwheel_runtime::config::Estimator;
///
/// assert_eq!("pid".parse(), Ok(Estimator::Pid));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Estimator {
    /// From how long records took so far. The first batches are small, and grow as long as there is time.
    #[default]
    ServiceTime,
    /// Spark's, which holds nothing back before the second batch is done.
    Pid,
    /// They are not: `receiver.max_rate` and `receiver.max_pending` alone hold receivers back.
    None,
}

/// The text is not `service_time`, `pid` or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an estimator of rates: expected {}", Estimator::FORMS)]
pub struct NotAnEstimator;

impl Estimator {
    pub(super) const FORMS: &str = "\"service_time\", \"pid\" or \"none\"";
}

impl FromStr for Estimator {
    type Err = NotAnEstimator;

    fn from_str(text: &str) -> Result<Self, NotAnEstimator> {
        match text.trim() {
            "service_time" => Ok(Estimator::ServiceTime),
            "pid" => Ok(Estimator::Pid),
            "none" => Ok(Estimator::None),
            _ => Err(NotAnEstimator),
        }
    }
}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Estimator::ServiceTime => "service_time",
            Estimator::Pid => "pid",
            Estimator::None => "none",
        })
    }
}

/// The weight of a part of an estimator: a number, 0 or more.
///
/// ```
/// use waterwheel_runtime::config::Gain;
///
/// assert_eq!(Gain::new(0.2).map(Gain::get), Some(0.2));
/// assert_eq!(Gain::new(-0.2), None);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Gain(f64);

impl Gain {
    /// A weight; `None` when the number is below 0, endless or none at all.
    pub fn new(weight: f64) -> Option<Gain> {
        // A negative zero becomes the other one, so that equal weights look the same.
        (weight.is_finite() && weight >= 0.0).then_some(Gain(weight.abs()))
    }

    /// As a number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Gain {
    fn eq(&self, other: &Gain) -> bool {
        self.0.total_cmp(&other.0).is_eq()
    }
}

impl Eq for Gain {}

/// Records per second that a receiver may bring under the default estimator before a batch is done: a first batch whose records take
/// ten milliseconds each is computed within its interval even on one core.
const DEFAULT_INITIAL_RATE: u64 = 100;

/// The same of a stream that sheds, where what is kept out is lost: few sources bring more, and the first batch of those that do is
/// computed within its interval where a record takes a tenth of a millisecond on one core.
const SHEDDING_INITIAL_RATE: u64 = 10_000;

impl BackpressureConfig {
    /// The rate of a receiver before a batch is done, as set or else what the estimator needs; `None` is no limit.
    pub fn initial_rate_or_default(&self) -> Option<f64> {
        let default = (self.estimator == Estimator::ServiceTime).then_some(DEFAULT_INITIAL_RATE);
        self.initial_rate.or(default).map(|rate| rate as f64)
    }

    /// The same of a stream that sheds.
    pub fn initial_rate_of_shedding(&self) -> Option<f64> {
        let default = (self.estimator == Estimator::ServiceTime).then_some(SHEDDING_INITIAL_RATE);
        self.initial_rate.or(default).map(|rate| rate as f64)
    }

    /// The weights of Spark's estimator.
    pub fn pid_gains(&self) -> PidGains {
        PidGains {
            proportional: self.pid_proportional.get(),
            integral: self.pid_integral.get(),
            derived: self.pid_derived.get(),
            min_rate: self.min_rate as f64,
        }
    }
}

impl Default for BackpressureConfig {
    fn default() -> Self {
        let PidGains { proportional, integral, derived, min_rate } = PidGains::default();
        BackpressureConfig {
            estimator: Estimator::default(),
            initial_rate: None,
            min_rate: min_rate as u64,
            pid_proportional: Gain(proportional),
            pid_integral: Gain(integral),
            pid_derived: Gain(derived),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimators_read_back_from_their_text() {
        for estimator in [Estimator::ServiceTime, Estimator::Pid, Estimator::None] {
            assert_eq!(estimator.to_string().parse(), Ok(estimator));
        }
        assert_eq!("constant".parse::<Estimator>(), Err(NotAnEstimator));
    }

    #[test]
    fn gains_are_numbers_of_zero_or_more() {
        assert_eq!(Gain::new(-0.0), Gain::new(0.0));
        for refused in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Gain::new(refused), None);
        }
    }

    #[test]
    fn only_the_default_estimator_begins_slowly_unless_told_to() {
        let of = |estimator, initial_rate| {
            BackpressureConfig { estimator, initial_rate, ..BackpressureConfig::default() }.initial_rate_or_default()
        };
        assert_eq!(of(Estimator::ServiceTime, None), Some(100.0));
        assert_eq!(of(Estimator::Pid, None), None);
        assert_eq!(of(Estimator::Pid, Some(50)), Some(50.0));
    }
}
