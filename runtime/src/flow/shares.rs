//! How receivers share what their context can compute.

use crate::ids::StreamId;
use std::time::Duration;

/// What a stream brought in a batch, and what it might have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The stream.
    pub stream: StreamId,
    /// Its records in the batch.
    pub records: u64,
    /// Records per second that it was let in; infinite without a limit.
    pub rate: f64,
}

/// Whoever brought this part of what it might was held back.
const HELD: f64 = 0.8;

/// What a stream that was not held back may bring beside what it brought.
const HEADROOM: f64 = 1.25;

/// Divides `total` records a second among receivers, as their last batch of `interval` says. The answer is in the order of
/// `streams`.
///
/// A stream that was not held back keeps what it needs and leaves the rest to the others, who get the same each: one of few
/// records neither takes from one of many, nor is held to few because the others' records took the time. It may bring an even
/// share at any time, so for one batch all of them together may bring up to two and a quarter times the total. `max` is the
/// most that any stream may have, `least` the fewest.
pub fn shares(total: f64, interval: Duration, least: f64, max: Option<f64>, streams: &[Demand]) -> Vec<f64> {
    let seconds = interval.as_secs_f64().max(f64::MIN_POSITIVE);
    let brought = |demand: &Demand| demand.records as f64 / seconds;
    // Nobody knows what a stream without a rate would have brought as its share.
    let held = |demand: &Demand| demand.rate.is_infinite() || brought(demand) >= HELD * demand.rate;
    let even = total / streams.len().max(1) as f64;
    let wanted = |demand: &Demand| if held(demand) { max.unwrap_or(f64::INFINITY) } else { brought(demand) };
    let mut wishes: Vec<f64> = streams.iter().map(wanted).collect();
    wishes.sort_by(f64::total_cmp);
    let level = level(total, &wishes);
    let share = |demand: &Demand| {
        let share =
            if held(demand) || streams.len() == 1 { level.max(even) } else { even.max(brought(demand) * HEADROOM) };
        share.max(least).min(max.unwrap_or(f64::INFINITY))
    };
    streams.iter().map(share).collect()
}

/// The height up to which wishes are fulfilled when `total` is poured over them: the highest of them if there is enough. `wishes` are in
/// order.
fn level(total: f64, wishes: &[f64]) -> f64 {
    let mut rest = total;
    for (place, wish) in wishes.iter().enumerate() {
        let even = rest / (wishes.len() - place) as f64;
        if *wish >= even {
            return even;
        }
        rest -= wish;
    }
    wishes.last().copied().unwrap_or(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::seconds;
    use proptest::prelude::*;

    fn demand(stream: u32, records: u64, rate: f64) -> Demand {
        Demand { stream: StreamId(stream), records, rate }
    }

    fn of(total: f64, streams: &[Demand]) -> Vec<f64> {
        shares(total, seconds(1), 100.0, None, streams)
    }

    #[test]
    fn a_receiver_alone_gets_everything() {
        for records in [0, 10, 1000] {
            assert_eq!(of(5000.0, &[demand(0, records, 1000.0)]), [5000.0]);
        }
    }

    #[test]
    fn streams_that_are_held_back_get_the_same() {
        assert_eq!(of(10_000.0, &[demand(0, 1000, 1000.0), demand(1, 1000, 1000.0)]), [5000.0, 5000.0]);
    }

    /// What the time of the many records would do to the few when each stream were rated by its own.
    #[test]
    fn a_stream_of_few_records_is_not_held_to_few_and_leaves_the_rest_to_the_other() {
        let rates = of(1_000_000.0, &[demand(0, 990_000, 1_000_000.0), demand(1, 10, 500_000.0)]);
        assert_eq!(rates, [999_990.0, 500_000.0]);
    }

    /// As before the first estimate of Spark's estimator.
    #[test]
    fn streams_that_had_no_rate_get_no_more_than_what_can_be_computed() {
        let all = [demand(0, 900_000, f64::INFINITY), demand(1, 100_000, f64::INFINITY)];
        assert_eq!(of(100_000.0, &all), [50_000.0, 50_000.0]);
    }

    #[test]
    fn a_maximum_leaves_what_is_above_it_to_the_others() {
        let streams = [demand(0, 1000, 1000.0), demand(1, 1000, 1000.0)];
        assert_eq!(shares(10_000.0, seconds(1), 100.0, Some(3000.0), &streams), [3000.0, 3000.0]);
        let streams = [demand(0, 1000, 1000.0), demand(1, 10, 1000.0)];
        assert_eq!(shares(10_000.0, seconds(1), 100.0, Some(9000.0), &streams), [9000.0, 5000.0]);
    }

    proptest! {
        #[test]
        fn every_stream_gets_its_even_share_at_least_and_all_together_are_bounded(
            total in 1.0..1e7_f64, streams in prop::collection::vec((0..1_000_000_u64, 1.0..1e6_f64), 1..8),
        ) {
            let streams: Vec<_> =
                (0..).zip(&streams).map(|(at, (records, rate))| demand(at, (*records).min(*rate as u64), *rate)).collect();
            let rates = shares(total, seconds(1), 1.0, None, &streams);
            let even = total / streams.len() as f64;
            prop_assert!(rates.iter().all(|rate| *rate >= even * 0.999));
            let unheld = |demand: &&Demand| (demand.records as f64) < 0.8 * demand.rate;
            let brought: f64 = streams.iter().filter(unheld).map(|demand| demand.records as f64).sum();
            let all: f64 = rates.iter().sum();
            prop_assert!(all <= (total + brought).max(total) * 2.0 + 1.25 * brought + streams.len() as f64, "{} of {}", all, total);
        }
    }
}
