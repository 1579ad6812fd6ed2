//! Who turns batches that are done into rates of receivers.

use super::estimator::{BatchSample, RateEstimator};
use super::pid::PidEstimator;
use super::service_time::ServiceTimeEstimator;
use super::shares::{Demand, shares};
use crate::config::{Config, Estimator};
use crate::ids::StreamId;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a batch that is done says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompletedBatch<'a> {
    /// Its records by stream, those of other inputs than receivers as well.
    pub records: &'a BTreeMap<StreamId, u64>,
    /// How long it waited before it was computed.
    pub waited: Duration,
    /// When computing it began, on the monotonic clock.
    pub started: Duration,
    /// When its outputs had ended.
    pub computed: Duration,
    /// When it was recorded as done.
    pub ended: Duration,
}

/// The rates of a context's receivers. Without an estimator there are none.
#[derive(Debug)]
pub struct RateController {
    estimator: Option<Box<dyn RateEstimator>>,
    interval: Duration,
    least: f64,
    max: Option<f64>,
    rates: BTreeMap<StreamId, f64>,
    /// When the batch before was recorded as done.
    before: Duration,
}

impl RateController {
    /// The controller that the configuration asks for. Those of `receivers` that are in `shedding` begin faster unless the
    /// configuration says how: what is kept out of their first batch is lost.
    pub fn of(config: &Config, interval: Duration, receivers: &[StreamId], shedding: &[StreamId]) -> RateController {
        let settings = &config.backpressure;
        let least = settings.min_rate as f64;
        let estimator: Option<Box<dyn RateEstimator>> = match settings.estimator {
            Estimator::None => None,
            Estimator::ServiceTime => {
                let initial = settings.initial_rate_or_default().unwrap_or(f64::INFINITY) * receivers.len() as f64;
                Some(Box::new(ServiceTimeEstimator::new(interval, initial, least)))
            }
            Estimator::Pid => match PidEstimator::new(interval, settings.pid_gains()) {
                Ok(pid) => Some(Box::new(pid)),
                // The settings have been checked, so this is not reached by them.
                Err(error) => {
                    log::error!("{error}; receivers are not held to a rate");
                    None
                }
            },
        };
        let max = config.receiver.rate_limit().map(|rate| rate.get() as f64);
        let controller = RateController::new(estimator, interval, least, max);
        let mut controller = controller.beginning_at(settings.initial_rate_or_default(), receivers);
        if let Some(at_first) = settings.initial_rate_of_shedding().filter(|_| controller.estimator.is_some()) {
            let rates = controller.rates.iter_mut().filter(|(stream, _)| shedding.contains(stream));
            rates.for_each(|(_, rate)| *rate = at_first.min(max.unwrap_or(f64::INFINITY)));
        }
        controller
    }

    /// A controller of no receivers yet, that asks `estimator`. No receiver gets less than `least` or more than `max` records a
    /// second.
    pub fn new(
        estimator: Option<Box<dyn RateEstimator>>,
        interval: Duration,
        least: f64,
        max: Option<f64>,
    ) -> RateController {
        RateController { estimator, interval, least, max, rates: BTreeMap::new(), before: Duration::ZERO }
    }

    /// Gives each receiver its first rate, if there is an estimator to follow it up.
    #[must_use]
    pub fn beginning_at(mut self, rate: Option<f64>, receivers: &[StreamId]) -> RateController {
        let rate = rate.filter(|_| self.estimator.is_some()).unwrap_or(f64::INFINITY);
        let rate = rate.min(self.max.unwrap_or(f64::INFINITY));
        self.rates = receivers.iter().map(|stream| (*stream, rate)).collect();
        self
    }

