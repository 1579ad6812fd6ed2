//! W5: the smallest stable batch interval, and end-to-end latency at each interval.
//!
//! A light, steady load; each interval runs in a process of its own, longest first. One result line per interval.
//! Words include the stamp that each line begins with.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::child::{self, Interleaved};
use crate::cli::{Peer, Peers, with_monitored};
use crate::latency::LatencyRecorder;
use crate::report::{self, Line};
use crate::stability;
use crate::stats::{self, Durations, Percentiles};
use crate::tcp::send::{self, Sender};
use crate::tcp::{self, Outcome, Plan};
use crate::text;

mod waterwheel;

/// The peers of this workload.
const PEERS: [Peer; 2] = [Peer::Waterwheel, Peer::Handwritten];

/// Options of `benchmarks w5`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Batch intervals to try, with commas between them.
    #[arg(long, value_delimiter = ',', default_value = "100ms,50ms,20ms,10ms,5ms,2ms,1ms", value_parser = send::seconds)]
    interval: Vec<Duration>,
    /// How long to send at each interval.
    #[arg(long, default_value = "5", value_parser = send::seconds)]
    seconds: Duration,
    /// The first part of each run, left out of the latencies.
    #[arg(long, default_value = "1", value_parser = send::seconds)]
    warm_up: Duration,
    /// Lines a second. Not a round number by default: each line should meet another phase of its batch.
    #[arg(long, default_value_t = 997, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Processing threads of a peer.
    #[arg(long, default_value_t = 2)]
    cores: usize,
    /// Seed of the text.
    #[arg(long, default_value_t = text::DEFAULT_SEED)]
    seed: u64,
    /// Which peers to run.
    #[arg(long, value_enum, default_value_t = Peers::All)]
    peer: Peers,
    /// Runs of each peer at each interval.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Run Waterwheel also with its monitor and a page that follows it, turn and turn about.
    #[arg(long)]
    monitored: bool,
    /// Be the process of one peer (used by the program itself).
    #[arg(long, hide = true)]
    child: Option<Peer>,
}

/// One run at one interval, as the child process reports it.
#[derive(Serialize, Deserialize)]
struct Run {
    run: tcp::Run,
    recorded: u64,
    latency_ms: Percentiles,
}

/// A result line with what the closing table needs of it.
struct Tried {
    line: Line,
    interval: Duration,
    stable: bool,
    latency_ms: Percentiles,
    delay_ms: Percentiles,
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    ensure!(args.warm_up < args.seconds, "--warm-up must be shorter than --seconds");
    if let Some(peer) = args.child {
        return child::answer(&args.run_here(peer)?);
    }
    let peers = with_monitored(args.peer.of(&PEERS), args.monitored);
    let mut intervals = args.interval.clone();
    intervals.sort_unstable_by(|a, b| b.cmp(a));
    let (mut tried, mut failures) = (Vec::new(), Vec::new());
    for interval in intervals {
        let all = Interleaved::run(&peers, args.runs, |peer| child::run::<Run>(peer, &args.of_child(peer, interval)));
        for (peer, runs) in &all.results {
            let one = args.line(*peer, interval, runs)?;
            one.line.print()?;
            tried.push(one);
        }
        failures.extend(all.check().err());
    }
    table(&peers, &tried);
    failures.into_iter().next().map_or(Ok(()), Err)
}

fn table(peers: &[Peer], tried: &[Tried]) {
    eprintln!("\nw5: latency of lines in ms, from the time they were due to the result");
    eprintln!(
        "{:<12} {:>10} {:>7} {:>9} {:>9} {:>9} {:>12} {:>12}",
        "peer", "interval", "stable", "p50", "p99", "max", "delay p50", "delay p99"
    );
    for peer in peers {
        for one in tried.iter().filter(|one| one.line.peer == *peer) {
            let (latency, delay) = (one.latency_ms, one.delay_ms);
            eprintln!(
                "{:<12} {:>10} {:>7} {:>9.2} {:>9.2} {:>9.2} {:>12.3} {:>12.3}",
                peer,
                format!("{:?}", one.interval),
                if one.stable { "yes" } else { "no" },
                latency.p50,
                latency.p99,
                latency.max,
                delay.p50,
                delay.p99
            );
        }
        let mine = tried.iter().filter(|one| one.line.peer == *peer);
        // Longest first: the smallest stable interval is the last before the first unstable one.
        if let Some(smallest) = mine.take_while(|one| one.stable).last() {
            eprintln!("{peer:<12} smallest stable interval {:?}", smallest.interval);
        }
    }
}

