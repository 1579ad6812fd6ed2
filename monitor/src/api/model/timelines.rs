//! What the charts show.

use super::{millis, precise_millis};
use crate::store::{BatchRow, Progress};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::ids::StreamId;

/// Batches that are told of again and again; the page draws as many.
const MOST_TOLD: usize = 1000;

/// What the charts show: one value per batch in each list, the oldest first; `null` where a batch has none yet. Times are in
/// milliseconds, with their fractions.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timelines {
    pub(crate) batch_duration: u64,
    pub(crate) batch_ids: Vec<i64>,
    /// Records by input stream.
    pub(crate) input_sizes: BTreeMap<u32, Vec<Option<u64>>>,
    pub(crate) scheduling_delays: Vec<Option<f64>>,
    pub(crate) processing_times: Vec<Option<f64>>,
    pub(crate) total_delays: Vec<Option<f64>>,
    pub(crate) failed: Vec<bool>,
}

impl Timelines {
    /// Of the last `batches` that are known.
    pub(crate) fn new(progress: &Progress, batches: usize, interval: Duration) -> Timelines {
        let known = progress.completed().len() + progress.num_live();
        Timelines::of(progress, progress.batches().skip(known.saturating_sub(batches)).collect(), interval)
    }

    /// Of the last `completed` that have ended, and of those behind them that have not: whoever looks again and again sees the end
    /// of every batch, however many are pending. No more than [`MOST_TOLD`]; of more, the newest are left out.
    pub(crate) fn moving(progress: &Progress, completed: usize, interval: Duration) -> Timelines {
        let ended = progress.completed().len();
        Timelines::of(
            progress,
            progress.batches().skip(ended.saturating_sub(completed)).take(MOST_TOLD).collect(),
            interval,
        )
    }

    fn of(progress: &Progress, rows: Vec<&Arc<BatchRow>>, interval: Duration) -> Timelines {
        let delays =
            |of: fn(&BatchRow) -> Option<Duration>| rows.iter().map(|row| of(row).map(precise_millis)).collect();
        let sizes = |stream: StreamId| (stream.0, rows.iter().map(|row| row.records(stream)).collect());
        Timelines {
            batch_duration: millis(interval),
            batch_ids: rows.iter().map(|row| row.time().millis()).collect(),
            input_sizes: progress.streams.iter().map(|(stream, _)| sizes(stream)).collect(),
            scheduling_delays: delays(|row| row.info.scheduling_delay),
            processing_times: delays(|row| row.info.processing_delay),
            total_delays: delays(|row| row.info.total_delay()),
            failed: rows.iter().map(|row| row.failed()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Streams;
    use crate::testing::{batch, completed, time};
    use waterwheel_runtime::event::Event;
    use waterwheel_runtime::time::seconds;

    #[test]
    fn the_end_of_every_batch_is_told_however_many_are_pending() {
        let mut progress = Progress::new(2000, Streams::default());
        for number in 1..=2000 {
            progress.told(&Event::BatchSubmitted(batch(number, &[])), time(0));
        }
        for number in 1..=1500 {
            progress.told(&Event::BatchCompleted(completed(number, &[], &[])), time(0));
            let told = Timelines::moving(&progress, 60, seconds(1));
            let place = told.batch_ids.iter().position(|id| *id == time(number).millis()).unwrap();
            assert!(told.processing_times[place].is_some() && told.batch_ids.len() <= MOST_TOLD);
            assert_eq!(place, told.processing_times.iter().flatten().count() - 1, "behind it none has ended");
        }
        let told = Timelines::moving(&progress, 60, seconds(1));
        let ids = [told.batch_ids.first(), told.batch_ids.last()].map(|id| *id.unwrap());
        assert_eq!(ids, [time(1441).millis(), time(2000).millis()]);
    }
}
