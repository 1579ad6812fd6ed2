//! What the REST interface answers with: Spark's field names where Spark has the field, in Spark's order.

mod batch;
mod queues;
mod receiver;
mod timelines;
mod work;

pub(crate) use batch::{BatchInfo, Job, OutputOperationInfo};
pub(crate) use queues::{AmountInfo, QueuesInfo};
pub(crate) use receiver::ReceiverInfo;
pub(crate) use timelines::Timelines;
pub(crate) use work::{OperatorInfo, RECENT, StateInfo, operators};

use crate::format::rest_date;
use crate::store::{Progress, ReceiverRow};
use serde::Serialize;
use std::time::Duration;
use waterwheel_runtime::time::{DurationExt, Time};

/// An application.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationInfo {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) attempts: Vec<ApplicationAttempt>,
}

/// A run of an application: there is one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationAttempt {
    pub(crate) start_time: String,
    /// The last millisecond of 1969 while the application runs, as in Spark.
    pub(crate) end_time: String,
    pub(crate) last_updated: String,
    pub(crate) duration: u64,
    pub(crate) completed: bool,
    pub(crate) start_time_epoch: i64,
    pub(crate) end_time_epoch: i64,
    pub(crate) last_updated_epoch: i64,
}

impl ApplicationAttempt {
    pub(crate) fn new(start: Time, end: Option<Time>, now: Time) -> ApplicationAttempt {
        let updated = end.unwrap_or(now);
        let end = end.unwrap_or(Time::from_millis(-1));
        ApplicationAttempt {
            start_time: rest_date(start),
            end_time: rest_date(end),
            last_updated: rest_date(updated),
            duration: millis(updated.since(start)),
            completed: end.millis() >= 0,
            start_time_epoch: start.millis(),
            end_time_epoch: end.millis(),
            last_updated_epoch: updated.millis(),
        }
    }
}

/// The figures of a program. Times are in milliseconds, rates in records per second.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamingStatistics {
    pub(crate) start_time: String,
    pub(crate) batch_duration: u64,
    pub(crate) num_receivers: usize,
    pub(crate) num_active_receivers: usize,
    pub(crate) num_inactive_receivers: usize,
    pub(crate) num_total_completed_batches: u64,
    pub(crate) num_retained_completed_batches: usize,
    pub(crate) num_active_batches: usize,
    pub(crate) num_processed_records: u64,
    pub(crate) num_received_records: u64,
    pub(crate) avg_input_rate: Option<f64>,
    pub(crate) avg_scheduling_delay: Option<u64>,
    pub(crate) avg_processing_time: Option<u64>,
    pub(crate) avg_total_delay: Option<u64>,
    /// Completed batches that failed. Not in Spark, as all below.
    pub(crate) num_failed_batches: u64,
    /// Events that were not told because the listeners were behind: what they would have said is missing from the figures.
    pub(crate) num_dropped_events: u64,
    /// Batches that are missing from the figures because their end was not told.
    pub(crate) num_untold_batches: u64,
    /// What is not kept of what was told, since the start.
    pub(crate) num_omitted_jobs: u64,
    pub(crate) num_omitted_stages: u64,
    pub(crate) num_omitted_input_parts: u64,
    pub(crate) num_omitted_outputs: u64,
    pub(crate) num_omitted_operators: u64,
    pub(crate) num_shortened_failures: u64,
}

impl StreamingStatistics {
    pub(crate) fn new(
        progress: &Progress,
        receivers: &[ReceiverRow],
        attached: Time,
        interval: Duration,
        dropped: u64,
    ) -> StreamingStatistics {
        let active = receivers.iter().filter(|receiver| receiver.active).count();
        let receivers = receivers.len();
        let (sums, omitted) = (progress.sums(), progress.omitted());
        let seconds = interval.as_secs_f64() * sums.records.batches as f64;
        StreamingStatistics {
            start_time: rest_date(progress.started.unwrap_or(attached)),
            batch_duration: millis(interval),
            num_receivers: receivers,
            num_active_receivers: active,
            num_inactive_receivers: receivers - active,
            num_total_completed_batches: progress.total_completed,
            num_retained_completed_batches: progress.completed().len(),
            num_active_batches: progress.num_live(),
            num_processed_records: progress.total_processed,
            num_received_records: progress.total_received,
            avg_input_rate: (seconds > 0.0).then(|| sums.records.records as f64 / seconds),
            avg_scheduling_delay: sums.scheduling.mean().map(millis),
            avg_processing_time: sums.processing.mean().map(millis),
            avg_total_delay: sums.total.mean().map(millis),
            num_failed_batches: progress.total_failed,
            num_dropped_events: dropped,
            num_untold_batches: progress.untold,
            num_omitted_jobs: omitted.jobs,
            num_omitted_stages: omitted.stages,
            num_omitted_input_parts: omitted.inputs,
            num_omitted_outputs: omitted.outputs,
            num_omitted_operators: omitted.rows,
            num_shortened_failures: omitted.failures,
        }
    }
}

/// Everything that changes from batch to batch, in one answer: what the page is kept live by.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `STARTING`, `RUNNING`, `STOPPING` while a graceful stop processes what was received, or `STOPPED`.
    pub(crate) state: &'static str,
    /// The program's time when this was made.
    pub(crate) now: i64,
    pub(crate) started: i64,
    /// The batch interval, for people.
    pub(crate) interval: String,
    pub(crate) can_stop: bool,
    pub(crate) statistics: StreamingStatistics,
    /// Running and waiting batches, the newest first; of more than a hundred those that run, and the newest of the others.
    pub(crate) active: Vec<BatchInfo>,
    /// The newest completed batches, the newest first.
    pub(crate) completed: Vec<BatchInfo>,
    pub(crate) receivers: Vec<ReceiverInfo>,
    pub(crate) queues: QueuesInfo,
    pub(crate) operators: Vec<OperatorInfo>,
    pub(crate) state_operators: StateInfo,
    /// Of the last batches.
    pub(crate) timelines: Timelines,
}

/// Whole milliseconds, as in Spark.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds to the microsecond.
pub(crate) fn precise_millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A batch interval, for people.
pub(crate) fn shown_interval(interval: Duration) -> String {
    interval.pretty()
}
