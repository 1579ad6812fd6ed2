//! The default estimator: as many records as can be computed in the time there is, from how long records took so far.

use super::estimator::{BatchSample, RateEstimator};
use std::time::Duration;

/// The part of a batch interval that computing a batch may take.
const TARGET: f64 = 0.9;

/// How many times more than before a batch may hold and still be expected to take all the time there is: what is true of a thousand
/// records need not be true of a million.
const GROWTH: f64 = 10.0;

/// How many times more it may hold if it is expected to take [`LEAP_TARGET`] of that time, so that records may cost twice of what
/// they did.
const LEAP: f64 = 1000.0;
const LEAP_TARGET: f64 = 0.5;

/// The part of the time waited that a batch makes up for, by being smaller; and the most of an interval that it gives for that.
const REPAID: f64 = 0.2;
const MOST_REPAID: f64 = 0.45;

/// The part of an interval that records may take even if all of it goes into what batches cost beside their records.
const LEAST_FOR_RECORDS: f64 = 0.25;

/// What one batch counts beside the one after it.
const MEMORY: f64 = 0.7;

/// No batch has as many records as this.
const MOST: f64 = 1e15;

/// Batch sizes whose standard deviation is less, as a part of their mean, say nothing of what a record more would cost: times vary by
/// themselves.
const LEAST_SPREAD: f64 = 0.2;

/// After so many batches that say nothing of it, what a record more costs is not known any more.
const FORGOTTEN: u32 = 10;

/// Begins with a small batch, lets batches grow as far as there is time, and holds them where computing takes nine tenths of
/// the interval.
///
/// - A batch that took no longer than it may, and was at least half of what was let in, raises the limit: to what its time per
///   record allows, if that is tenfold at most; to half of it, if that is a thousandfold at most. The first batch is so small that it
///   takes little time whatever a record costs; it says where to go on.
/// - One that was smaller than half says that the source is slow. It lowers nothing, so that a later burst finds the limit where it was;
///   where growing by the same rule from its own records leads above the limit, the limit is raised to it.
/// - A batch that took longer lowers it, to what the time per record of the last batches allows. Batches that had to wait have
///   those after them smaller, until nothing waits.
/// - What a batch costs beside its records is no reason to hold records back. Where the batches of late were of different sizes, and a
///   larger one took hardly longer, records get a quarter of the interval whatever the batch costs. Where that is not known, and not even
///   the fewest records that must be let in are in time, one batch of twice as many finds it out.
///
/// A limit never follows from the limit before it, but from measured times, so it does not swing.
#[derive(Debug, Clone)]
pub struct ServiceTimeEstimator {
    /// In seconds.
    interval: f64,
    /// Records that a batch may hold at present.
    limit: f64,
    /// Records that it may always hold.
    least: f64,
    costs: Costs,
    /// By how much a batch takes longer for one more record, in seconds, as far as that is known.
    one_more: Option<f64>,
    /// Batches since it was found, or looked for.
    since: u32,
}

impl ServiceTimeEstimator {
    /// An estimator for batches of `interval`, which lets in `initial` records a second at first and never fewer than `least`.
    pub fn new(interval: Duration, initial: f64, least: f64) -> ServiceTimeEstimator {
        let interval = interval.as_secs_f64().max(f64::MIN_POSITIVE);
        let least = (least * interval).max(f64::MIN_POSITIVE);
        let limit = (initial * interval).max(least);
        ServiceTimeEstimator { interval, limit, least, costs: Costs::default(), one_more: None, since: 0 }
    }

    /// What a batch may hold after one of `records` that took longer than allowed.
    fn after_a_long_batch(&mut self, records: f64, by_time: f64, full: bool) -> f64 {
        let by_cost = match self.one_more {
            Some(cost) => LEAST_FOR_RECORDS * self.interval / cost,
            // Fewer than so many it will not be: only a larger batch can tell.
            None if by_time < self.least && records <= self.least.max(1.0) => {
                self.since = 0;
                2.0 * records
            }
            None => 0.0,
        };
        let most = if full { self.limit.max(2.0 * records) } else { self.limit };
        by_time.max(by_cost.min(2.0 * records)).min(most)
    }
}