fn run_peer(peer: Peer, plan: &Plan, sender: Sender, latency: &LatencyRecorder) -> Result<Outcome> {
    match peer {
        Peer::Waterwheel | Peer::Monitored => waterwheel::run(plan, sender, latency),
        _ => tcp::handwritten::run::<String>(plan, sender, Some(latency)),
    }
}

impl Args {
    fn run_here(&self, peer: Peer) -> Result<Run> {
        let interval = *self.interval.first().context("no interval")?;
        let monitored = peer == Peer::Monitored;
        let plan =
            Plan { interval, cores: self.cores, receive_only: false, checkpoint: None, unrated: false, monitored };
        let sending = send::Options { rate: self.rate, time: self.seconds, seed: self.seed, stamped: true };
        let latency = LatencyRecorder::new(self.warm_up)?;
        let run = tcp::measure(peer, &sending, |sender| run_peer(peer, &plan, sender, &latency))?;
        let (recorded, latency_ms) = latency.result();
        ensure!(recorded > 0, "{peer} recorded no latency");
        Ok(Run { run, recorded, latency_ms })
    }

    fn of_child(&self, peer: Peer, interval: Duration) -> Vec<String> {
        let mut args = vec!["w5".to_owned(), "--child".to_owned(), peer.to_string()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("interval", interval.as_secs_f64().to_string());
        option("seconds", self.seconds.as_secs_f64().to_string());
        option("warm-up", self.warm_up.as_secs_f64().to_string());
        option("rate", self.rate.to_string());
        option("cores", self.cores.to_string());
        option("seed", self.seed.to_string());
        args
    }

    /// The result of one interval: of several runs, the one with the median p99 latency; stable if all were.
    fn line(&self, peer: Peer, interval: Duration, runs: &[Run]) -> Result<Tried> {
        let mut order: Vec<&Run> = runs.iter().collect();
        order.sort_by(|a, b| a.latency_ms.p99.total_cmp(&b.latency_ms.p99));
        let typical = order.get(order.len() / 2).context("no run")?;
        let verdicts =
            runs.iter().map(|run| stability::judge(&run.run.outcome.batches, interval)).collect::<Result<Vec<_>>>()?;
        let stable = verdicts.iter().all(|verdict| verdict.stable);
        let outcome = &typical.run.outcome;
        let delay_ms = Durations::percentiles_of(outcome.batches.iter().map(|batch| batch.scheduling_delay))?;
        let per_s = |count: u64| (count as f64 / outcome.elapsed.as_secs_f64().max(1e-9)).round();
        let line = Line {
            workload: "w5",
            peer,
            cores: self.cores,
            records: outcome.lines,
            records_per_s: per_s(outcome.lines),
            words_per_s: per_s(outcome.words),
            batch_ms: Durations::percentiles_of(outcome.batches.iter().map(|batch| batch.processing))?,
            rss_mb: stats::median_over(runs, |run| run.run.rss_mb),
            more: report::fields([
                ("interval_ms", json!(interval.as_secs_f64() * 1e3)),
                ("seconds", json!(self.seconds.as_secs_f64())),
                ("rate", json!(self.rate)),
                ("seed", json!(self.seed)),
                ("runs", json!(runs.len())),
                ("batches", json!(outcome.batches.len())),
                ("stable", json!(stable)),
                ("scheduling_delay_ms", json!(delay_ms)),
                ("latency_ms", json!(typical.latency_ms)),
                ("latencies", json!(typical.recorded)),
                ("sender_worst_lateness_ms", json!(outcome.sent.worst_lateness.as_secs_f64() * 1e3)),
                ("cpu_busy", json!(typical.run.cpu_busy)),
            ]),
        };
        Ok(Tried { line, interval, stable, latency_ms: typical.latency_ms, delay_ms })
    }
}
