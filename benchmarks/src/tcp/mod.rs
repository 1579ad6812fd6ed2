//! What the workloads over TCP share: the plan of a run, its outcome, the sender, and the loop written by hand.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::cli::Peer;
use crate::stability::BatchTiming;
use crate::stats::{self, CpuMeter};

pub(crate) mod handwritten;
mod pace;
pub(crate) mod send;
pub(crate) mod waterwheel;

use send::{SendReport, Sender};

/// What a peer is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Batch interval.
    pub(crate) interval: Duration,
    /// Processing threads.
    pub(crate) cores: usize,
    /// Receive the lines as owned records and drop them, without counting words.
    pub(crate) receive_only: bool,
    /// Keep received blocks, and the progress of batches, in this directory.
    pub(crate) checkpoint: Option<PathBuf>,
    /// Let in what comes, however long batches take.
    pub(crate) unrated: bool,
    /// With the monitor, and a page that follows it.
    pub(crate) monitored: bool,
}

/// What a peer reports. It must have taken in every line the sender sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Lines received and processed.
    pub(crate) lines: u64,
    /// Words counted, over all batches; 0 when only receiving.
    pub(crate) words: u64,
    /// From the first line received to the end of the batch with the last one.
    pub(crate) elapsed: Duration,
    /// Every batch in order.
    pub(crate) batches: Vec<BatchTiming>,
    /// What the sender says: the value that `Sender::wait` returned.
    pub(crate) sent: SendReport,
}

/// An outcome with what the process used for it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Run {
    /// The peer's own report.
    pub(crate) outcome: Outcome,
    /// Peak resident memory of the process.
    pub(crate) rss_mb: f64,
    /// Processors kept busy, without the sender's.
    pub(crate) cpu_busy: f64,
    /// Bytes that the process wrote to files.
    pub(crate) written: u64,
}

impl Run {
    /// Lines processed a second.
    pub(crate) fn lines_per_s(&self) -> f64 {
        self.outcome.lines as f64 / self.outcome.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Start a sender, let a peer read from it, and check that no line was lost or invented.
pub(crate) fn measure(peer: Peer, sending: &send::Options, run: impl FnOnce(Sender) -> Result<Outcome>) -> Result<Run> {
    let sender = Sender::start(sending)?;
    let cpu = CpuMeter::start()?;
    let written = stats::bytes_written()?;
    let outcome = run(sender)?;
    let (lines, sent) = (outcome.lines, outcome.sent.lines);
    ensure!(lines == sent, "{peer} processed {lines} lines of {sent}");
    let written = stats::bytes_written()? - written;
    Ok(Run { cpu_busy: cpu.busy()?, rss_mb: stats::peak_rss_mb()?, outcome, written })
}
