//! The rate limiter of a receiver. Pure: asked with the time, answers with a wait.

use std::time::Duration;

/// What an idle receiver may make up for. A timer wakes a millisecond or two late, and a busy machine later still; without
/// this, a receiver that stores 5000 single records a second would be held to a fifth of that.
const SLACK: Duration = Duration::from_millis(50);

/// Spreads records evenly over time at a rate in records per second.
///
/// A reservation is granted at once when the previous ones are paid off; the *next* one waits for what this one cost. Hardly
/// anything is saved up while the receiver idles, so that no burst follows a pause: in any time d, at most rate x (d + 50 ms)
/// records and one reservation are granted.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimiter {
    rate: Option<f64>,
    next_free: Duration,
}

/// A reservation: how long to wait, and what [`RateLimiter::give_back`] wants to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reserved {
    /// How long to wait before the records may be stored.
    pub wait: Duration,
    before: Duration,
    after: Duration,
}

impl RateLimiter {
    /// A limiter that never grants more than `max_rate` records per second; `None` or 0 is no limit.
    pub fn new(max_rate: Option<u64>) -> RateLimiter {
        let rate = max_rate.filter(|rate| *rate > 0).map(|rate| rate as f64);
        RateLimiter { rate, next_free: Duration::ZERO }
    }

    /// The rate in records per second; `None` is no limit. Rates that change from batch to batch are kept by a
    /// [`Quota`](super::Quota).
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// How long a reservation at time `now` would have to wait.
    pub fn wait(&self, now: Duration) -> Duration {
        self.rate.map_or(Duration::ZERO, |_| self.next_free.saturating_sub(now))
    }

    /// Reserves `records` at time `now` and says how long to wait before they may be stored.
    pub fn reserve(&mut self, records: usize, now: Duration) -> Reserved {
        let before = self.next_free;
        let Some(rate) = self.rate else { return Reserved { wait: Duration::ZERO, before, after: before } };
        let start = before.max(now.saturating_sub(SLACK));
        self.next_free = start + Duration::from_secs_f64(records as f64 / rate);
        Reserved { wait: start.saturating_sub(now), before, after: self.next_free }
    }

    /// The records of a reservation are not stored. It is undone if it was the last: those behind it wait for their own times, and a
    /// gap between them is lost.
    pub fn give_back(&mut self, reserved: Reserved) {
        if self.next_free == reserved.after {
            self.next_free = reserved.before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_maximum_and_one_of_zero_are_no_limit() {
        for max in [None, Some(0)] {
            let mut limiter = RateLimiter::new(max);
            assert_eq!(limiter.rate(), None);
            assert_eq!(limiter.reserve(1_000_000, Duration::ZERO).wait, Duration::ZERO);
            assert_eq!(limiter.reserve(1, Duration::ZERO).wait, Duration::ZERO);
        }
    }

    /// The throttling row of Spark's BlockGeneratorSuite: 1001 records a second for 2 s, total within 5 %.
    #[test]
    fn two_seconds_at_1001_a_second_grant_about_2002_records() {
        let mut limiter = RateLimiter::new(Some(1001));
        let (mut now, mut granted) = (Duration::ZERO, 0);
        while now < Duration::from_secs(2) {
            now += limiter.reserve(1, now).wait;
            granted += 1;
        }
        assert!((1902..=2102).contains(&granted), "{granted}");
    }

    /// P-2
    #[test]
    fn a_pause_saves_up_no_more_than_the_slack() {
        let mut limiter = RateLimiter::new(Some(10));
        assert_eq!(limiter.reserve(10, Duration::from_secs(100)).wait, Duration::ZERO);
        assert_eq!(limiter.reserve(1, Duration::from_secs(100)).wait, Duration::from_secs(1) - SLACK);
    }

    #[test]
    fn a_reservation_that_is_given_back_holds_nobody_back_if_it_was_the_last() {
        let now = Duration::from_secs(100);
        let mut limiter = RateLimiter::new(Some(1));
        assert_eq!(limiter.reserve(0, now).wait, Duration::ZERO);
        let (first, second) = (limiter.reserve(1, now), limiter.reserve(50, now));
        limiter.give_back(second);
        let third = limiter.reserve(1, now);
        assert_eq!(third.wait, second.wait);
        limiter.give_back(first);
        assert_eq!(
            limiter.reserve(1, now).wait,
            third.wait + Duration::from_secs(1),
            "the third still waits for its time"
        );
    }

    #[test]
    fn timers_that_wake_late_do_not_lower_the_rate() {
        let mut limiter = RateLimiter::new(Some(5000));
        let (mut now, mut granted) = (Duration::ZERO, 0);
        while now < Duration::from_secs(2) {
            let wait = limiter.reserve(1, now).wait;
            now += if wait.is_zero() { wait } else { wait + Duration::from_millis(2) };
            granted += 1;
        }
        assert!((10_000..=10_300).contains(&granted), "{granted}");
    }
}
