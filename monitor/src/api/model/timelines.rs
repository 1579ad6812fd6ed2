//! What the charts show.

use super::{millis, precise_millis};
use crate::store::{BatchRow, Progress};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use waterwheel_runtime::ids::StreamId;

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
        let known = progress.batches().count();
        let rows: Vec<_> = progress.batches().skip(known.saturating_sub(batches)).collect();
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
