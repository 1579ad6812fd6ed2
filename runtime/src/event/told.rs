//! What batches tell beside their delays: the jobs that their outputs ran, and what their commits wrote.

use crate::ids::OutputId;
use crate::site::Site;
use std::time::Duration;

/// A job: what an action of an output asked the engine for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobInfo {
    /// The action and the user's line.
    pub site: Site,
    /// The output that ran it; `None` when the user's code did so elsewhere, such as in `transform`.
    pub output: Option<OutputId>,
    /// How long it ran.
    pub duration: Duration,
    /// Its stages, those that others need first. Stages that had to run again are there again.
    pub stages: Vec<StageInfo>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// A stage of a job: tasks that run without waiting for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageInfo {
    /// The operator whose shuffle the stage prepares; `None` for the stage that has the job's values.
    pub shuffle: Option<Site>,
    /// Its tasks.
    pub tasks: u32,
    /// Tasks that succeeded.
    pub done: u32,
    /// Attempts that failed.
    pub failed: u32,
}

/// What the commit of a batch wrote of one stateful operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateInfo {
    /// The operator's name.
    pub name: String,
    /// Keys that have state.
    pub keys: u64,
    /// Bytes that the commit wrote of it, keys and values; 0 when the batch did not change it.
    pub written_bytes: u64,
}
