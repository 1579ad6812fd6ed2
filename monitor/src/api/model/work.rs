//! Operators with what they cost, and state with what its commits wrote.

use super::{nanos, precise_millis};
use crate::graph::{Costed, Node};
use crate::store::Progress;
use serde::Serialize;
use std::time::Duration;

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
    /// Bytes that the last commit wrote of it; 0 when its batch did not change it.
    pub(crate) last_commit_bytes: u64,
    /// Bytes that all commits since the start wrote of it.
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
                    last_commit_bytes: row.last_bytes,
                    written_bytes: row.written_bytes,
                })
                .collect(),
        }
    }
}
