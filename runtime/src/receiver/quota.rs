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
}

impl Quota {
    /// For batches of `interval` at a rate in records per second; `None` is no limit.
    pub fn new(interval: Duration, rate: Option<f64>) -> Quota {
        let mut quota = Quota { interval, per_batch: None, used: 0.0 };
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
    pub fn take(&mut self, records: usize) {
        self.used += records as f64;
    }

    /// A batch has taken what came in: the next one has room again.
    pub fn next_batch(&mut self) {
        self.used = self.per_batch.map_or(0.0, |most| (self.used - most).max(0.0));
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
