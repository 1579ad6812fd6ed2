//! How many records a source of constant rate owes. No clock in here: the source says how long it has been running.

use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The pace of a source that makes records at a constant rate.
///
/// Record `n` (from 1) is due `n / rate` after the start, whatever happened before: rounding never adds up, and a source
/// that was held up catches up, a step at a time.
///
/// ```
/// use std::time::Duration;
/// use waterwheel_receivers::pace::Pace;
///
/// let mut pace = Pace::new(1000, 50);
/// assert_eq!(pace.take_due(Duration::from_millis(20)), 20);
/// assert_eq!(pace.take_due(Duration::from_millis(20)), 0);
/// assert_eq!(pace.next_due(), Some(Duration::from_millis(21)));
/// assert_eq!(pace.take_due(Duration::from_millis(90)), 50); // held up: 70 are due, one step is 50
/// assert_eq!(pace.take_due(Duration::from_millis(90)), 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    records_per_s: u64,
    max_step: usize,
    taken: u64,
}

impl Pace {
    /// A pace of `records_per_s`, at most `max_step` records (at least one) at a time.
    ///
    /// At a rate of zero no record is ever due.
    pub fn new(records_per_s: u64, max_step: usize) -> Self {
        Self { records_per_s, max_step: max_step.max(1), taken: 0 }
    }

    /// The number of records to make now, `elapsed` after the start; they count as made.
    pub fn take_due(&mut self, elapsed: Duration) -> usize {
        let owed = self.due_by(elapsed).saturating_sub(self.taken);
        let step = usize::try_from(owed).map_or(self.max_step, |owed| owed.min(self.max_step));
        self.taken = self.taken.saturating_add(u64::try_from(step).unwrap_or(u64::MAX));
        step
    }

    /// The time since the start at which the next record is due, or `None` at a rate of zero.
    ///
    /// It may have passed: then there are more records to take.
    pub fn next_due(&self) -> Option<Duration> {
        let next = u128::from(self.taken) + 1;
        let rate = u128::from(self.records_per_s);
        let seconds = u64::try_from(next.checked_div(rate)?).ok()?;
        // Rounded up: at the time returned the record is due, not a nanosecond later.
        let nanos = u32::try_from((next.checked_rem(rate)? * NANOS_PER_SECOND).div_ceil(rate)).ok()?;
        Duration::from_secs(seconds).checked_add(Duration::from_nanos(u64::from(nanos)))
    }

    /// How many records were taken so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    fn due_by(&self, elapsed: Duration) -> u64 {
        let rate = u128::from(self.records_per_s);
        let whole = u128::from(elapsed.as_secs()) * rate;
        let part = u128::from(elapsed.subsec_nanos()) * rate / NANOS_PER_SECOND;
        u64::try_from(whole.saturating_add(part)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_due_at_the_start() {
        let mut pace = Pace::new(1_000_000, 1000);
        assert_eq!(pace.take_due(Duration::ZERO), 0);
        assert_eq!(pace.next_due(), Some(Duration::from_micros(1)));
    }

    #[test]
    fn rate_that_does_not_divide_the_second_does_not_drift() {
        let mut pace = Pace::new(3, 10);
        let per_tick: Vec<usize> = (1..=10).map(|tick| pace.take_due(Duration::from_millis(500) * tick)).collect();
        assert_eq!(per_tick, [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
    }

    #[test]
    fn rate_of_zero_owes_nothing_ever() {
        let mut pace = Pace::new(0, 10);
        assert_eq!(pace.take_due(Duration::MAX), 0);
        assert_eq!(pace.next_due(), None);
    }

    #[test]
    fn step_of_zero_is_one() {
        assert_eq!(Pace::new(10, 0).take_due(Duration::from_secs(1)), 1);
    }

    #[test]
    fn time_that_goes_back_owes_nothing() {
        let mut pace = Pace::new(10, 100);
        assert_eq!(pace.take_due(Duration::from_secs(2)), 20);
        assert_eq!(pace.take_due(Duration::from_secs(1)), 0);
        assert_eq!(pace.taken(), 20);
    }

    #[test]
    fn extreme_rates_and_times_do_not_overflow() {
        let mut pace = Pace::new(u64::MAX, usize::MAX);
        assert_eq!(pace.take_due(Duration::MAX), usize::MAX);
        assert_eq!(pace.next_due(), Some(Duration::from_nanos(1_000_000_001)));
    }

    proptest! {
        #[test]
        fn all_due_records_are_taken_in_steps_within_the_cap(
            rate in 0_u64..2_000_000,
            max_step in 1_usize..5000,
            ticks in prop::collection::vec(0_u64..10_000_000, 1..50),
        ) {
            let mut pace = Pace::new(rate, max_step);
            let mut elapsed = Duration::ZERO;
            for tick in ticks {
                elapsed += Duration::from_nanos(tick);
                while let step @ 1.. = pace.take_due(elapsed) {
                    prop_assert!(step <= max_step);
                }
                let due = u128::from(rate) * elapsed.as_nanos() / NANOS_PER_SECOND;
                prop_assert_eq!(u128::from(pace.taken()), due);
            }
        }

        #[test]
        fn next_record_is_due_at_the_time_named_and_not_before(rate in 1_u64..2_000_000, elapsed: u32) {
            let mut pace = Pace::new(rate, usize::MAX);
            pace.take_due(Duration::from_nanos(u64::from(elapsed)));
            let next = pace.next_due().unwrap();
            prop_assert_eq!(pace.clone().take_due(next - Duration::from_nanos(1)), 0);
            prop_assert_eq!(pace.take_due(next), 1);
        }
    }
}
