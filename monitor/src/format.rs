//! How times and durations are written for people: the rules of Spark's pages.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;
use waterwheel_runtime::time::Time;

/// A unit of time on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// `ns`
    Nanoseconds,
    /// `us`
    Microseconds,
    /// `ms`
    Milliseconds,
    /// `sec`
    Seconds,
    /// `min`
    Minutes,
    /// `hrs`
    Hours,
    /// `days`
    Days,
}

impl TimeUnit {
    /// Every unit, the smallest first.
    pub const ALL: [TimeUnit; 7] = [
        TimeUnit::Nanoseconds,
        TimeUnit::Microseconds,
        TimeUnit::Milliseconds,
        TimeUnit::Seconds,
        TimeUnit::Minutes,
        TimeUnit::Hours,
        TimeUnit::Days,
    ];

    /// Its short name.
    ///
    /// ```
    /// use waterwheel_monitor::format::TimeUnit;
    ///
    /// assert_eq!(TimeUnit::ALL.map(TimeUnit::name), ["ns", "us", "ms", "sec", "min", "hrs", "days"]);
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Nanoseconds => "ns",
            TimeUnit::Microseconds => "us",
            TimeUnit::Milliseconds => "ms",
            TimeUnit::Seconds => "sec",
            TimeUnit::Minutes => "min",
            TimeUnit::Hours => "hrs",
            TimeUnit::Days => "days",
        }
    }

    /// How long one of it is.
    pub fn length(self) -> Duration {
        match self {
            TimeUnit::Nanoseconds => Duration::from_nanos(1),
            TimeUnit::Microseconds => Duration::from_micros(1),
            TimeUnit::Milliseconds => Duration::from_millis(1),
            TimeUnit::Seconds => Duration::from_secs(1),
            TimeUnit::Minutes => Duration::from_secs(60),
            TimeUnit::Hours => Duration::from_secs(3_600),
            TimeUnit::Days => Duration::from_secs(86_400),
        }
    }

    /// How many of it `duration` is.
    pub fn of(self, duration: Duration) -> f64 {
        duration.as_nanos() as f64 / self.length().as_nanos() as f64
    }
}

/// A duration in the largest unit, from milliseconds on, of which it is at least one.
///
/// ```
/// use std::time::Duration;
/// use waterwheel_monitor::format::{TimeUnit, normalized};
///
/// assert_eq!(normalized(Duration::from_millis(900)), (900.0, TimeUnit::Milliseconds));
/// assert_eq!(normalized(Duration::from_millis(60_000)), (1.0, TimeUnit::Minutes));
/// ```
pub fn normalized(duration: Duration) -> (f64, TimeUnit) {
    const UNITS: [TimeUnit; 4] = [TimeUnit::Days, TimeUnit::Hours, TimeUnit::Minutes, TimeUnit::Seconds];
    let unit = UNITS.into_iter().find(|unit| duration >= unit.length()).unwrap_or(TimeUnit::Milliseconds);
    (unit.of(duration), unit)
}

/// The time of a batch in a time zone; with milliseconds only where the interval is not a whole number of seconds.
///
/// ```
/// use jiff::tz::{TimeZone, offset};
/// use waterwheel_monitor::format::batch_time;
/// use waterwheel_runtime::time::{Time, milliseconds, seconds};
///
/// let (time, zone) = (Time::from_millis(1_431_637_480_452), TimeZone::fixed(offset(-7)));
/// assert_eq!(batch_time(time, seconds(1), true, &zone), "2015/05/14 14:04:40");
/// assert_eq!(batch_time(time, milliseconds(999), false, &zone), "14:04:40.452");
/// ```
pub fn batch_time(time: Time, interval: Duration, with_date: bool, zone: &TimeZone) -> String {
    let form = match (with_date, interval.subsec_nanos() > 0) {
        (true, true) => "%Y/%m/%d %H:%M:%S%.3f",
        (true, false) => "%Y/%m/%d %H:%M:%S",
        (false, true) => "%H:%M:%S%.3f",
        (false, false) => "%H:%M:%S",
    };
    timestamp(time).to_zoned(zone.clone()).strftime(form).to_string()
}

/// A time as Spark's REST interface writes it: `2015-05-14T21:04:40.452GMT`.
pub(crate) fn rest_date(time: Time) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%S%.3fGMT").to_string()
}

/// Times beyond the year 9999 are the last of it.
fn timestamp(time: Time) -> Timestamp {
    Timestamp::from_millisecond(time.millis()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;
    use waterwheel_runtime::time::{milliseconds, seconds};

    /// `UIUtilsSuite`: shortTimeUnitString, normalizeDuration.
    #[test]
    fn the_largest_unit_of_which_there_is_one_is_taken() {
        for (millis, expected) in [
            (900, (900.0, "ms")),
            (1_000, (1.0, "sec")),
            (60_000, (1.0, "min")),
            (3_600_000, (1.0, "hrs")),
            (86_400_000, (1.0, "days")),
            (0, (0.0, "ms")),
            (90_000, (1.5, "min")),
        ] {
            let (value, unit) = normalized(Duration::from_millis(millis));
            assert_eq!((value, unit.name()), expected, "{millis} ms");
        }
    }

    /// `UIUtilsSuite`: convertToTimeUnit.
    #[test]
    fn a_duration_is_the_same_in_every_unit() {
        let of = |millis, unit: TimeUnit| unit.of(Duration::from_millis(millis));
        assert_eq!(of(60 * 1000 * 1000, TimeUnit::Nanoseconds), 60_000.0 * 1_000_000.0 * 1000.0);
        assert_eq!(of(1, TimeUnit::Microseconds), 1_000.0);
        assert_eq!(of(60_000, TimeUnit::Seconds), 60.0);
        assert_eq!(of(3_600_000, TimeUnit::Minutes), 60.0);
        assert_eq!(of(86_400_000, TimeUnit::Hours), 24.0);
        assert_eq!(of(86_400_000, TimeUnit::Days), 1.0);
    }

    /// `UIUtilsSuite`: formatBatchTime, in the time zone of Los Angeles in May.
    #[test]
    fn batch_times_show_milliseconds_only_where_batches_do_not_come_at_whole_seconds() {
        let (time, zone) = (Time::from_millis(1_431_637_480_452), TimeZone::fixed(offset(-7)));
        for (interval, with_date, expected) in [
            (seconds(1), true, "2015/05/14 14:04:40"),
            (milliseconds(999), true, "2015/05/14 14:04:40.452"),
            (seconds(1), false, "14:04:40"),
            (milliseconds(999), false, "14:04:40.452"),
            // Not of the suite, whose times would be the same for every second of these batches.
            (milliseconds(1500), false, "14:04:40.452"),
        ] {
            assert_eq!(batch_time(time, interval, with_date, &zone), expected);
        }
    }

    #[test]
    fn dates_are_written_as_spark_writes_them() {
        assert_eq!(rest_date(Time::from_millis(1_431_637_480_452)), "2015-05-14T21:04:40.452GMT");
        assert_eq!(rest_date(Time::from_millis(0)), "1970-01-01T00:00:00.000GMT");
    }
}