    /// Takes a batch that is done into account; the rates of all receivers when they have been set anew.
    pub fn completed(&mut self, batch: &CompletedBatch<'_>) -> Option<&BTreeMap<StreamId, f64>> {
        let before = std::mem::replace(&mut self.before, batch.ended);
        let estimator = self.estimator.as_mut().filter(|_| !self.rates.is_empty())?;
        // One batch is computed while the one before it is being recorded: the slower of the two sets the pace.
        let computing = batch.computed.saturating_sub(batch.started);
        let recording = batch.ended.saturating_sub(batch.computed.max(before));
        let records = batch.records.values().sum();
        let sample =
            BatchSample { end: batch.ended, records, processing: computing.max(recording), waited: batch.waited };
        let total = estimator.compute(&sample)?;
        let brought = |stream: &StreamId| batch.records.get(stream).copied().unwrap_or_default();
        // What comes from elsewhere comes whatever receivers are told.
        let others = records - self.rates.keys().map(brought).sum::<u64>();
        let total = total - others as f64 / self.interval.as_secs_f64().max(f64::MIN_POSITIVE);
        let demand =
            |(stream, rate): (&StreamId, &f64)| Demand { stream: *stream, records: brought(stream), rate: *rate };
        let demands: Vec<Demand> = self.rates.iter().map(demand).collect();
        let rates = shares(total.max(self.least), self.interval, self.least, self.max, &demands);
        self.rates = demands.iter().map(|demand| demand.stream).zip(rates).collect();
        Some(&self.rates)
    }

    /// The rate of a receiver in records per second; `None` when it has no limit.
    pub fn rate(&self, stream: StreamId) -> Option<f64> {
        self.rates.get(&stream).copied().filter(|rate| rate.is_finite())
    }

    /// The rates of the receivers that have a limit.
    pub fn rates(&self) -> BTreeMap<StreamId, f64> {
        self.rates.iter().filter(|(_, rate)| rate.is_finite()).map(|(stream, rate)| (*stream, *rate)).collect()
    }

    /// The quotas that receivers begin with, in records per second. Without an estimator only those that spill have one: the maximum
    /// of the others is not the batch's.
    pub fn first_rates(&self, spilling: &[StreamId]) -> BTreeMap<StreamId, f64> {
        let mut rates = self.rates();
        rates.retain(|stream, _| self.estimator.is_some() || spilling.contains(stream));
        rates
    }

