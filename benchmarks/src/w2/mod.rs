//! W2: a running count per key that survives the process.
//!
//! The state holds every key before anything is measured. Then batches of updates come one after another, keys drawn evenly; a
//! batch is done when it is committed: in Waterwheel's case written to a checkpoint directory on a disk and synchronised. In the
//! form `map` the record that every update makes is checked, batch by batch; in both forms the whole state is checked in a last batch.

use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::batches::{self, Done};
use crate::child::{self, Interleaved};
use crate::cli::{Peer, Peers};
use crate::directory::{self, Fresh};
use crate::report::{self, Line};
use crate::stats;

mod handwritten;
mod input;
mod waterwheel;

pub(crate) use input::Input;
pub(crate) use waterwheel::{counts, summarise_last};

/// The peers of this workload.
const PEERS: [Peer; 2] = [Peer::Waterwheel, Peer::Handwritten];

/// What is counted.
pub(crate) type Record = (String, u64);

/// How the count is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// `update_state_by_key`: the function sees every key in every batch.
    Update,
    /// `map_with_state`: the function sees every record, and makes one of it.
    Map,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Update => "update",
            Form::Map => "map",
        }
    }

    /// Updates a second of Spark 3.5.7 on two cores (local[2], 4 GB heap), measured once; quoted, not run here.
    fn spark_updates_per_s(self) -> f64 {
        match self {
            Form::Update => 72_000.0,
            Form::Map => 280_000.0,
        }
    }

    /// Median and 99th percentile (here: largest) of Spark's batches, in milliseconds.
    fn spark_batch_ms(self) -> (f64, f64) {
        match self {
            Form::Update => (1_360.0, 2_453.0),
            Form::Map => (182.0, 3_060.0),
        }
    }
}

/// Options of `benchmarks w2`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How the count is kept.
    #[arg(long = "form", value_enum, value_delimiter = ',', default_values = ["update", "map"])]
    forms: Vec<Form>,
    /// Distinct keys, all of which have state before anything is measured.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u32,
    /// Updates in a batch.
    #[arg(long, default_value_t = 100_000)]
    updates_per_batch: usize,
    /// Measured batches.
    #[arg(long, default_value_t = 100)]
    batches: usize,
    /// Batches of updates before the measured ones.
    #[arg(long, default_value_t = 5)]
    warm_up: usize,
    /// Seed of the ids.
    #[arg(long, default_value_t = 2)]
    seed: u64,
    /// Processing threads of a peer.
    #[arg(long, default_value_t = 2)]
    cores: usize,
    /// Where the checkpoint directory is made; a temporary directory on a disk when nothing is said.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Which peers to run.
    #[arg(long, value_enum, default_value_t = Peers::All)]
    peer: Peers,
    /// Runs of each peer; medians are reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Be the process of one peer (used by the program itself).
    #[arg(long, hide = true)]
    child: Option<Peer>,
}

/// What a peer is given.
pub(crate) struct Job {
    /// The batches in order: all keys, warming up, what is measured, and one without records in which the state is summarised.
    pub(crate) batches: Vec<&'static [Record]>,
    /// Those that are measured.
    pub(crate) measured: Range<usize>,
    /// How the count is kept.
    pub(crate) form: Form,
    /// Processing threads.
    pub(crate) cores: usize,
    /// Where it is kept.
    pub(crate) dir: Option<PathBuf>,
}

/// One run of one peer, as the child process reports it.
#[derive(Serialize, Deserialize)]
struct Run {
    batches: batches::Run,
    disk: Option<String>,
    dir_bytes: u64,
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    ensure!(args.keys > 0 && args.updates_per_batch > 0 && args.batches > 0, "nothing to count");
    if let Some(peer) = args.child {
        let form = *args.forms.first().context("no form")?;
        return child::answer(&run_here(args, form, peer)?);
    }
    let peers = args.peer.of(&PEERS);
    for form in &args.forms {
        let all = Interleaved::run(&peers, args.runs, |peer| child::run::<Run>(peer, &args.of_child(*form, peer)));
        let lines = all.results.iter().map(|(peer, runs)| args.line(*form, *peer, runs)).collect::<Result<Vec<_>>>()?;
        lines.iter().try_for_each(Line::print)?;
        args.table(*form, &lines);
        for (peer, runs) in &all.results {
            runs.first().into_iter().for_each(|run| batches::print_costs(*peer, &run.batches));
        }
        all.check()?;
    }
    Ok(())
}

/// Run one peer in this process, and check what it counted.
fn run_here(args: &Args, form: Form, peer: Peer) -> Result<Run> {
    let input = Input::new(args.keys, args.updates_per_batch, args.seed);
    let first = input.preloads() + args.warm_up;
    let last = first + args.batches;
    let mut batches = input.batches(last);
    batches.push(&[]);
    let expected = input.expected(last, form);
    let fresh = (peer == Peer::Waterwheel).then(|| Fresh::new(args.dir.as_deref())).transpose()?;
    let dir = fresh.as_ref().map(|fresh| fresh.path().to_owned());
    let job = Job { batches, measured: first..last, form, cores: args.cores, dir };
    let run = batches::measure(peer, &job.batches, &expected, first..last, || run_peer(peer, &job))?;
    let dir_bytes = job.dir.as_deref().map(directory::size_of).transpose()?.unwrap_or_default();
    Ok(Run { batches: run, disk: fresh.map(|fresh| fresh.disk.clone()), dir_bytes })
}

