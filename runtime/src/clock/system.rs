//! The clock of the machine: the only file that asks the operating system for the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;

use super::Clock;
use crate::time::Time;

/// The clock of the machine.
///
/// The time of day is read once, when the clock is made; from then on it advances with the machine's monotonic clock.
/// Setting the machine's clock, by NTP or by hand, therefore neither repeats nor skips a batch, and `now` keeps the
/// difference until the process ends.
///
/// Its sleeps need a Tokio runtime with timers enabled, whose granularity is one millisecond: a sleep ends at the first
/// tick of the timer that is not before its target.
#[derive(Debug, Clone)]
pub struct SystemClock {
    made: Instant,
    /// The time of day at `made`, as time since the epoch.
    made_at: Duration,
}

/// The timer is set anew after this long, so that no sleep is too far in the future for it.
const LONGEST_TIMER: Duration = Duration::from_secs(24 * 60 * 60);

impl SystemClock {
    /// A clock that starts at the machine's time of day; at the epoch if the machine says it is earlier than that.
    #[expect(clippy::disallowed_methods, reason = "the one place where time enters the program")]
    pub fn new() -> SystemClock {
        let made_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        SystemClock { made: Instant::now(), made_at }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that waits for real time")]
    fn sleep_to(&self, target: Duration) -> BoxFuture<'static, ()> {
        let made = self.made;
        Box::pin(async move {
            loop {
                let remaining = target.saturating_sub(made.elapsed());
                if remaining.is_zero() {
                    return;
                }
                tokio::time::sleep(remaining.min(LONGEST_TIMER)).await;
            }
        })
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::ZERO + self.made_at.saturating_add(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.made.elapsed()
    }

    fn sleep_until(&self, t: Time) -> BoxFuture<'static, ()> {
        self.sleep_to(t.since(Time::ZERO).saturating_sub(self.made_at))
    }

    fn sleep(&self, d: Duration) -> BoxFuture<'static, ()> {
        self.sleep_to(self.monotonic().saturating_add(d))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::time::milliseconds;

    fn t(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    #[tokio::test]
    async fn system_sleep_never_ends_early() {
        let clock = SystemClock::new();
        let target = clock.now() + milliseconds(2);
        clock.sleep_until(target).await;
        assert!(clock.now() >= target);

        let before = clock.monotonic();
        clock.sleep(Duration::from_micros(300)).await;
        assert!(clock.monotonic() - before >= Duration::from_micros(300));
    }

    #[tokio::test]
    async fn system_sleep_into_the_past_ends_at_once() {
        let clock = SystemClock::new();
        assert!(clock.sleep_until(Time::ZERO).now_or_never().is_some());
        assert!(clock.sleep_until(clock.now()).now_or_never().is_some());
    }

    #[tokio::test]
    async fn system_sleep_into_the_far_future_only_waits() {
        let clock = SystemClock::new();
        assert!(clock.sleep(Duration::MAX).now_or_never().is_none());
        assert!(clock.sleep_until(t(i64::MAX)).now_or_never().is_none());
    }

    #[test]
    fn system_time_and_monotonic_time_advance_together() {
        let clock = SystemClock::default();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        assert!(now > t(1_600_000_000_000), "the machine's time of day");
        assert!(clock.clone().now() >= now && clock.monotonic() >= monotonic);
    }
}
