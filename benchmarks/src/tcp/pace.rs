//! When is the next line due? Pure arithmetic on a schedule that does not slip.
//!
//! The schedule is absolute: line `i` is due `i / rate` after the start, however late the lines before it were. A
//! sender that was held up therefore catches up, and its lines carry the times at which they should have gone out.

use std::time::Duration;

/// The schedule of a sender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Lines a second.
    rate: u64,
    /// Lines in all.
    total: u64,
}

impl Pace {
    /// `rate` lines a second for a time.
    pub(crate) fn new(rate: u64, seconds: Duration) -> Self {
        Self { rate: rate.max(1), total: (rate.max(1) as f64 * seconds.as_secs_f64()).round() as u64 }
    }

    /// How many lines there are in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many lines are due at a time after the start.
    pub(crate) fn due_at(&self, elapsed: Duration) -> u64 {
        let due = elapsed.as_nanos() * u128::from(self.rate) / 1_000_000_000 + 1;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.total)
    }

    /// When line `i` (from 0) is due, after the start; rounded up so that it is due at that time.
    pub(crate) fn due_time(&self, line: u64) -> Duration {
        let nanos = (u128::from(line) * 1_000_000_000).div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_lines_and_due_times_agree() {
        for rate in [1, 3, 1_000, 999_983] {
            let pace = Pace::new(rate, Duration::from_secs(2));
            assert_eq!(pace.total(), 2 * rate);
            for line in [0, 1, rate / 2, 2 * rate - 1] {
                let due = pace.due_time(line);
                assert!(pace.due_at(due) > line, "line {line} at rate {rate}");
                let before = due.saturating_sub(Duration::from_nanos(1));
                assert!(due.is_zero() || pace.due_at(before) <= line, "line {line} at rate {rate} is due too early");
            }
        }
    }

    #[test]
    fn a_held_up_sender_owes_all_lines() {
        let pace = Pace::new(1_000, Duration::from_secs(1));
        assert_eq!(pace.due_at(Duration::from_millis(500)), 501);
        assert_eq!(pace.due_at(Duration::from_secs(60)), 1_000);
    }
}
