//! What the REST interface answers with: Spark's field names where Spark has the field, in Spark's order.

use crate::format::rest_date;
use crate::graph::{Costed, Node};
use crate::store::{BatchRow, OutputRow, Progress, Status, StreamRow, mean};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use waterwheel_runtime::event::{JobInfo, StageInfo};
use waterwheel_runtime::ids::{OutputId, StreamId};
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
}

impl StreamingStatistics {
    pub(crate) fn new(progress: &Progress, attached: Time, interval: Duration, dropped: u64) -> StreamingStatistics {
        let receivers = progress.streams.receivers().count();
        let active = progress.streams.receivers().filter(|receiver| receiver.active).count();
        let infos = || progress.batches().map(|row| &row.info);
        // What a batch has read is known at its end at the latest.
        let known = progress.batches().filter(|row| row.status == Status::Completed || row.info.num_records() > 0);
        let (batches, records) =
            known.fold((0u64, 0u64), |(batches, records), row| (batches + 1, records + row.info.num_records()));
        let seconds = interval.as_secs_f64() * batches as f64;
        StreamingStatistics {
            start_time: rest_date(progress.started.unwrap_or(attached)),
            batch_duration: millis(interval),
            num_receivers: receivers,
            num_active_receivers: active,
            num_inactive_receivers: receivers - active,
            num_total_completed_batches: progress.total_completed,
            num_retained_completed_batches: progress.completed().len(),
            num_active_batches: progress.live().count(),
            num_processed_records: progress.total_processed,
            num_received_records: progress.total_received,
            avg_input_rate: (seconds > 0.0).then(|| records as f64 / seconds),
            avg_scheduling_delay: mean(infos().filter_map(|info| info.scheduling_delay)).map(millis),
            avg_processing_time: mean(infos().filter_map(|info| info.processing_delay)).map(millis),
            avg_total_delay: mean(infos().filter_map(|info| info.total_delay())).map(millis),
            num_failed_batches: progress.total_failed,
            num_dropped_events: dropped,
        }
    }
}

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
    /// Records per second that its receiver may store; `null` without a limit.
    pub(crate) rate_limit: Option<f64>,
    /// Records that the last batch left behind, since it could not take more.
    pub(crate) num_spilled_records: u64,
    /// Records that were dropped.
    pub(crate) num_shed_records: u64,
}

impl ReceiverInfo {
    pub(crate) fn new(
        progress: &Progress,
        stream: StreamId,
        row: &StreamRow,
        interval: Duration,
        with_rates: bool,
    ) -> ReceiverInfo {
        let seconds = interval.as_secs_f64();
        let rate = |row: &std::sync::Arc<BatchRow>| Some((row.time().millis(), row.records(stream)? as f64 / seconds));
        let rates: Vec<(i64, f64)> = progress.batches().filter_map(rate).collect();
        let receiver = row.receiver.as_ref();
        let error = receiver.and_then(|receiver| receiver.last_error.as_ref());
        let sum: f64 = rates.iter().map(|(_, rate)| rate).sum();
        ReceiverInfo {
            stream_id: stream.0,
            stream_name: row.name.clone(),
            is_active: receiver.map(|receiver| receiver.active),
            executor_id: receiver.map(|_| "driver"),
            executor_host: receiver.map(|_| "localhost"),
            last_error_time: error.map(|(time, _)| rest_date(*time)),
            last_error_message: error.map(|(_, text)| text.lines().next().unwrap_or_default().to_owned()),
            last_error: error.map(|(_, text)| text.clone()),
            avg_event_rate: (!rates.is_empty()).then(|| sum / rates.len() as f64),
            event_rate: rates.last().map(|(_, rate)| *rate),
            event_rates: with_rates.then_some(rates),
            defined_by: row.site.clone(),
            num_starts: receiver.map_or(0, |receiver| receiver.starts),
            num_errors: receiver.map_or(0, |receiver| receiver.errors),
            rate_limit: row.rate_limit,
            num_spilled_records: row.spilled,
            num_shed_records: row.shed,
        }
    }
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchInfo {
    /// Its time, in milliseconds since 1970.
    pub(crate) batch_id: i64,
    pub(crate) batch_time: String,
    pub(crate) status: &'static str,
    pub(crate) batch_duration: u64,
    pub(crate) input_size: u64,
    pub(crate) scheduling_delay: Option<u64>,
    pub(crate) processing_time: Option<u64>,
    pub(crate) total_delay: Option<u64>,
    pub(crate) num_active_output_ops: usize,
    pub(crate) num_completed_output_ops: usize,
    pub(crate) num_failed_output_ops: usize,
    pub(crate) num_total_output_ops: usize,
    pub(crate) first_failure_reason: Option<String>,
    /// Records by input stream. Not in Spark, as all below.
    pub(crate) input_sizes: BTreeMap<u32, u64>,
    /// How long the record that the batch is done took to be written; `null` without a checkpoint directory.
    pub(crate) commit_time: Option<u64>,
    /// Whether that record is durable by itself, or goes with a later one.
    pub(crate) durable: Option<bool>,
}

impl BatchInfo {
    pub(crate) fn new(row: &BatchRow, interval: Duration) -> BatchInfo {
        let (active, completed, failed) = row.output_counts();
        BatchInfo {
            batch_id: row.time().millis(),
            batch_time: rest_date(row.time()),
            status: row.status.name(),
            batch_duration: millis(interval),
            input_size: row.info.num_records(),
            scheduling_delay: row.info.scheduling_delay.map(millis),
            processing_time: row.info.processing_delay.map(millis),
            total_delay: row.info.total_delay().map(millis),
            num_active_output_ops: active,
            num_completed_output_ops: completed,
            num_failed_output_ops: failed,
            num_total_output_ops: row.outputs.len(),
            first_failure_reason: row.first_failure().map(str::to_owned),
            input_sizes: row.info.records.iter().map(|(stream, records)| (stream.0, *records)).collect(),
            commit_time: row.commit.map(|commit| millis(commit.took)),
            durable: row.commit.map(|commit| commit.durable),
        }
    }
}

/// An output operation of a batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputOperationInfo {
    pub(crate) output_op_id: u32,
    pub(crate) name: String,
    /// The user's line.
    pub(crate) description: String,
    pub(crate) start_time: Option<String>,
    pub(crate) end_time: Option<String>,
    pub(crate) duration: Option<u64>,
    pub(crate) failure_reason: Option<String>,
    /// Positions of its jobs among those of the batch.
    pub(crate) job_ids: Vec<usize>,
    /// `PROCESSING`, `SUCCEEDED` or `FAILED`. Not in Spark, as all below.
    pub(crate) status: &'static str,
    pub(crate) jobs: Vec<Job>,
}