impl RateEstimator for ServiceTimeEstimator {
    fn compute(&mut self, batch: &BatchSample) -> Option<f64> {
        if batch.records == 0 {
            return None;
        }
        let (records, took) = (batch.records as f64, batch.processing.as_secs_f64());
        self.costs.add(records, took);
        match self.costs.of_one_more() {
            Some(cost) => (self.one_more, self.since) = (Some(cost), 0),
            None => self.since += 1,
        }
        if self.since >= FORGOTTEN {
            self.one_more = None;
        }
        let repaid = (REPAID * batch.waited.as_secs_f64()).min(MOST_REPAID * self.interval);
        let allowed = TARGET * self.interval - repaid;
        let by_time = allowed * self.costs.records_per_second();
        let full = records >= self.limit / 2.0;
        let limit = match (took <= allowed, full) {
            // One store may be more than the limit, and so may what came before there was one.
            (true, true) => grown(self.limit.max(records), by_time),
            (true, false) => self.limit.max(grown(records, by_time)),
            (false, _) => self.after_a_long_batch(records, by_time, full),
        };
        // Finite also after years of growth.
        self.limit = limit.min(MOST).max(self.least);
        Some(self.limit / self.interval)
    }
}

/// How far batches of `records` may grow where the time there is allows `by_time`.
fn grown(records: f64, by_time: f64) -> f64 {
    by_time.min(records * GROWTH).max((by_time * LEAP_TARGET).min(records * LEAP))
}

/// Sums over the batches of late, from which follows what a record costs: altogether, and one more of them.
#[derive(Debug, Clone, Copy, Default)]
struct Costs {
    weight: f64,
    records: f64,
    seconds: f64,
    records_squared: f64,
    product: f64,
}

impl Costs {
    fn add(&mut self, records: f64, seconds: f64) {
        let kept = |sum: f64, new: f64| sum * MEMORY + new;
        *self = Costs {
            weight: kept(self.weight, 1.0),
            records: kept(self.records, records),
            seconds: kept(self.seconds, seconds),
            records_squared: kept(self.records_squared, records * records),
            product: kept(self.product, records * seconds),
        };
    }

    /// Without end when no time was measured.
    fn records_per_second(&self) -> f64 {
        self.records / self.seconds
    }

