//! W3: counts per key over a window that slides with every batch.
//!
//! Records are ("k" + id, 1), ids evenly spread. After every batch a peer must have the count of every key over the last
//! `--window` batches, together on as many threads as it has, and summarise them. Batches come one after another; a batch's
//! time runs from its first record to the last summary. Windows are full before anything is measured.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::batches::{self, Done, Run};
use crate::child::{self, Interleaved};
use crate::cli::{Peer, Peers};
use crate::count::{Counts, Summary};
use crate::directory::Fresh;
use crate::report::{self, Line};

mod handwritten;
mod waterwheel;

/// The peers of this workload.
const PEERS: [Peer; 2] = [Peer::Waterwheel, Peer::Handwritten];

/// What is counted.
pub(crate) type Record = (String, u64);

/// Batches that lie in memory; the run goes round over them.
const DISTINCT_BATCHES: usize = 12;

/// Options of `benchmarks w3`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Reduce without an inverse function. With one the window is state, kept in a checkpoint directory.
    #[arg(long)]
    no_inverse: bool,
    /// Batches in a window; several lengths show what a longer window costs. Without an inverse 10,30,100 [default:
    /// 10,30,100,300]
    #[arg(long, value_delimiter = ',')]
    windows: Vec<usize>,
    /// Where the checkpoint directory is made; a temporary directory on a disk when nothing is said.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Distinct keys.
    #[arg(long, default_value_t = 100_000)]
    keys: u32,
    /// Records in a batch.
    #[arg(long, default_value_t = 200_000)]
    records_per_batch: usize,
    /// Measured batches.
    #[arg(long, default_value_t = 60)]
    batches: usize,
    /// Seed of the ids.
    #[arg(long, default_value_t = 3)]
    seed: u64,
    /// Processing threads of a peer.
    #[arg(long, default_value_t = 2)]
    cores: usize,
    /// Which peers to run.
    #[arg(long, value_enum, default_value_t = Peers::All)]
    peer: Peers,
    /// Runs of each peer; medians are reported.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Be the process of one peer (used by the program itself).
    #[arg(long, hide = true)]
    child: Option<Peer>,
}

/// What a peer is given.
pub(crate) struct Job {
    /// The batches in order.
    pub(crate) batches: Vec<&'static [Record]>,
    /// Batches in a window.
    pub(crate) window: usize,
    /// Whether what leaves a window is taken out of it, in place of adding it up anew.
    pub(crate) inverse: bool,
    /// Processing threads.
    pub(crate) cores: usize,
    /// Where the window is kept, with an inverse.
    pub(crate) dir: Option<PathBuf>,
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    ensure!(args.keys > 0 && args.records_per_batch > 0 && args.batches > 0, "nothing to count");
    ensure!(!args.windows.contains(&0), "a window has at least one batch");
    if let Some(peer) = args.child {
        return child::answer(&run_here(args, peer)?);
    }
    let peers = args.peer.of(&PEERS);
    for window in args.windows() {
        let all = Interleaved::run(&peers, args.runs, |peer| child::run::<Run>(peer, &args.of_child(peer, window)));
        let lines =
            all.results.iter().map(|(peer, runs)| args.line(*peer, window, runs)).collect::<Result<Vec<_>>>()?;
        lines.iter().try_for_each(Line::print)?;
        let (cores, runs, batches) = (args.cores, args.runs, args.batches);
        report::table(&format!("w3: {cores} cores, windows of {window} batches, {runs} runs of {batches}"), &lines);
        for (peer, runs) in &all.results {
            runs.first().into_iter().for_each(|run| batches::print_costs(*peer, run));
        }
        all.check()?;
    }
    Ok(())
}