    /// How many records of `stream` a batch takes at most; `None` when it takes all.
    pub fn of_one_batch(&self, stream: StreamId) -> Option<u64> {
        // The cast saturates; a batch always takes something.
        self.rate(stream).map(|rate| ((rate * self.interval.as_secs_f64()) as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{milliseconds, seconds};

    const A: StreamId = StreamId(0);
    const B: StreamId = StreamId(1);

    /// Tells rates one after another, and what it was asked.
    #[derive(Debug)]
    struct Told {
        rates: Vec<f64>,
        asked: std::sync::mpsc::Sender<BatchSample>,
    }

    impl RateEstimator for Told {
        fn compute(&mut self, batch: &BatchSample) -> Option<f64> {
            self.asked.send(*batch).unwrap();
            self.rates.pop()
        }
    }

    fn told(mut rates: Vec<f64>) -> (RateController, std::sync::mpsc::Receiver<BatchSample>) {
        let (asked, samples) = std::sync::mpsc::channel();
        rates.reverse();
        let controller = RateController::new(Some(Box::new(Told { rates, asked })), seconds(1), 1.0, None);
        (controller.beginning_at(Some(10.0), &[A]), samples)
    }

    fn batch(records: &BTreeMap<StreamId, u64>, end: u64) -> CompletedBatch<'_> {
        let [started, computed] = [end - 500, end - 100].map(milliseconds);
        CompletedBatch { records, waited: milliseconds(3), started, computed, ended: milliseconds(end) }
    }

    /// Spark's RateControllerSuite: each estimate is published.
    #[test]
    fn every_estimate_becomes_the_receivers_rate() {
        let (mut controller, _samples) = told(vec![100.0, 200.0, 300.0]);
        assert_eq!(controller.rate(A), Some(10.0));
        let records = BTreeMap::from([(A, 5)]);
        for (number, rate) in [100.0, 200.0, 300.0].into_iter().enumerate() {
            let rates = controller.completed(&batch(&records, 1000 * (number as u64 + 1))).cloned();
            assert_eq!(rates, Some(BTreeMap::from([(A, rate)])));
        }
        assert_eq!(controller.completed(&batch(&records, 9000)), None, "the estimator has nothing to say");
        assert_eq!((controller.rate(A), controller.of_one_batch(A)), (Some(300.0), Some(300)));
    }

    #[test]
    fn a_batch_took_as_long_as_the_slower_of_computing_and_recording() {
        let (mut controller, samples) = told(vec![1.0; 3]);
        let records = BTreeMap::from([(A, 5), (B, 7)]);
        let times = |started, computed, ended| {
            let [started, computed, ended] = [started, computed, ended].map(milliseconds);
            CompletedBatch { records: &records, waited: milliseconds(3), started, computed, ended }
        };
        // The third is computed soon, waits for the second to be recorded, and is recorded within 20 ms.
        let expected = [(times(0, 400, 500), 400), (times(1000, 1100, 1900), 800), (times(1100, 1150, 1920), 50)];
        for (batch, processing) in expected {
            controller.completed(&batch);
            let processing = milliseconds(processing);
            let sample = BatchSample { end: batch.ended, records: 12, processing, waited: milliseconds(3) };
            assert_eq!(samples.try_recv(), Ok(sample));
        }
    }

    #[test]
    fn what_comes_from_elsewhere_is_not_the_receivers() {
        let (mut controller, _samples) = told(vec![1000.0]);
        controller.completed(&batch(&BTreeMap::from([(A, 10), (B, 400)]), 1000));
        assert_eq!(controller.rate(A), Some(600.0));
    }

    #[test]
    fn the_estimator_is_the_one_of_the_configuration() {
        let of = |estimator| {
            let mut config = Config::default();
            config.backpressure.estimator = estimator;
            RateController::of(&config, seconds(1), &[A, B], &[])
        };
        assert_eq!(of(Estimator::None).rates(), BTreeMap::new());
        assert_eq!(of(Estimator::ServiceTime).rates(), BTreeMap::from([(A, 100.0), (B, 100.0)]));
        let mut pid = of(Estimator::Pid);
        assert_eq!(pid.rates(), BTreeMap::new(), "as Spark's: the first batch is not held back");
        let records = BTreeMap::from([(A, 100), (B, 0)]);
        assert_eq!(pid.completed(&batch(&records, 1000)), None);
        assert!(pid.completed(&batch(&records, 2000)).is_some());
    }

    #[test]
    fn a_stream_that_sheds_begins_faster_unless_a_rate_was_set() {
        let mut config = Config::default();
        let of = |config: &Config| RateController::of(config, seconds(1), &[A, B], &[B]);
        let mut controller = of(&config);
        assert_eq!(controller.first_rates(&[]), BTreeMap::from([(A, 100.0), (B, 10_000.0)]));
        controller.completed(&batch(&BTreeMap::from([(A, 1000), (B, 5000)]), 1000));
        assert!(controller.rate(B) < Some(10_000.0), "what it brought was measured");
        config.receiver.max_rate = Some(5000);
        assert_eq!(of(&config).rate(B), Some(5000.0));
        config.backpressure.initial_rate = Some(50);
        assert_eq!(of(&config).rate(B), Some(50.0));
    }

    #[test]
    fn no_rate_is_above_the_maximum() {
        let mut config = Config::default();
        config.receiver.max_rate = Some(50);
        let mut controller = RateController::of(&config, seconds(1), &[A], &[]);
        assert_eq!(controller.rate(A), Some(50.0));
        controller.completed(&batch(&BTreeMap::from([(A, 50)]), 1000));
        assert_eq!(controller.rate(A), Some(50.0));
    }

    #[test]
    fn without_an_estimator_the_maximum_is_a_quota_of_streams_that_spill_only() {
        let mut config = Config::default();
        config.receiver.max_rate = Some(50);
        let first = |config: &Config| RateController::of(config, seconds(1), &[A, B], &[]).first_rates(&[B]);
        assert_eq!(first(&config), BTreeMap::from([(A, 50.0), (B, 50.0)]));
        config.backpressure.estimator = Estimator::None;
        assert_eq!(first(&config), BTreeMap::from([(B, 50.0)]));
    }
}