    /// By how much a batch takes longer for one more record, in seconds: the slope of the line through the batches. `None` when they
    /// were too much alike to tell; not below zero.
    fn of_one_more(&self) -> Option<f64> {
        let (records, seconds) = (self.records / self.weight, self.seconds / self.weight);
        let spread = self.records_squared / self.weight - records * records;
        let known = spread > (LEAST_SPREAD * records).powi(2);
        known.then(|| ((self.product / self.weight - records * seconds) / spread).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{milliseconds, seconds};
    use proptest::prelude::*;

    /// A source that always has more, and a context that takes `fixed` for a batch and `each` for a record.
    struct Pipeline {
        interval: Duration,
        fixed: Duration,
        each: Duration,
        estimator: ServiceTimeEstimator,
        rate: f64,
        waited: Duration,
        end: Duration,
    }

    impl Pipeline {
        fn new(interval: Duration, fixed: Duration, each: Duration) -> Pipeline {
            let estimator = ServiceTimeEstimator::new(interval, 1000.0, 100.0);
            Pipeline { interval, fixed, each, estimator, rate: 1000.0, waited: Duration::ZERO, end: Duration::ZERO }
        }

        /// Runs a batch of `offered` records, or of as many as may come in; says how many, and how long they took.
        fn batch(&mut self, offered: u64, noise: f64) -> (u64, Duration) {
            let records = offered.min((self.rate * self.interval.as_secs_f64()).max(1.0) as u64);
            let processing = (self.fixed + self.each.mul_f64(records as f64)).mul_f64(noise);
            self.end += self.interval;
            let sample = BatchSample { end: self.end, records, processing, waited: self.waited };
            self.rate = self.estimator.compute(&sample).unwrap_or(self.rate);
            self.waited = (self.waited + processing).saturating_sub(self.interval);
            (records, processing)
        }
    }

    const BACKLOG: u64 = u64::MAX;

    impl Pipeline {
        fn run(&mut self, batches: usize, offered: u64) {
            for _ in 0..batches {
                self.batch(offered, 1.0);
            }
        }
    }

    #[test]
    fn the_first_batch_is_small_and_the_third_takes_most_of_the_time() {
        let mut pipeline = Pipeline::new(seconds(1), milliseconds(5), Duration::from_nanos(500));
        let sizes: Vec<u64> = (0..8).map(|_| pipeline.batch(BACKLOG, 1.0).0).collect();
        // Of 1000 records in 5.5 ms half of 163,000 go into 0.9 s, and of 81,000 in 46 ms ten times as many and more.
        assert!(sizes[0] == 1000 && (80_000..83_000).contains(&sizes[1]), "{sizes:?}");
        assert!((800_000..900_000).contains(&sizes[2]), "{sizes:?}");
        assert!(sizes[3..].iter().all(|size| (1_600_000..1_900_000).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_batch_that_took_no_time_lets_it_grow_a_thousandfold() {
        let mut pipeline = Pipeline::new(seconds(1), Duration::ZERO, Duration::ZERO);
        let sizes: Vec<u64> = (0..3).map(|_| pipeline.batch(BACKLOG, 1.0).0).collect();
        assert_eq!(sizes, [1000, 1_000_000, 1_000_000_000]);
    }

    #[test]
    fn records_that_cost_twice_as_much_in_a_batch_that_is_many_times_larger_fit_into_the_interval() {
        let mut pipeline = Pipeline::new(seconds(1), Duration::ZERO, Duration::from_micros(10));
        pipeline.batch(BACKLOG, 1.0);
        pipeline.each *= 2;
        let (records, took) = pipeline.batch(BACKLOG, 1.0);
        assert!(records > 10 * 1000 && took < seconds(1), "{records} in {took:?}");
    }

    #[test]
    fn a_slow_source_leaves_the_limit_where_it_is_for_a_later_burst() {
        let mut pipeline = Pipeline::new(seconds(1), milliseconds(5), Duration::from_nanos(500));
        pipeline.run(8, BACKLOG);
        let before = pipeline.rate;
        pipeline.run(100, 10);
        assert_eq!(pipeline.rate, before);
        let (burst, took) = pipeline.batch(BACKLOG, 1.0);
        assert!(burst > 1_600_000 && took < seconds(1), "{burst} in {took:?}");
    }

    /// Four hundred records are less than half of the thousand that may come, and say all the same that four thousand would do.
    #[test]
    fn a_source_that_never_uses_its_limit_finds_it_raised_to_what_its_batches_say() {
        let mut pipeline = Pipeline::new(seconds(1), milliseconds(1), Duration::from_nanos(500));
        pipeline.run(3, 400);
        assert!((100_000.0..400_000.0).contains(&pipeline.rate), "{}", pipeline.rate);
        let (burst, took) = pipeline.batch(100_000, 1.0);
        assert!(burst == 100_000 && took < milliseconds(100), "{burst} in {took:?}");
    }

    /// A stream that sheds begins above the limit that others begin with.
    #[test]
    fn a_first_batch_above_the_limit_says_more_than_the_limit_does() {
        let mut estimator = ServiceTimeEstimator::new(seconds(1), 1000.0, 100.0);
        let processing = milliseconds(100);
        let sample = BatchSample { end: seconds(1), records: 50_000, processing, waited: Duration::ZERO };
        let rate = estimator.compute(&sample);
        assert!(rate.is_some_and(|rate| (rate - 450_000.0).abs() < 1.0), "{rate:?}");
    }

    #[test]
    fn a_least_rate_beyond_all_limits_is_the_limit() {
        let mut estimator = ServiceTimeEstimator::new(seconds(10), 1000.0, u64::MAX as f64);
        let sample = BatchSample { end: seconds(10), records: 10, processing: seconds(1), waited: Duration::ZERO };
        assert_eq!(estimator.compute(&sample), Some(u64::MAX as f64));
    }

    #[test]
    fn a_batch_without_records_says_nothing() {
        let mut estimator = ServiceTimeEstimator::new(seconds(1), 1000.0, 100.0);
        let sample = BatchSample { end: seconds(1), records: 0, processing: seconds(9), waited: seconds(9) };
        assert_eq!(estimator.compute(&sample), None);
    }

    #[test]
    fn a_pipeline_that_becomes_slower_gets_less_at_once_and_what_waits_is_made_up_for() {
        let mut pipeline = Pipeline::new(seconds(1), milliseconds(5), Duration::from_nanos(500));
        pipeline.run(8, BACKLOG);
        pipeline.each *= 10;
        pipeline.batch(BACKLOG, 1.0);
        let waiting = pipeline.waited;
        assert!(waiting > seconds(7), "{waiting:?}");
        pipeline.run(40, BACKLOG);
        assert_eq!(pipeline.waited, Duration::ZERO);
        assert!((170_000.0..190_000.0).contains(&pipeline.rate), "{}", pipeline.rate);
    }

    /// A batch costs more than its interval whatever it holds, as on a machine that is busy: fewer records would not help.
    #[test]
    fn what_batches_cost_beside_their_records_does_not_hold_records_back() {
        let mut pipeline = Pipeline::new(milliseconds(20), milliseconds(24), Duration::from_nanos(500));
        let sizes: Vec<u64> = (0..60).map(|_| pipeline.batch(BACKLOG, 1.0).0).collect();
        // A quarter of the interval is good for 10,000. Now and then smaller ones find out whether that is still so.
        let mut settled = sizes[40..].to_vec();
        settled.sort_unstable();
        assert!(settled[0] > 2500 && settled[5] > 9000, "{sizes:?}");
    }

    /// The same where every batch is as small as it may be from the beginning, so that no two of them tell anything.
    #[test]
    fn what_batches_cost_beside_their_records_is_found_out_where_all_are_as_small_as_they_may_be() {
        let mut pipeline = Pipeline::new(milliseconds(20), milliseconds(24), Duration::from_nanos(500));
        (pipeline.estimator, pipeline.rate) = (ServiceTimeEstimator::new(milliseconds(20), 100.0, 100.0), 100.0);
        let sizes: Vec<u64> = (0..60).map(|_| pipeline.batch(BACKLOG, 1.0).0).collect();
        assert!(sizes[0] == 2 && sizes[40..].iter().all(|size| *size > 2500), "{sizes:?}");
    }

    #[test]
    fn the_least_rate_is_let_in_whatever_it_takes_and_twice_of_it_now_and_then() {
        let mut pipeline = Pipeline::new(seconds(1), Duration::ZERO, seconds(1));
        let sizes: Vec<u64> = (0..40).map(|_| pipeline.batch(BACKLOG, 1.0).0).skip(1).collect();
        assert!(sizes.iter().all(|size| [100, 200].contains(size)), "{sizes:?}");
        assert!(sizes.iter().filter(|size| **size == 200).count() <= 4, "{sizes:?}");
    }

    /// A slope through batches of nearly the same size is one of chance, and must not be kept to for ever.
    #[test]
    fn times_that_vary_by_chance_do_not_have_every_batch_take_longer_than_its_interval() {
        let mut pipeline = Pipeline::new(seconds(1), milliseconds(189), Duration::from_nanos(8_830_761));
        (pipeline.estimator, pipeline.rate) = (ServiceTimeEstimator::new(seconds(1), 100.0, 10.0), 100.0);
        for noise in [0.965, 1.051, 0.998, 0.9, 1.03, 1.082] {
            pipeline.batch(BACKLOG, noise);
        }
        pipeline.run(20, BACKLOG);
        assert_eq!(pipeline.waited, Duration::ZERO, "{}", pipeline.rate);
    }

    proptest! {
        /// P-6
        #[test]
        fn batches_settle_within_their_interval_whatever_records_cost(
            each in 50..9_000_000_u64, fixed in 0..300_u64, noise in prop::collection::vec(0.9..1.1_f64, 60),
        ) {
            let mut pipeline = Pipeline::new(seconds(1), milliseconds(fixed), Duration::from_nanos(each));
            (pipeline.estimator, pipeline.rate) = (ServiceTimeEstimator::new(seconds(1), 100.0, 10.0), 100.0);
            let batches: Vec<_> = noise.into_iter().map(|noise| pipeline.batch(BACKLOG, noise)).collect();
            let took = |batch: &(u64, Duration)| batch.1.as_secs_f64();
            prop_assert!(took(&batches[0]) <= 2.0);
            let settled = &batches[30..];
            for batch in settled {
                prop_assert!((0.5..1.25).contains(&took(batch)), "{:?}", batches);
            }
            let sizes = || settled.iter().map(|batch| batch.0 as f64);
            let (least, most) = (sizes().fold(f64::MAX, f64::min), sizes().fold(0.0, f64::max));
            prop_assert!(most / least < 1.6, "{} to {}: {:?}", least, most, batches);
            prop_assert!(pipeline.waited < seconds(2), "{:?} {:?}", pipeline.waited, batches);
        }
    }
}
