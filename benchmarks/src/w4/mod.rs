//! W4: lines over TCP to word counts, end to end, with the sender on the same machine.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use compact_str::CompactString;
use serde_json::json;

use crate::child::{self, Interleaved};
use crate::cli::{Peer, Peers, Records};
use crate::count::Word;
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

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    if let Some(peer) = args.child {
        return child::answer(&args.run_here(peer)?);
    }
    let peers = args.peer.of(&PEERS);
    let all = Interleaved::run(&peers, args.runs, |peer| child::run::<Run>(peer, &args.of_child(peer)));
    let lines = all.results.iter().map(|(peer, runs)| args.line(*peer, runs)).collect::<Result<Vec<_>>>()?;
    lines.iter().try_for_each(Line::print)?;
    report::table(&format!("w4: TCP lines to counts, {:?} batches, {} records", args.interval, args.records), &lines);
    all.check()
}

fn run_peer<W: Word>(peer: Peer, plan: &Plan, sender: Sender) -> Result<Outcome> {
    match peer {
        Peer::Waterwheel => waterwheel::run::<W>(plan, sender),
        _ => tcp::handwritten::run::<W>(plan, sender, None),
    }
}

impl Args {
    fn run_here(&self, peer: Peer) -> Result<Run> {
        let plan = Plan { interval: self.interval, cores: self.cores, receive_only: self.receive_only };
        tcp::measure(peer, &self.sending, |sender| match self.records {
            Records::String => run_peer::<String>(peer, &plan, sender),
            Records::Compact => run_peer::<CompactString>(peer, &plan, sender),
        })
    }

    fn of_child(&self, peer: Peer) -> Vec<String> {
        let mut args = vec!["w4".to_owned(), "--child".to_owned(), peer.to_string()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("interval", self.interval.as_secs_f64().to_string());
        option("cores", self.cores.to_string());
        option("records", self.records.to_string());
        option("rate", self.sending.rate.to_string());
        option("seconds", self.sending.time.as_secs_f64().to_string());
        option("seed", self.sending.seed.to_string());
        args.extend(self.receive_only.then(|| "--receive-only".to_owned()));
        args.extend(self.sending.stamped.then(|| "--stamped".to_owned()));
        args
    }

    fn line(&self, peer: Peer, runs: &[Run]) -> Result<Line> {
        let first = runs.first().context("no run")?;
        let per_s = |count: u64, run: &Run| (count as f64 / run.outcome.elapsed.as_secs_f64().max(1e-9)).round();
        let median_of = |value: &dyn Fn(&Run) -> f64| stats::median_over(runs, value);
        let batches = || runs.iter().flat_map(|run| run.outcome.batches.iter());
        let verdicts =
            runs.iter().map(|run| stability::judge(&run.outcome.batches, self.interval)).collect::<Result<Vec<_>>>()?;
        let delay = |batch: &BatchTiming| batch.scheduling_delay;
        Ok(Line {
            workload: "w4",
            peer,
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
