//! Stretches of time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Time;

/// The stretch of time after `begin`, up to and including `end`.
///
/// The end belongs to the interval because a batch is named by the end of what it covers: the window of two batches of
/// one second at time 5000 is `(3000 ms, 5000 ms]` and holds the batches 4000 and 5000. Intervals laid end to end
/// therefore hold every time exactly once.
///
/// ```
/// use waterwheel_runtime::time::{Interval, Time, seconds};
///
/// let window = Interval::ending_at(Time::from_millis(5000), seconds(2));
/// assert!(window.contains(Time::from_millis(5000)));
/// assert!(!window.contains(Time::from_millis(3000)));
/// assert_eq!(window.to_string(), "(3000 ms, 5000 ms]");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// The last time before the interval.
    pub begin: Time,
    /// The last time of the interval. An interval that ends before it begins is empty.
    pub end: Time,
}

impl Interval {
    /// The interval of the given length whose last time is `end`.
    pub fn ending_at(end: Time, length: Duration) -> Interval {
        Interval { begin: end - length, end }
    }

    /// The time from begin to end; zero for an empty interval.
    pub fn length(&self) -> Duration {
        self.end.since(self.begin)
    }

    /// Whether `time` is after the begin and not after the end.
    pub fn contains(&self, time: Time) -> bool {
        self.begin < time && time <= self.end
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}]", self.begin, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::seconds;

    fn t(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn adjacent_intervals_share_no_time() {
        let (first, second) = (Interval::ending_at(t(1000), seconds(1)), Interval::ending_at(t(2000), seconds(1)));
        assert_eq!(first, Interval { begin: t(0), end: t(1000) });
        assert_eq!((first.length(), second.begin), (seconds(1), first.end));
        assert!(first.contains(t(1000)) && !second.contains(t(1000)) && second.contains(t(1001)));
    }

    #[test]
    fn inverted_interval_is_empty() {
        let inverted = Interval { begin: t(2000), end: t(1000) };
        assert_eq!(inverted.length(), Duration::ZERO);
        assert!(!inverted.contains(t(1000)) && !inverted.contains(t(1500)) && !inverted.contains(t(2000)));
    }
}