/// A job of an output operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) job_id: usize,
    /// The action and the user's line.
    pub(crate) description: String,
    /// In milliseconds.
    pub(crate) duration: f64,
    pub(crate) num_completed_stages: usize,
    pub(crate) num_total_stages: usize,
    pub(crate) num_completed_tasks: u64,
    pub(crate) num_failed_tasks: u64,
    pub(crate) num_total_tasks: u64,
    pub(crate) failure_reason: Option<String>,
    pub(crate) stages: Vec<Stage>,
}

/// A stage of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stage {
    /// The operator whose shuffle it prepares; `null` for the stage that has the values of the job.
    pub(crate) shuffle: Option<String>,
    pub(crate) num_completed_tasks: u32,
    pub(crate) num_failed_tasks: u32,
    pub(crate) num_total_tasks: u32,
}

impl OutputOperationInfo {
    pub(crate) fn new(batch: &BatchRow, id: OutputId, row: &OutputRow) -> OutputOperationInfo {
        let jobs = batch.info.jobs.iter().enumerate().filter(|(_, job)| job.output == Some(id));
        let jobs: Vec<Job> = jobs.map(|(number, job)| Job::new(number, job)).collect();
        let ended = row.ended.as_ref();
        let failure = ended.and_then(|ended| ended.failure.clone());
        let status = match (ended, &failure) {
            (None, _) => Status::Processing.name(),
            (Some(_), None) => "SUCCEEDED",
            (Some(_), Some(_)) => "FAILED",
        };
        OutputOperationInfo {
            output_op_id: id.0,
            name: row.site.operator.to_owned(),
            description: row.site.to_string(),
            start_time: ended.map(|ended| rest_date(ended.started)),
            end_time: ended.map(|ended| rest_date(ended.started + ended.duration)),
            duration: ended.map(|ended| millis(ended.duration)),
            failure_reason: failure,
            job_ids: jobs.iter().map(|job| job.job_id).collect(),
            status,
            jobs,
        }
    }
}

impl Job {
    fn new(number: usize, job: &JobInfo) -> Job {
        let whole = |stage: &&StageInfo| stage.done == stage.tasks;
        let sum = |of: fn(&StageInfo) -> u32| job.stages.iter().map(|stage| u64::from(of(stage))).sum();
        Job {
            job_id: number,
            description: job.site.to_string(),
            duration: precise_millis(job.duration),
            num_completed_stages: job.stages.iter().filter(whole).count(),
            num_total_stages: job.stages.len(),
            num_completed_tasks: sum(|stage| stage.done),
            num_failed_tasks: sum(|stage| stage.failed),
            num_total_tasks: sum(|stage| stage.tasks),
            failure_reason: job.failure.clone(),
            stages: job.stages.iter().map(Stage::new).collect(),
        }
    }
}

impl Stage {
    fn new(stage: &StageInfo) -> Stage {
        Stage {
            shuffle: stage.shuffle.map(|site| site.to_string()),
            num_completed_tasks: stage.done,
            num_failed_tasks: stage.failed,
            num_total_tasks: stage.tasks,
        }
    }
}

