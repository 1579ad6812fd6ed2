//! Points in time and batch ticks.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01 00:00:00 UTC.
///
/// ```
/// use waterwheel_runtime::time::{Time, milliseconds};
///
/// let t = Time::from_millis(1350);
/// assert_eq!(t.floor(milliseconds(200)), Time::from_millis(1200));
/// assert_eq!((t + milliseconds(150)).to_string(), "1500 ms");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// The Unix epoch.
    pub const ZERO: Time = Time(0);

    /// The time `millis` milliseconds after the epoch, or before it if negative.
    pub const fn from_millis(millis: i64) -> Time {
        Time(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was at this time; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Time) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        Duration::from_millis(self.0.abs_diff(earlier.0))
    }

    /// The last multiple of `step`, counted from the epoch, that is not after this time.
    ///
    /// A step shorter than one millisecond changes nothing.
    pub fn floor(self, step: Duration) -> Time {
        self.floor_from(step, Time::ZERO)
    }

    /// The last of `zero`, `zero + step`, `zero + 2 * step` and so on (in both directions) that is not after this time.
    ///
    /// ```
    /// use waterwheel_runtime::time::{Time, milliseconds};
    ///
    /// let t = Time::from_millis(1350);
    /// assert_eq!(t.floor_from(milliseconds(200), Time::from_millis(50)), Time::from_millis(1250));
    /// ```
    pub fn floor_from(self, step: Duration, zero: Time) -> Time {
        let past = self.0.saturating_sub(zero.0).checked_rem_euclid(whole_millis(step));
        Time(self.0.saturating_sub(past.unwrap_or(0)))
    }

    /// Whether this time is a whole number of `step`s from the epoch.
    ///
    /// Of a step shorter than one millisecond only the epoch itself is a multiple.
    pub fn is_multiple_of(self, step: Duration) -> bool {
        self.is_multiple_of_from(step, Time::ZERO)
    }

    /// Whether this time is a whole number of `step`s from `zero`, in either direction.
    ///
    /// Of a step shorter than one millisecond only `zero` itself is a multiple.
    pub fn is_multiple_of_from(self, step: Duration, zero: Time) -> bool {
        let offset = self.0.saturating_sub(zero.0);
        offset.checked_rem_euclid(whole_millis(step)).unwrap_or(offset) == 0
    }

    /// This time, then every `step` after it, as long as the result is before `end`.
    ///
    /// Yields nothing if the step is shorter than one millisecond.
    ///
    /// ```
    /// use waterwheel_runtime::time::{Time, milliseconds};
    ///
    /// let times = Time::from_millis(1000).until(Time::from_millis(1100), milliseconds(30));
    /// assert_eq!(times.map(Time::millis).collect::<Vec<_>>(), [1000, 1030, 1060, 1090]);
    /// ```
    pub fn until(self, end: Time, step: Duration) -> Times {
        if self < end { self.to(Time(end.0.saturating_sub(1)), step) } else { Times::none() }
    }

    /// This time, then every `step` after it, as long as the result is not after `end`.
    ///
    /// Yields nothing if the step is shorter than one millisecond.
    pub fn to(self, end: Time, step: Duration) -> Times {
        let step = whole_millis(step);
        if step > 0 && self <= end { Times { next: Some(self), last: end, step } } else { Times::none() }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, later: Duration) -> Time {
        Time(self.0.saturating_add(whole_millis(later)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, later: Duration) {
        *self = *self + later;
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, earlier: Duration) -> Time {
        Time(self.0.saturating_sub(whole_millis(earlier)))
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Evenly spaced times, made by [`Time::until`] and [`Time::to`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    next: Option<Time>,
    last: Time,
    step: i64,
}

impl Times {
    fn none() -> Times {
        Times { next: None, last: Time::ZERO, step: 0 }
    }
}

impl Iterator for Times {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        let current = self.next?;
        self.next = current.0.checked_add(self.step).map(Time).filter(|next| *next <= self.last);
        Some(current)
    }
}

impl FusedIterator for Times {}

/// The first batch time after `now`: the next multiple of `interval`, counted from the epoch.
///
/// A `now` that is itself a multiple is not its own next tick. If the interval is shorter than one millisecond there is
/// no later tick and the result is `now`.
///
/// ```
/// use waterwheel_runtime::time::{Time, next_tick, seconds};
///
/// assert_eq!(next_tick(Time::from_millis(1350), seconds(1)), Time::from_millis(2000));
/// assert_eq!(next_tick(Time::from_millis(2000), seconds(1)), Time::from_millis(3000));
/// ```
pub fn next_tick(now: Time, interval: Duration) -> Time {
    now.floor(interval) + interval
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{milliseconds, seconds};

    fn t(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn listed(times: Times) -> Vec<i64> {
        times.map(Time::millis).collect()
    }

    #[test]
    fn times_compare_by_milliseconds() {
        assert!(t(999) < t(1000) && t(1000) <= t(1000) && t(1001) > t(1000));
        assert_eq!((t(999).min(t(1000)), t(999).max(t(1000))), (t(999), t(1000)));
    }

    #[test]
    fn durations_shift_times() {
        assert_eq!(t(1000) + milliseconds(100), t(1100));
        assert_eq!(t(1000) - milliseconds(100), t(900));
        let mut time = t(1000);
        time += milliseconds(1);
        assert_eq!(time, t(1001));
    }

    #[test]
    fn part_of_a_duration_below_one_millisecond_is_dropped() {
        assert_eq!(t(1000) + Duration::from_micros(1_999), t(1001));
    }

    #[test]
    fn since_counts_from_the_earlier_time_and_never_below_zero() {
        assert_eq!(t(1000).since(t(900)), milliseconds(100));
        assert_eq!(t(1000).since(t(1000)), Duration::ZERO);
        assert_eq!(t(900).since(t(1000)), Duration::ZERO);
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_the_range() {
        assert_eq!(t(i64::MAX) + Duration::MAX, t(i64::MAX));
        assert_eq!(t(i64::MIN) - Duration::MAX, t(i64::MIN));
        assert_eq!(t(i64::MAX).since(t(i64::MIN)), Duration::from_millis(u64::MAX));
        assert_eq!(listed(t(i64::MAX - 1).to(t(i64::MAX), seconds(1))), [i64::MAX - 1]);
    }

    #[test]
    fn floor_counts_from_the_epoch() {
        for (time, step, expected) in [(1350, 200, 1200), (1200, 200, 1200), (199, 200, 0), (1, 1, 1), (-1, 200, -200)]
        {
            assert_eq!(t(time).floor(milliseconds(step)), t(expected), "{time} by {step}");
        }
    }

    #[test]
    fn floor_from_counts_from_the_given_zero() {
        for (zero, expected) in [(50, 1250), (150, 1350), (200, 1200), (1400, 1200)] {
            assert_eq!(t(1350).floor_from(milliseconds(200), t(zero)), t(expected), "zero {zero}");
        }
    }

    #[test]
    fn multiples_are_counted_from_the_epoch_or_the_given_zero() {
        assert!(t(1000).is_multiple_of(milliseconds(5)) && t(1000).is_multiple_of(milliseconds(1000)));
        assert!(t(0).is_multiple_of(milliseconds(1000)) && !t(1000).is_multiple_of(milliseconds(6)));
        assert!(t(1250).is_multiple_of_from(milliseconds(200), t(50)));
        assert!(t(50).is_multiple_of_from(milliseconds(200), t(1250)));
        assert!(!t(1200).is_multiple_of_from(milliseconds(200), t(50)));
    }

    #[test]
    fn step_below_one_millisecond_is_harmless() {
        for step in [Duration::ZERO, Duration::from_micros(999)] {
            assert_eq!(t(1350).floor(step), t(1350));
            assert_eq!(next_tick(t(1350), step), t(1350));
            assert!(!t(1350).is_multiple_of(step) && t(0).is_multiple_of(step));
            assert_eq!(t(0).to(t(1000), step).count() + t(0).until(t(1000), step).count(), 0);
        }
    }

    #[test]
    fn until_excludes_the_end() {
        assert_eq!(listed(t(1000).until(t(1100), milliseconds(100))), [1000]);
        assert_eq!(listed(t(1000).until(t(1000), milliseconds(100))), []);
        assert_eq!(listed(t(1000).until(t(1100), milliseconds(30))), [1000, 1030, 1060, 1090]);
    }

    #[test]
    fn to_includes_the_end() {
        assert_eq!(listed(t(1000).to(t(1100), milliseconds(100))), [1000, 1100]);
        assert_eq!(listed(t(1000).to(t(1000), milliseconds(100))), [1000]);
        assert_eq!(listed(t(1000).to(t(1100), milliseconds(30))), [1000, 1030, 1060, 1090]);
        assert_eq!(listed(t(1000).to(t(999), milliseconds(100))), []);
    }

    #[test]
    fn next_tick_is_always_later() {
        for (now, expected) in [(0, 1000), (999, 1000), (1000, 2000), (1001, 2000), (-1, 0)] {
            assert_eq!(next_tick(t(now), seconds(1)), t(expected), "now {now}");
        }
    }

    proptest! {
        #[test]
        fn floor_is_the_nearest_multiple_below(
            time in -1_000_000..1_000_000i64,
            step in 1..5_000u64,
            zero in -5_000..5_000i64,
        ) {
            let floor = t(time).floor_from(milliseconds(step), t(zero));
            prop_assert!(floor <= t(time) && t(time).since(floor) < milliseconds(step));
            prop_assert!(floor.is_multiple_of_from(milliseconds(step), t(zero)));
        }

        #[test]
        fn ranges_match_counting_by_hand(begin in -500..500i64, length in 0..500i64, step in 1..100u64) {
            let by_hand = |end: i64| (begin..end).step_by(step as usize).collect::<Vec<_>>();
            let end = begin + length;
            prop_assert_eq!(listed(t(begin).until(t(end), milliseconds(step))), by_hand(end));
            prop_assert_eq!(listed(t(begin).to(t(end), milliseconds(step))), by_hand(end + 1));
        }
    }
}
