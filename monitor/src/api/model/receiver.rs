//! Input streams and their receivers.

use super::AmountInfo;
use crate::format::rest_date;
use crate::store::{BatchRow, Progress, StreamRow};
use serde::Serialize;
use std::time::Duration;
use waterwheel_runtime::depths::StreamDepth;
use waterwheel_runtime::ids::StreamId;

/// An input stream, with its receiver if it has one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiverInfo {
    pub(crate) stream_id: u32,
    pub(crate) stream_name: String,
    /// Whether its receiver runs; `null` when no receiver feeds it.
    pub(crate) is_active: Option<bool>,
    /// Always `driver`: there is one process.
    pub(crate) executor_id: Option<&'static str>,
    pub(crate) executor_host: Option<&'static str>,
    pub(crate) last_error_time: Option<String>,
    pub(crate) last_error_message: Option<String>,
    pub(crate) last_error: Option<String>,
    /// Over the batches that are kept.
    pub(crate) avg_event_rate: Option<f64>,
    /// Pairs of a batch's time and its rate; left out where only the latest is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_rates: Option<Vec<(i64, f64)>>,
    /// The rate of the latest batch. Not in Spark, as all below.
    pub(crate) event_rate: Option<f64>,
    /// The operator and the user's line.
    pub(crate) defined_by: Option<String>,
    pub(crate) num_starts: u64,
    pub(crate) num_errors: u64,
    /// Errors that it reported faster than they could be told.
    pub(crate) num_untold_errors: u64,
    /// Records per second that its receiver may store; `null` without a limit.
    pub(crate) rate_limit: Option<f64>,
    /// Records that the last batch left behind, since it could not take more.
    pub(crate) num_spilled_records: u64,
    /// Records that were dropped.
    pub(crate) num_shed_records: u64,
    /// On the way from its receiver to the ledger at present; `null` when no receiver feeds it, as all below.
    pub(crate) intake: Option<AmountInfo>,
    /// In the ledger, and in no batch.
    pub(crate) waiting: Option<AmountInfo>,
    /// In batches that are not done.
    pub(crate) allocated: Option<AmountInfo>,
    /// What it holds of `receiver.max_pending`.
    pub(crate) memory_bytes: Option<u64>,
    /// What it holds of `receiver.max_spill`.
    pub(crate) file_bytes: Option<u64>,
    /// Messages that wait for the actor of an actor stream and for its workers; `null` for others as well.
    pub(crate) num_mailbox_messages: Option<usize>,
}

impl ReceiverInfo {
    pub(crate) fn new(
        progress: &Progress,
        stream: StreamId,
        row: &StreamRow,
        depth: Option<&StreamDepth>,
        interval: Duration,
        with_rates: bool,
    ) -> ReceiverInfo {
        let seconds = interval.as_secs_f64();
        let rate = |row: &std::sync::Arc<BatchRow>| Some((row.time().millis(), row.records(stream)? as f64 / seconds));
        let latest = progress.batches().rev().find_map(rate);
        let receiver = row.receiver.as_ref();
        let error = receiver.and_then(|receiver| receiver.last_error.as_ref());
        // A completed batch that does not name the stream has none of it.
        let named = progress.live().filter_map(|row| row.records(stream));
        let (live, batches) = named.fold((0, progress.completed().len()), |(sum, count), new| (sum + new, count + 1));
        let records = progress.completed_sums().of_stream(stream) + live;
        ReceiverInfo {
            stream_id: stream.0,
            stream_name: row.name.clone(),
            is_active: receiver.map(|receiver| receiver.active),
            executor_id: receiver.map(|_| "driver"),
            executor_host: receiver.map(|_| "localhost"),
            last_error_time: error.map(|(time, _)| rest_date(*time)),
            last_error_message: error.map(|(_, text)| text.lines().next().unwrap_or_default().to_owned()),
            last_error: error.map(|(_, text)| text.clone()),
            avg_event_rate: (batches > 0).then(|| records as f64 / (seconds * batches as f64)),
            event_rate: latest.map(|(_, rate)| rate),
            event_rates: with_rates.then(|| progress.batches().filter_map(rate).collect()),
            defined_by: row.site.clone(),
            num_starts: receiver.map_or(0, |receiver| receiver.starts),
            num_errors: receiver.map_or(0, |receiver| receiver.errors),
            num_untold_errors: receiver.map_or(0, |receiver| receiver.untold_errors),
            rate_limit: row.rate_limit,
            num_spilled_records: row.spilled,
            num_shed_records: row.shed,
            intake: depth.map(|depth| depth.intake.waiting.into()),
            waiting: depth.map(|depth| depth.ledger.waiting.into()),
            allocated: depth.map(|depth| depth.ledger.allocated.into()),
            memory_bytes: depth.map(|depth| depth.intake.memory_bytes),
            file_bytes: depth.map(|depth| depth.intake.file_bytes),
            num_mailbox_messages: depth.and_then(|depth| depth.intake.mailbox),
        }
    }
}