fn run_peer(peer: Peer, job: &Job) -> Result<Done> {
    Ok(match peer {
        Peer::Waterwheel => waterwheel::run(job)?,
        _ => handwritten::run(job)?.into(),
    })
}

impl Args {
    fn of_child(&self, form: Form, peer: Peer) -> Vec<String> {
        let mut args = vec!["w2".to_owned(), "--child".to_owned(), peer.to_string()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("form", form.name().to_owned());
        option("keys", self.keys.to_string());
        option("updates-per-batch", self.updates_per_batch.to_string());
        option("batches", self.batches.to_string());
        option("warm-up", self.warm_up.to_string());
        option("seed", self.seed.to_string());
        option("cores", self.cores.to_string());
        self.dir.iter().for_each(|dir| option("dir", dir.display().to_string()));
        args
    }

    fn line(&self, form: Form, peer: Peer, runs: &[Run]) -> Result<Line> {
        let median_of = |value: &dyn Fn(&Run) -> f64| stats::median_over(runs, value);
        // Of each run on its own: one run on a slower minute would make a tail of the others.
        let tail = |run: &Run| batches::percentiles(&run.batches).map(|ms| ms.p99 / ms.p50.max(1e-3));
        let tails = runs.iter().map(tail).collect::<Result<Vec<f64>>>()?;
        let bytes_per_key =
            |run: &Run| (run.batches.rss_mb - run.batches.input_rss_mb) * 1_048_576.0 / f64::from(self.keys);
        let more = report::fields([
            ("form", json!(form.name())),
            ("durable", json!(peer == Peer::Waterwheel)),
            ("keys", json!(self.keys)),
            ("updates_per_batch", json!(self.updates_per_batch)),
            ("batches", json!(self.batches)),
            ("warm_up", json!(self.warm_up)),
            ("seed", json!(self.seed)),
            ("x_spark", json!(median_of(&|run| run.batches.records_per_s() / form.spark_updates_per_s()))),
            ("p99_over_p50", json!(stats::median_over(&tails, |tail| *tail))),
            ("p99_over_p50_of_runs", json!(tails)),
            ("bytes_per_key", json!(median_of(&bytes_per_key).round())),
            ("written_per_batch", json!(median_of(&|run| run.batches.written as f64 / self.batches as f64).round())),
            ("dir_mb", json!(median_of(&|run| run.dir_bytes as f64 / 1_048_576.0))),
            ("disk", json!(runs.iter().find_map(|run| run.disk.as_deref()))),
        ]);
        let runs: Vec<&batches::Run> = runs.iter().map(|run| &run.batches).collect();
        let rate = batches::Run::records_per_s;
        batches::line(("w2", peer, self.cores), &runs, ("records_per_s_of_runs", rate), more)
    }

    /// The usual table, and what only this workload measures.
    fn table(&self, form: Form, lines: &[Line]) {
        let Args { cores, runs, batches, keys, .. } = self;
        report::table(&format!("w2: {cores} cores, {keys} keys, {runs} runs of {batches} batches"), lines);
        let (p50, max) = form.spark_batch_ms();
        let spark = form.spark_updates_per_s() / 1e6;
        let name = format!("Spark 3.5.7, {}", form.name());
        eprintln!("{name:<22} {spark:>10.3} {spark:>10.2} {:>13} {p50:>9.2} {:>9} {max:>9.2} (quoted)", "", "");
        for line in lines.iter().filter(|line| line.peer == Peer::Waterwheel) {
            eprintln!(
                "{}: {:.1} x Spark, p99 is {:.2} x p50, {:.0} bytes a key, {:.2} MB written a batch, {:.1} MB at the end, on {}",
                line.label(),
                line.number("x_spark"),
                line.number("p99_over_p50"),
                line.number("bytes_per_key"),
                line.number("written_per_batch") / 1e6,
                line.number("dir_mb"),
                line.more.get("disk").and_then(|disk| disk.as_str()).unwrap_or("nothing"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::Summary;

    #[test]
    fn the_peers_count_what_the_plain_count_counts() {
        let input = Input::new(50, 20, 4);
        let mut batches = input.batches(9);
        batches.push(&[]);
        for (form, cores) in [(Form::Update, 1), (Form::Update, 3), (Form::Map, 1), (Form::Map, 2)] {
            for peer in PEERS {
                let fresh = Fresh::new(None).unwrap();
                let dir = Some(fresh.path().to_owned());
                let job = Job { batches: batches.clone(), measured: 4..9, form, cores, dir };
                let done = run_peer(peer, &job).unwrap().batches;
                let seen: Vec<Summary> = done.iter().map(|batch| batch.summary).collect();
                assert_eq!(seen, input.expected(9, form), "{peer}, {form:?} on {cores} cores");
            }
        }
    }
}
