//! W4: lines over TCP to word counts, end to end, with the sender on the same machine.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use compact_str::CompactString;
use serde_json::json;

use crate::child::{self, Interleaved};
use crate::cli::{Peer, Peers, Records};
use crate::count::Word;
use crate::directory::Fresh;
use crate::report::{self, Line};
use crate::stability::{self, BatchTiming};
use crate::stats::{self, Durations};
use crate::tcp::send::{self, Sender};
use crate::tcp::{self, Outcome, Plan, Run};

mod waterwheel;

/// The peers of this workload.
const PEERS: [Peer; 2] = [Peer::Waterwheel, Peer::Handwritten];

/// Options of `benchmarks w4`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Batch interval.
    #[arg(long, default_value = "1s", value_parser = send::seconds)]
    interval: Duration,
    /// Processing threads of a peer.
    #[arg(long, default_value_t = 2)]
    cores: usize,
    /// What a word is held in.
    #[arg(long, value_enum, default_value_t = Records::String)]
    records: Records,
    /// Receive lines as records without counting their words.
    #[arg(long)]
    receive_only: bool,
    /// Also keep received blocks in a checkpoint directory, and compare: with it and without, interleaved.
    #[arg(long)]
    block_log: bool,
    /// Also let in what comes however long batches take, and compare: with rates and without, interleaved.
    #[arg(long)]
    unrated: bool,
    /// Where the checkpoint directory is made; a temporary directory on a disk when nothing is said.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Which peers to run.
    #[arg(long, value_enum, default_value_t = Peers::All)]
    peer: Peers,
    /// Runs of each peer; medians are reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    #[command(flatten)]
    sending: send::Options,
    /// Be the process of one peer (used by the program itself).
    #[arg(long, hide = true)]
    child: Option<Peer>,
}

/// What runs: a peer, with its block log or without, held to rates or not.
#[derive(Clone, Copy, PartialEq)]
struct Variant {
    peer: Peer,
    block_log: bool,
    unrated: bool,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = self.form().map(|form| format!(", {form}")).unwrap_or_default();
        write!(f, "{}{form}", self.peer)
    }
}

impl Variant {
    fn form(self) -> Option<&'static str> {
        match self {
            Variant { block_log: true, unrated: true, .. } => Some("block log, unrated"),
            Variant { block_log: true, .. } => Some("block log"),
            Variant { unrated: true, .. } => Some("unrated"),
            _ => None,
        }
    }
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    if let Some(peer) = args.child {
        return child::answer(&args.run_here(Variant { peer, block_log: args.block_log, unrated: args.unrated })?);
    }
    let plain = args.peer.of(&PEERS).into_iter().map(|peer| Variant { peer, block_log: false, unrated: false });
    let mut variants: Vec<Variant> = plain.collect();
    if args.block_log && variants.iter().any(|variant| variant.peer == Peer::Waterwheel) {
        variants.push(Variant { peer: Peer::Waterwheel, block_log: true, unrated: false });
    }
    if args.unrated {
        let rated: Vec<Variant> = variants.iter().copied().filter(|variant| variant.peer == Peer::Waterwheel).collect();
        variants.extend(rated.into_iter().map(|variant| Variant { unrated: true, ..variant }));
    }
    let all = Interleaved::run(&variants, args.runs, |variant| child::run::<Run>(variant, &args.of_child(variant)));
    let lines = all.results.iter().map(|(variant, runs)| args.line(*variant, runs)).collect::<Result<Vec<_>>>()?;
    lines.iter().try_for_each(Line::print)?;
    report::table(&format!("w4: TCP lines to counts, {:?} batches, {} records", args.interval, args.records), &lines);
    let runs_of = |block_log, unrated| {
        let waterwheel = Variant { peer: Peer::Waterwheel, block_log, unrated };
        all.results.iter().find(|(variant, _)| *variant == waterwheel).map(|(_, runs)| runs.as_slice())
    };
    let plain = runs_of(false, false);
    if let (Some(without), Some(with)) = (plain, runs_of(true, false)) {
        compare("with the block log", with, "without", without);
    }
    if let (Some(rated), Some(unrated)) = (plain, runs_of(false, true)) {
        compare("held to rates", rated, "not held to any", unrated);
        compare_settled("held to rates", rated, "not held to any", unrated);
    }
    if let (Some(rated), Some(unrated)) = (runs_of(true, false), runs_of(true, true)) {
        compare("held to rates, with the block log", rated, "not held to any", unrated);
        compare_settled("held to rates, with the block log", rated, "not held to any", unrated);
    }
    all.check()
}

/// Tells the ratio of two forms, from the start to the last line. Neighbours in time are compared with each other: the machine drifts.
fn compare(one: &str, runs: &[Run], other: &str, others: &[Run]) {
    compare_by(one, runs, other, others, Run::lines_per_s);
}

/// The same of their later batches alone.
fn compare_settled(one: &str, runs: &[Run], other: &str, others: &[Run]) {
    compare_by(&format!("{one}, once started"), runs, other, others, |run| settled_lines(&run.outcome.batches));
}

fn compare_by(one: &str, runs: &[Run], other: &str, others: &[Run], throughput: impl Fn(&Run) -> f64) {
    let ratios: Vec<f64> = runs.iter().zip(others).map(|(run, other)| throughput(run) / throughput(other)).collect();
    let ratio = stats::median_over(&ratios, |ratio| *ratio);
    let each: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    eprintln!("{one}: {ratio:.2} of the throughput {other} (runs: {})", each.join(", "));
}