/// Run one peer in this process, and check each of its windows against a plain count.
fn run_here(args: &Args, peer: Peer) -> Result<Run> {
    let window = *args.windows().first().context("no window")?;
    let mut random = StdRng::seed_from_u64(args.seed);
    let mut batch =
        || (0..args.records_per_batch).map(|_| (format!("k{}", random.random_range(0..args.keys)), 1)).collect();
    let distinct: &'static [Vec<Record>] = (0..DISTINCT_BATCHES).map(|_| batch()).collect::<Vec<_>>().leak();
    let batches: Vec<&'static [Record]> =
        distinct.iter().map(Vec::as_slice).cycle().take(window + args.batches).collect();
    let expected = reference(&batches, window);

    let inverse = !args.no_inverse;
    let fresh = (inverse && peer == Peer::Waterwheel).then(|| Fresh::new(args.dir.as_deref())).transpose()?;
    let dir = fresh.as_ref().map(|fresh| fresh.path().to_owned());
    let job = Job { batches, window, inverse, cores: args.cores, dir };
    batches::measure(peer, &job.batches, &expected, window..window + args.batches, || run_peer(peer, &job))
}

/// The counts of each window, by adding what comes and taking away what goes.
fn reference(batches: &[&'static [Record]], window: usize) -> Vec<Summary> {
    let (mut counts, mut held) = (Counts::<String>::default(), VecDeque::new());
    let mut summaries = Vec::new();
    for batch in batches {
        for (key, n) in *batch {
            *counts.entry(key.clone()).or_default() += n;
        }
        held.push_back(*batch);
        if held.len() > window {
            for (key, n) in held.pop_front().unwrap_or_default() {
                if let Some(count) = counts.get_mut(key) {
                    *count -= n;
                }
            }
            counts.retain(|_, count| *count > 0);
        }
        summaries.push(Summary::of(&counts));
    }
    summaries
}

fn run_peer(peer: Peer, job: &Job) -> Result<Done> {
    Ok(match peer {
        Peer::Waterwheel => waterwheel::run(job)?,
        _ => handwritten::run(job)?.into(),
    })
}

impl Args {
    fn windows(&self) -> Vec<usize> {
        match (self.windows.as_slice(), self.no_inverse) {
            ([], true) => vec![10, 30, 100],
            ([], false) => vec![10, 30, 100, 300],
            (given, _) => given.to_vec(),
        }
    }

    fn of_child(&self, peer: Peer, window: usize) -> Vec<String> {
        let mut args = vec!["w3".to_owned(), "--child".to_owned(), peer.to_string()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("windows", window.to_string());
        option("keys", self.keys.to_string());
        option("records-per-batch", self.records_per_batch.to_string());
        option("batches", self.batches.to_string());
        option("seed", self.seed.to_string());
        option("cores", self.cores.to_string());
        self.dir.iter().for_each(|dir| option("dir", dir.display().to_string()));
        args.extend(self.no_inverse.then(|| "--no-inverse".to_owned()));
        args
    }

    fn line(&self, peer: Peer, window: usize, runs: &[Run]) -> Result<Line> {
        let more = report::fields([
            ("inverse", json!(!self.no_inverse)),
            ("form", json!(if self.no_inverse { "no inverse" } else { "inverse" })),
            ("window", json!(window)),
            ("keys", json!(self.keys)),
            ("records_per_batch", json!(self.records_per_batch)),
            ("batches", json!(self.batches)),
            ("seed", json!(self.seed)),
        ]);
        let runs: Vec<&Run> = runs.iter().collect();
        batches::line(("w3", peer, self.cores), &runs, ("records_per_s_of_runs", Run::records_per_s), more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_count_what_the_plain_count_counts() {
        let record = |n: usize| (format!("k{}", n * n % 37), 1);
        let batches: Vec<&'static [Record]> = (0..14)
            .map(|batch| &*(batch * 50..batch * 50 + 20 * (batch % 4)).map(record).collect::<Vec<_>>().leak())
            .collect();
        for (window, cores, inverse) in
            [(1, 1, false), (3, 2, false), (6, 3, false), (20, 2, false), (1, 1, true), (3, 2, true), (20, 3, true)]
        {
            let expected = reference(&batches, window);
            for peer in PEERS {
                let fresh = Fresh::new(None).unwrap();
                let dir = inverse.then(|| fresh.path().to_owned());
                let done =
                    run_peer(peer, &Job { batches: batches.clone(), window, inverse, cores, dir }).unwrap().batches;
                let seen: Vec<Summary> = done.iter().map(|batch| batch.summary).collect();
                assert_eq!(seen, expected, "{peer}, windows of {window} on {cores} cores, inverse: {inverse}");
            }
        }
    }
}
