//! Lengths of time.

use std::time::Duration;

/// `n` milliseconds.
pub const fn milliseconds(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// `n` seconds.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` minutes; the longest possible duration if that is too many.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60))
}

/// What streaming needs of a [`Duration`] and the standard library lacks.
pub trait DurationExt {
    /// Whether this duration is a whole number of `step`s. Only zero is a multiple of zero.
    fn is_multiple_of(&self, step: Duration) -> bool;

    /// The duration for people: in the largest unit that gives at least 1, with at most one decimal; zero is `0 ms`.
    ///
    /// Further decimals are cut off, so a duration just below a minute never reads as `60 sec`.
    ///
    /// ```
    /// use waterwheel_runtime::time::{DurationExt, milliseconds};
    ///
    /// assert_eq!(milliseconds(900).pretty(), "900 ms");
    /// assert_eq!(milliseconds(90_000).pretty(), "1.5 min");
    /// ```
    fn pretty(&self) -> String;
}

impl DurationExt for Duration {
    fn is_multiple_of(&self, step: Duration) -> bool {
        self.as_nanos().is_multiple_of(step.as_nanos())
    }

    fn pretty(&self) -> String {
        let nanos = self.as_nanos();
        if nanos == 0 {
            return "0 ms".to_owned();
        }
        let (unit, name) = UNITS.into_iter().find(|(unit, _)| nanos >= *unit).unwrap_or(LEAST_UNIT);
        let (whole, tenth) = (nanos / unit, nanos % unit * 10 / unit);
        if tenth == 0 { format!("{whole} {name}") } else { format!("{whole}.{tenth} {name}") }
    }
}

/// Nanoseconds per unit, largest first, with the names that Spark's pages use.
const UNITS: [(u128, &str); 6] = [
    (86_400_000_000_000, "days"),
    (3_600_000_000_000, "hrs"),
    (60_000_000_000, "min"),
    (1_000_000_000, "sec"),
    (1_000_000, "ms"),
    (1_000, "us"),
];
const LEAST_UNIT: (u128, &str) = (1, "ns");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_constructors_agree() {
        assert_eq!((milliseconds(1000), seconds(60)), (seconds(1), minutes(1)));
        assert_eq!(minutes(u64::MAX), seconds(u64::MAX));
        assert!(milliseconds(0).is_zero() && !milliseconds(1).is_zero());
    }

    #[test]
    fn duration_multiples() {
        assert!(milliseconds(1000).is_multiple_of(milliseconds(5)));
        assert!(milliseconds(1000).is_multiple_of(milliseconds(1000)));
        assert!(!milliseconds(1000).is_multiple_of(milliseconds(6)));
        assert!(!seconds(1).is_multiple_of(Duration::ZERO) && Duration::ZERO.is_multiple_of(Duration::ZERO));
    }

    /// `DurationSuite`'s arithmetic is the standard library's; this pins the cases that a port relies on.
    #[test]
    fn duration_arithmetic_is_the_standard_librarys() {
        assert_eq!(milliseconds(1000) + milliseconds(100), milliseconds(1100));
        assert_eq!(milliseconds(1000) - milliseconds(100), milliseconds(900));
        assert_eq!(milliseconds(100) * 2, milliseconds(200));
        assert_eq!(milliseconds(1000).div_duration_f64(milliseconds(2000)), 0.5);
        assert!(milliseconds(999) < milliseconds(1000));
        assert_eq!(milliseconds(999).min(milliseconds(1000)).max(milliseconds(1)), milliseconds(999));
    }

    #[test]
    fn pretty_takes_the_largest_unit_that_gives_at_least_one() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ns"),
            (1_500, "1.5 us"),
            (900_000_000, "900 ms"),
            (1_000_000_000, "1 sec"),
            (59_999_000_000, "59.9 sec"),
            (60_000_000_000, "1 min"),
            (3_600_000_000_000, "1 hrs"),
            (86_400_000_000_000, "1 days"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(Duration::from_nanos(nanos).pretty(), expected);
        }
    }
}