/// Lines of a batch once the start is over: the mean of the later half of the batches between the first and the last that have
/// lines. Batches without lines between them count: large and empty ones take turns where memory is full.
fn settled_lines(batches: &[BatchTiming]) -> f64 {
    let has_lines = |batch: &BatchTiming| batch.records > 0;
    let end = batches.iter().rposition(has_lines).map_or(0, |last| last + 1);
    let begin = batches.iter().position(has_lines).unwrap_or(end);
    let later = &batches[begin + (end - begin) / 2..end];
    later.iter().map(|batch| batch.records as f64).sum::<f64>() / later.len().max(1) as f64
}

fn run_peer<W: Word>(peer: Peer, plan: &Plan, sender: Sender) -> Result<Outcome> {
    match peer {
        Peer::Waterwheel => waterwheel::run::<W>(plan, sender),
        _ => tcp::handwritten::run::<W>(plan, sender, None),
    }
}

impl Args {
    fn run_here(&self, Variant { peer, block_log, unrated }: Variant) -> Result<Run> {
        let fresh = block_log.then(|| Fresh::new(self.dir.as_deref())).transpose()?;
        let checkpoint = fresh.as_ref().map(|fresh| fresh.path().to_owned());
        let Args { interval, cores, receive_only, .. } = *self;
        let plan = Plan { interval, cores, receive_only, checkpoint, unrated, monitored: false };
        tcp::measure(peer, &self.sending, |sender| match self.records {
            Records::String => run_peer::<String>(peer, &plan, sender),
            Records::Compact => run_peer::<CompactString>(peer, &plan, sender),
        })
    }

    fn of_child(&self, Variant { peer, block_log, unrated }: Variant) -> Vec<String> {
        let mut args = vec!["w4".to_owned(), "--child".to_owned(), peer.to_string()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("interval", self.interval.as_secs_f64().to_string());
        option("cores", self.cores.to_string());
        option("records", self.records.to_string());
        option("rate", self.sending.rate.to_string());
        option("seconds", self.sending.time.as_secs_f64().to_string());
        option("seed", self.sending.seed.to_string());
        self.dir.iter().for_each(|dir| option("dir", dir.display().to_string()));
        args.extend(block_log.then(|| "--block-log".to_owned()));
        args.extend(unrated.then(|| "--unrated".to_owned()));
        args.extend(self.receive_only.then(|| "--receive-only".to_owned()));
        args.extend(self.sending.stamped.then(|| "--stamped".to_owned()));
        args
    }

    fn line(&self, variant: Variant, runs: &[Run]) -> Result<Line> {
        let first = runs.first().context("no run")?;
        let per_s = |count: u64, run: &Run| (count as f64 / run.outcome.elapsed.as_secs_f64().max(1e-9)).round();
        let median_of = |value: &dyn Fn(&Run) -> f64| stats::median_over(runs, value);
        let batches = || runs.iter().flat_map(|run| run.outcome.batches.iter());
        let verdicts =
            runs.iter().map(|run| stability::judge(&run.outcome.batches, self.interval)).collect::<Result<Vec<_>>>()?;
        let delay = |batch: &BatchTiming| batch.scheduling_delay;
        Ok(Line {
            workload: "w4",
            peer: variant.peer,
            cores: self.cores,
            records: first.outcome.lines,
            records_per_s: median_of(&|run| per_s(run.outcome.lines, run)),
            words_per_s: median_of(&|run| per_s(run.outcome.words, run)),
            batch_ms: Durations::percentiles_of(batches().map(|batch| batch.processing))?,
            rss_mb: median_of(&|run| run.rss_mb),
            more: report::fields([
                ("interval_ms", json!(self.interval.as_secs_f64() * 1e3)),
                ("seconds", json!(self.sending.time.as_secs_f64())),
                ("rate", json!(self.sending.rate)),
                ("record_type", json!(self.records)),
                ("receive_only", json!(self.receive_only)),
                ("form", json!(variant.form())),
                (
                    "settled_per_s",
                    json!(median_of(&|run| {
                        (settled_lines(&run.outcome.batches) / self.interval.as_secs_f64()).round()
                    })),
                ),
                ("written_per_s", json!(median_of(&|run| per_s(run.written, run)))),
                ("seed", json!(self.sending.seed)),
                ("runs", json!(runs.len())),
                ("batches", json!(first.outcome.batches.len())),
                ("stable", json!(verdicts.iter().all(|verdict| verdict.stable))),
                ("scheduling_delay_ms", json!(Durations::percentiles_of(batches().map(delay))?)),
                ("sent_of_second", json!(first.outcome.sent.lines_of_second)),
                ("cpu_busy", json!(median_of(&|run| run.cpu_busy))),
            ]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_told_by_the_later_half_of_the_batches_that_have_lines() {
        let batch = |records| BatchTiming { records, scheduling_delay: Duration::ZERO, processing: Duration::ZERO };
        let batches: Vec<BatchTiming> = [0, 1, 10, 100, 1000, 1200, 0, 1100, 0].map(batch).to_vec();
        assert_eq!(settled_lines(&batches), 825.0);
        assert_eq!(settled_lines(&[]), 0.0);
    }
}
