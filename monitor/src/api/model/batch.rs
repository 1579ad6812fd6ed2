//! Batches, their output operations, and the jobs of those.

use super::{millis, precise_millis};
use crate::format::rest_date;
use crate::store::{BatchRow, OutputRow, Status};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use waterwheel_runtime::event::{InputMetadata, JobInfo, StageInfo};
use waterwheel_runtime::ids::{OutputId, StreamId};

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
    /// Jobs, stages of the others, and parts of its inputs that are not kept, and failures of which only the beginning is.
    pub(crate) num_omitted_jobs: u64,
    pub(crate) num_omitted_stages: u64,
    pub(crate) num_omitted_input_parts: u64,
    pub(crate) num_shortened_failures: u64,
    /// What it read of the streams that say so; left out where many batches are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input_metadata: Option<Vec<InputMetadataInfo>>,
}

/// What a batch read of an input stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InputMetadataInfo {
    pub(crate) stream_id: u32,
    /// One part a line, as in Spark.
    pub(crate) description: String,
    /// Files with the bytes that were read, or positions.
    pub(crate) parts: Vec<String>,
    pub(crate) num_omitted_parts: u64,
}

impl InputMetadataInfo {
    fn new((stream, told): (&StreamId, &InputMetadata)) -> InputMetadataInfo {
        InputMetadataInfo {
            stream_id: stream.0,
            description: told.description(),
            parts: told.items.clone(),
            num_omitted_parts: told.omitted,
        }
    }
}

impl BatchInfo {
    /// `planned` outputs run in the batch, as far as it has not ended.
    pub(crate) fn new(row: &BatchRow, interval: Duration, planned: usize) -> BatchInfo {
        let (active, completed, failed) = row.output_counts();
        let planned = if row.status == Status::Completed { 0 } else { planned };
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
            num_total_output_ops: row.outputs.len().max(planned),
            first_failure_reason: row.first_failure().map(str::to_owned),
            input_sizes: row.info.records.iter().map(|(stream, records)| (stream.0, *records)).collect(),
            commit_time: row.commit.map(|commit| millis(commit.took)),
            durable: row.commit.map(|commit| commit.durable),
            num_omitted_jobs: row.omitted.jobs,
            num_omitted_stages: row.omitted.stages,
            num_omitted_input_parts: row.omitted.inputs,
            num_shortened_failures: row.omitted.failures,
            input_metadata: None,
        }
    }

    /// The same, with what the batch read.
    pub(crate) fn with_metadata(self, row: &BatchRow) -> BatchInfo {
        let metadata = row.info.metadata.iter().map(InputMetadataInfo::new).collect();
        BatchInfo { input_metadata: Some(metadata), ..self }
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
    pub(crate) start_time: String,
    pub(crate) end_time: Option<String>,
    pub(crate) duration: Option<u64>,
    pub(crate) failure_reason: Option<String>,
    /// Positions of its jobs among those of the batch.
    pub(crate) job_ids: Vec<usize>,
    /// `PROCESSING`, `SUCCEEDED` or `FAILED`. Not in Spark, as all below.
    pub(crate) status: &'static str,
    pub(crate) jobs: Vec<Job>,
}

/// A job of a batch.
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
    /// The output operation that ran it; `null` when the user's code did so elsewhere, such as in `transform`.
    pub(crate) output_op_id: Option<u32>,
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
            start_time: rest_date(row.started),
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
    pub(crate) fn new(number: usize, job: &JobInfo) -> Job {
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
            output_op_id: job.output.map(|output| output.0),
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