/// An operator of the program, or of the datasets that the user's code makes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperatorInfo {
    /// Its position in the list, which `inputs` refer to.
    pub(crate) operator_id: usize,
    pub(crate) name: String,
    /// The operator and the user's line.
    pub(crate) defined_by: String,
    /// `input`, `operator`, `output`, or `dataset` for one on datasets inside `transform` or an output.
    pub(crate) kind: &'static str,
    /// How many operators of the program are on the line.
    pub(crate) num_operators: usize,
    pub(crate) inputs: Vec<usize>,
    pub(crate) stream_id: Option<u32>,
    /// Records that went in since the start.
    pub(crate) records: u64,
    /// Time spent in it since the start, over all tasks.
    pub(crate) busy_nanos: u64,
    pub(crate) last_batch_records: u64,
    pub(crate) last_batch_busy_nanos: u64,
    /// Its part of the time spent in all operators over the last sixty batches, from 0 to 1.
    pub(crate) busy_share: f64,
    /// Records per second over the last sixty batches.
    pub(crate) record_rate: f64,
    /// Shuffles it asked for: a stage ends at each.
    pub(crate) num_shuffles: u64,
    pub(crate) num_shuffle_tasks: u64,
}

/// Over how many batches shares and rates of operators are taken.
pub(crate) const RECENT: usize = 60;

/// Every operator with what it cost.
pub(crate) fn operators(costed: &[Costed<'_>], recent_batches: usize, interval: Duration) -> Vec<OperatorInfo> {
    let all: Duration = costed.iter().map(|costed| costed.recent.busy).sum();
    let seconds = interval.as_secs_f64() * recent_batches as f64;
    let part = |value: f64, whole: f64| if whole > 0.0 { value / whole } else { 0.0 };
    let info = |(operator_id, costed): (usize, &Costed<'_>)| {
        let node = costed.node;
        OperatorInfo {
            operator_id,
            name: node.map_or_else(|| costed.site.operator.to_owned(), |node| node.name.clone()),
            defined_by: costed.site.to_string(),
            kind: node.map_or("dataset", kind),
            num_operators: node.map_or(1, |node| node.operators),
            inputs: node.map(|node| node.inputs.clone()).unwrap_or_default(),
            stream_id: node.and_then(|node| node.stream),
            records: costed.work.total.records,
            busy_nanos: nanos(costed.work.total.busy),
            last_batch_records: costed.work.last.records,
            last_batch_busy_nanos: nanos(costed.work.last.busy),
            busy_share: part(costed.recent.busy.as_secs_f64(), all.as_secs_f64()),
            record_rate: part(costed.recent.records as f64, seconds),
            num_shuffles: costed.work.shuffles,
            num_shuffle_tasks: costed.work.tasks,
        }
    };
    costed.iter().enumerate().map(info).collect()
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node { output: true, .. } => "output",
        Node { inputs, .. } if inputs.is_empty() => "input",
        _ => "operator",
    }
}

/// State and commits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateInfo {
    pub(crate) num_commits: u64,
    /// In milliseconds, as the mean of all and of the last.
    pub(crate) avg_commit_time: Option<f64>,
    pub(crate) last_commit_time: Option<f64>,
    pub(crate) last_commit_batch_id: Option<i64>,
    pub(crate) operators: Vec<StateOperatorInfo>,
}

/// The state of an operator.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateOperatorInfo {
    pub(crate) name: String,
    pub(crate) num_keys: u64,
    /// Bytes of the changes that were stored last.
    pub(crate) last_commit_bytes: u64,
    /// Bytes of all changes that were stored since the start.
    pub(crate) written_bytes: u64,
}

impl StateInfo {
    pub(crate) fn new(progress: &Progress) -> StateInfo {
        let works = &progress.works;
        let mean = works.commit_time.checked_div(u32::try_from(works.commits).unwrap_or(u32::MAX));
        StateInfo {
            num_commits: works.commits,
            avg_commit_time: mean.map(precise_millis),
            last_commit_time: works.last_commit.map(|(_, took)| precise_millis(took)),
            last_commit_batch_id: works.last_commit.map(|(batch, _)| batch.millis()),
            operators: works
                .states()
                .map(|(name, row)| StateOperatorInfo {
                    name: name.to_owned(),
                    num_keys: row.keys,
                    last_commit_bytes: row.changed_bytes,
                    written_bytes: row.written_bytes,
                })
                .collect(),
        }
    }
}

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

/// Everything that changes from batch to batch, in one answer: what the page is kept live by.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `STARTING`, `RUNNING` or `STOPPED`.
    pub(crate) state: &'static str,
    /// The program's time when this was made.
    pub(crate) now: i64,
    pub(crate) started: i64,
    /// The batch interval, for people.
    pub(crate) interval: String,
    pub(crate) can_stop: bool,
    pub(crate) statistics: StreamingStatistics,
    /// Waiting and running batches, the newest first; no more than a hundred.
    pub(crate) active: Vec<BatchInfo>,
    /// The newest completed batches, the newest first.
    pub(crate) completed: Vec<BatchInfo>,
    pub(crate) receivers: Vec<ReceiverInfo>,
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
