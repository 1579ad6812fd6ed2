//! Batches one after another: what a peer gives back for them, how it is checked, and what is reported.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cli::Peer;
use crate::count::Summary;
use crate::report::{self, Line};
use crate::stats::{self, CpuMeter, Durations, Percentiles};

/// What a peer gives back for one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchDone {
    /// Before its first record was touched.
    pub(crate) started: Instant,
    /// After its last summary was there.
    pub(crate) finished: Instant,
    /// Its counts, summarised.
    pub(crate) summary: Summary,
}

/// What one operator cost: Waterwheel's own account of where the time goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OperatorTime {
    /// The operator, as the method is called.
    pub(crate) operator: String,
    /// Records that went into it.
    pub(crate) records: u64,
    /// Nanoseconds a record, on one thread.
    pub(crate) ns_per_record: f64,
}

/// What a peer gives back.
pub(crate) struct Done {
    /// Its batches, those for warming up first.
    pub(crate) batches: Vec<BatchDone>,
    /// Where its time went, as far as it knows.
    pub(crate) operators: Vec<OperatorTime>,
    /// The parts of a batch, one after another: milliseconds of a batch on average.
    pub(crate) phases: BTreeMap<String, f64>,
    /// Bytes that the process wrote to files during the measured batches.
    pub(crate) written: u64,
    /// Peak resident memory at the end of the measured batches, if it was taken then.
    pub(crate) rss_mb: Option<f64>,
}

impl From<Vec<BatchDone>> for Done {
    fn from(batches: Vec<BatchDone>) -> Done {
        Done { batches, operators: Vec::new(), phases: BTreeMap::new(), written: 0, rss_mb: None }
    }
}

/// The measured batches of one run of one peer, as its process reports them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Run {
    /// Records that went in.
    pub(crate) records: u64,
    /// What the summaries count.
    pub(crate) words: u64,
    /// Distinct words of the first batch.
    pub(crate) distinct: u64,
    /// From the start of the first batch to the end of the last.
    pub(crate) elapsed: Duration,
    /// Each batch.
    pub(crate) batches: Vec<Duration>,
    /// Peak resident memory of the process.
    pub(crate) rss_mb: f64,
    /// Resident memory with nothing but the input.
    pub(crate) input_rss_mb: f64,
    /// Processors kept busy.
    pub(crate) cpu_busy: f64,
    /// Where the time went.
    pub(crate) operators: Vec<OperatorTime>,
    /// The parts of a batch in milliseconds.
    pub(crate) phases: BTreeMap<String, f64>,
    /// Bytes written to files.
    pub(crate) written: u64,
}

/// Run a peer in this process over `batches` and check every summary. Only the batches `measured` are measured.
pub(crate) fn measure<T>(
    peer: Peer,
    batches: &[&[T]],
    expected: &[Summary],
    measured: Range<usize>,
    run: impl FnOnce() -> Result<Done>,
) -> Result<Run> {
    let input_rss_mb = stats::rss_mb()?;
    let cpu = CpuMeter::start()?;
    let Done { batches: done, operators, phases, written, rss_mb } = run()?;
    let cpu_busy = cpu.busy()?;
    ensure!(done.len() == batches.len(), "{peer} counted {} batches of {}", done.len(), batches.len());
    ensure!(expected.len() == batches.len(), "{} batches have {} expectations", batches.len(), expected.len());
    for (i, (batch, expected)) in done.iter().zip(expected).enumerate() {
        let seen = batch.summary;
        ensure!(seen == *expected, "{peer} counted batch {i} wrong: {seen:?}, right is {expected:?}");
    }
    let range = measured;
    let measured = done.get(range.clone()).unwrap_or_default();
    let (first, last) = measured.first().zip(measured.last()).context("no batch was measured")?;
    Ok(Run {
        records: batches[range].iter().map(|batch| batch.len() as u64).sum(),
        words: measured.iter().map(|batch| batch.summary.words).sum(),
        distinct: first.summary.distinct,
        elapsed: last.finished - first.started,
        batches: measured.iter().map(|batch| batch.finished - batch.started).collect(),
        rss_mb: rss_mb.map_or_else(stats::peak_rss_mb, Ok)?,
        input_rss_mb,
        cpu_busy,
        operators,
        phases,
        written,
    })
}

impl Run {
    /// Input records a second.
    pub(crate) fn records_per_s(&self) -> f64 {
        (self.records as f64 / self.elapsed.as_secs_f64()).round()
    }

    /// Words a second.
    pub(crate) fn words_per_s(&self) -> f64 {
        (self.words as f64 / self.elapsed.as_secs_f64()).round()
    }
}

/// The result line of a peer's runs. What a run counts a second, its `rate`, is also reported for each run, under `rates`.
pub(crate) fn line(
    (workload, peer, cores): (&'static str, Peer, usize),
    runs: &[&Run],
    (rates, rate): (&str, fn(&Run) -> f64),
    more: Map<String, Value>,
) -> Result<Line> {
    let first = runs.first().context("no run")?;
    let median_of = |value: &dyn Fn(&Run) -> f64| stats::median_over(runs, |run| value(run));
    let mut fields = more;
    fields.extend(report::fields([
        ("runs", json!(runs.len())),
        (rates, json!(runs.iter().map(|run| rate(run)).collect::<Vec<_>>())),
        ("input_rss_mb", json!(median_of(&|run| run.input_rss_mb))),
        ("cpu_busy", json!(median_of(&|run| run.cpu_busy))),
        ("operators", json!(first.operators)),
        ("phases_ms", json!(first.phases)),
    ]));
    Ok(Line {
        workload,
        peer,
        cores,
        records: first.records,
        records_per_s: median_of(&Run::records_per_s),
        words_per_s: median_of(&rate),
        batch_ms: Durations::percentiles_of(runs.iter().flat_map(|run| run.batches.iter().copied()))?,
        rss_mb: median_of(&|run| run.rss_mb),
        more: fields,
    })
}

/// How long the batches of a run took.
pub(crate) fn percentiles(run: &Run) -> Result<Percentiles> {
    Durations::percentiles_of(run.batches.iter().copied())
}

/// Print where the time of a peer's run went.
pub(crate) fn print_costs(peer: Peer, run: &Run) {
    for (phase, ms) in &run.phases {
        eprintln!("{peer}: {phase:<28} {ms:>10.2} ms of a batch");
    }
    for OperatorTime { operator, records, ns_per_record } in &run.operators {
        eprintln!("{peer}: {operator:<28} {records:>12} records {ns_per_record:>8.1} ns a record");
    }
}
