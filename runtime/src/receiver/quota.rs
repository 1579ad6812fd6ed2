//! How much may come in for one batch. Pure.

use std::time::Duration;

/// Counts what has come in for the next batch against what that may hold.
///
/// Whatever the batch may hold may come in at once: what waits at the tick need not wait for the rest of the interval as well. A
/// store is taken as a whole as long as anything is left; what it took too much is missing in the batches after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    interval: Duration,
    per_batch: Option<f64>,
    used: f64,
    /// What batches have taken of `used` so far.
    passed: f64,
}

/// What was taken of a quota, as [`Quota::give_back`] wants to know it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    records: f64,
    passed: f64,
}

impl Quota {
    /// For batches of `interval` at a rate in records per second; `None` is no limit.
    pub fn new(interval: Duration, rate: Option<f64>) -> Quota {
        let mut quota = Quota { interval, per_batch: None, used: 0.0, passed: 0.0 };
        rate.into_iter().for_each(|rate| quota.set_rate(rate));
        quota
    }

    /// Sets the rate, which is in force for the next batch already. One that is not positive is ignored, as in Spark.
    pub fn set_rate(&mut self, rate: f64) {
        if rate.is_finite() && rate > 0.0 {
            self.per_batch = Some(rate * self.interval.as_secs_f64());
        }
    }

    /// How many records a batch may hold; `None` is any number.
    pub fn per_batch(&self) -> Option<f64> {
        self.per_batch
    }

    /// Whether anything more may come in.
    pub fn has_room(&self) -> bool {
        self.per_batch.is_none_or(|most| self.used < most)
    }

    /// Counts what has come in.
    pub fn take(&mut self, records: usize) -> Taken {
        let records = records as f64;
        self.used += records;
        Taken { records, passed: self.passed }
    }

    /// What was counted has not come in after all. What batches have let pass for it meanwhile is gone.
    pub fn give_back(&mut self, taken: Taken) {
        let left = (taken.records - (self.passed - taken.passed)).max(0.0);
        self.used = (self.used - left).max(0.0);
    }

    /// A batch has taken what came in: the next one has room again.
    pub fn next_batch(&mut self) {
        let most = self.per_batch.unwrap_or(f64::INFINITY).min(self.used);
        self.used -= most;
        self.passed += most;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{milliseconds, seconds};
    use proptest::prelude::*;

    #[test]
    fn a_whole_batch_may_come_in_at_once_and_no_more_before_the_next() {
        let mut quota = Quota::new(milliseconds(500), Some(20.0));
        for _ in 0..2 {
            (0..10).for_each(|_| {
                assert!(quota.has_room());
                quota.take(1);
            });
            assert!(!quota.has_room());
            quota.next_batch();
        }
    }

    #[test]
    fn what_a_large_store_took_too_much_is_missing_later() {
        let mut quota = Quota::new(seconds(1), Some(10.0));
        quota.take(25);
        let has_room = |quota: &mut Quota| {
            quota.next_batch();
            quota.has_room()
        };
        assert_eq!([(); 2].map(|()| has_room(&mut quota)), [false, true]);
    }

    #[test]
    fn what_is_given_back_is_there_again_as_far_as_no_batch_has_let_it_pass() {
        let mut quota = Quota::new(seconds(1), Some(10.0));
        quota.take(4);
        let taken = quota.take(100);
        assert!(!quota.has_room());
        quota.give_back(taken);
        assert_eq!(quota.used, 4.0);
        let taken = quota.take(100);
        (0..3).for_each(|_| quota.next_batch());
        assert_eq!(quota.used, 74.0);
        quota.give_back(taken);
        assert_eq!(quota.used, 4.0, "the four came in");
        let taken = quota.take(1);
        (0..2).for_each(|_| quota.next_batch());
        quota.take(10);
        quota.give_back(taken);
        assert!(!quota.has_room(), "what others have taken stays taken");
    }

    #[test]
    fn a_rate_is_in_force_at_once_and_one_that_is_not_positive_is_ignored() {
        let mut quota = Quota::new(seconds(1), Some(10.0));
        quota.take(10);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            quota.set_rate(rate);
        }
        assert!(!quota.has_room());
        quota.set_rate(11.0);
        assert!(quota.has_room());
        assert!(Quota::new(seconds(1), None).has_room());
    }

    proptest! {
        /// P-7
        #[test]
        fn so_many_batches_hold_so_many_quotas_and_one_store_more(
            rate in 1..500_u32, stores in prop::collection::vec(1..300_usize, 1..200),
        ) {
            let mut quota = Quota::new(seconds(1), Some(f64::from(rate)));
            let (mut batches, mut held, mut last) = (1, 0, 0);
            for store in stores {
                while !quota.has_room() {
                    quota.next_batch();
                    batches += 1;
                }
                quota.take(store);
                (held, last) = (held + store, store);
            }
            prop_assert!(held - last < batches * rate as usize);
        }
    }
}
