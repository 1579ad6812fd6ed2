//! How long to wait before the next attempt to connect. No clock in here: the receiver waits, this says how long.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// The delays between attempts to connect, for ever.
///
/// Ask for [`next_delay`](Self::next_delay) after each failed attempt or lost connection, and [`reset`](Self::reset) when
/// an attempt has succeeded. The default is Spark's: every two seconds.
///
/// ```
/// use std::time::Duration;
/// use waterwheel_receivers::reconnect::Reconnect;
///
/// let mut reconnect = Reconnect::default();
/// assert_eq!(reconnect.next_delay(), Duration::from_secs(2));
/// assert_eq!(reconnect.next_delay(), Duration::from_secs(2));
/// assert_eq!(reconnect.failures(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Reconnect {
    policy: Policy,
    failures: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum Policy {
    Every(Duration),
    Exponential { first: Duration, cap: Duration, jitter: Box<StdRng> },
}

impl Reconnect {
    /// The same delay before every attempt.
    pub fn every(delay: Duration) -> Self {
        Self { policy: Policy::Every(delay), failures: 0 }
    }

    /// Delays that double from `first` up to `cap`, each shortened at random by up to half of it.
    ///
    /// The shortening keeps clients that lost their server together from coming back together. The same `seed` gives the
    /// same delays; give each client its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waterwheel_receivers::reconnect::Reconnect;
    ///
    /// let mut reconnect = Reconnect::exponential(Duration::from_millis(100), Duration::from_secs(30), 7);
    /// let delay = reconnect.next_delay();
    /// assert!((50..=100).contains(&delay.as_millis()));
    /// ```
    pub fn exponential(first: Duration, cap: Duration, seed: u64) -> Self {
        let jitter = Box::new(StdRng::seed_from_u64(seed));
        Self { policy: Policy::Exponential { first, cap, jitter }, failures: 0 }
    }

    /// Counts a failure and says how long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let earlier = self.failures;
        self.failures = earlier.saturating_add(1);
        match &mut self.policy {
            Policy::Every(delay) => *delay,
            Policy::Exponential { first, cap, jitter } => {
                // Beyond 2^31 any delay that is not zero has long reached any sensible cap.
                let full = first.saturating_mul(1 << earlier.min(31)).min(*cap);
                jitter.random_range(full / 2..=full)
            }
        }
    }

    /// Forgets the failures: the connection stands.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many attempts failed since the last [`reset`](Self::reset).
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::every(Duration::from_secs(2))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(5);

    fn delays(mut reconnect: Reconnect, count: usize) -> Vec<Duration> {
        std::iter::repeat_with(|| reconnect.next_delay()).take(count).collect()
    }

    #[test]
    fn fixed_delay_stays_the_same_for_ever() {
        assert_eq!(delays(Reconnect::every(FIRST), 1000), vec![FIRST; 1000]);
    }

    #[test]
    fn exponential_delay_lies_in_the_upper_half_of_the_doubled_delay() {
        for (index, delay) in (0_u32..).zip(delays(Reconnect::exponential(FIRST, CAP, 1), 100)) {
            let full = if index < 6 { FIRST * 2_u32.pow(index) } else { CAP };
            assert!((full / 2..=full).contains(&delay), "delay {index} is {delay:?}");
        }
    }

    #[test]
    fn jitter_is_decided_by_the_seed() {
        let of_seed = |seed| delays(Reconnect::exponential(FIRST, CAP, seed), 20);
        assert_eq!(of_seed(1), of_seed(1));
        assert_ne!(of_seed(1), of_seed(2));
    }

    #[test]
    fn success_starts_over_with_the_first_delay() {
        let mut reconnect = Reconnect::exponential(FIRST, CAP, 1);
        for _ in 0..10 {
            reconnect.next_delay();
        }
        assert_eq!(reconnect.failures(), 10);
        reconnect.reset();
        assert_eq!(reconnect.failures(), 0);
        assert!(reconnect.next_delay() <= FIRST);
    }

    proptest! {
        #[test]
        fn no_delay_exceeds_the_cap_whatever_the_arguments(first: Duration, cap: Duration, seed: u64) {
            let all = delays(Reconnect::exponential(first, cap, seed), 100);
            prop_assert!(all.iter().all(|delay| *delay <= cap));
        }
    }
}
