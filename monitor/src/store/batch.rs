//! One batch, as far as listeners have told of it.

use super::Omitted;
use std::collections::BTreeMap;
use std::time::Duration;
use waterwheel_runtime::event::{BatchInfo, OutputInfo};
use waterwheel_runtime::ids::{OutputId, StreamId};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// How far a batch has come. The names are those of Spark's REST interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// It has its records and waits for its turn.
    Queued,
    /// Its outputs run.
    Processing,
    /// All of them have ended, well or not.
    Completed,
}

impl Status {
    /// Every status.
    pub(crate) const ALL: [Status; 3] = [Status::Queued, Status::Processing, Status::Completed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Queued => "QUEUED",
            Status::Processing => "PROCESSING",
            Status::Completed => "COMPLETED",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// An output operation of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutputRow {
    pub(crate) site: Site,
    pub(crate) started: Time,
    /// How it ended; `None` while it runs.
    pub(crate) ended: Option<OutputInfo>,
}

impl OutputRow {
    /// Of an output that has ended.
    pub(super) fn ended(info: OutputInfo) -> OutputRow {
        OutputRow { site: info.site, started: info.started, ended: Some(info) }
    }
}

/// What the commit of a batch was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Commit {
    pub(crate) took: Duration,
    pub(crate) durable: bool,
}

/// A batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchRow {
    pub(crate) info: BatchInfo,
    pub(crate) status: Status,
    pub(crate) outputs: BTreeMap<OutputId, OutputRow>,
    pub(crate) commit: Option<Commit>,
    /// What it had that is not kept.
    pub(crate) omitted: Omitted,
    /// Its records, as far as they are in the total of received ones.
    pub(super) counted: u64,
}

impl BatchRow {
    pub(super) fn new(info: BatchInfo, status: Status) -> BatchRow {
        BatchRow { info, status, outputs: BTreeMap::new(), commit: None, omitted: Omitted::default(), counted: 0 }
    }

    /// Records of a stream; `None` while they are not known: those of a source that no receiver feeds are counted when the batch
    /// is generated.
    pub(crate) fn records(&self, stream: StreamId) -> Option<u64> {
        let ended = (self.status == Status::Completed).then_some(0);
        self.info.records.get(&stream).copied().or(ended)
    }

    pub(crate) fn time(&self) -> Time {
        self.info.batch
    }

    /// When its first work began.
    pub(crate) fn processing_start(&self) -> Option<Time> {
        Some(self.info.submitted + self.info.scheduling_delay?)
    }

    /// When its last output ended.
    pub(crate) fn processing_end(&self) -> Option<Time> {
        Some(self.info.submitted + self.info.total_delay()?)
    }

    /// Whether it ended, and not well.
    pub(crate) fn failed(&self) -> bool {
        self.status == Status::Completed && self.first_failure().is_some()
    }

    /// Output operations that run, that ended well, and that failed.
    pub(crate) fn output_counts(&self) -> (usize, usize, usize) {
        let ended = self.outputs.values().filter_map(|output| output.ended.as_ref());
        let failed = ended.clone().filter(|output| output.failure.is_some()).count();
        let ended = ended.count();
        (self.outputs.len() - ended, ended - failed, failed)
    }

    /// Why it failed: the fault of the batch itself, or else of its first failed output.
    pub(crate) fn first_failure(&self) -> Option<&str> {
        let failure = |output: &'_ OutputRow| output.ended.as_ref().and_then(|ended| ended.failure.as_ref()).is_some();
        let first = self.outputs.values().find(|output| failure(output));
        let of_output = first.and_then(|output| output.ended.as_ref()?.failure.as_deref());
        self.info.failure.as_deref().or(of_output)
    }
}
