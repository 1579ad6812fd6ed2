//! W1: word count over text in memory, batch by batch.
//!
//! Every peer reads the same lines (`String`s in memory) and must, for each batch on its own, split each line into
//! *owned* words, count them, bring all counts of a word together on one thread and summarise the final counts. One
//! batch is done before the next begins; a batch's time runs from the first line to the last summary.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use compact_str::CompactString;
use serde::Serialize;
use serde_json::json;

use crate::batches::{self, Done, Run};
use crate::child::{self, Interleaved};
use crate::cli::{Peer, Peers, Records, with_monitored};
use crate::count::{Summary, Word};
use crate::report::{self, Line};
use crate::text;

mod handwritten;
mod renoir;
mod timely;
mod waterwheel;

/// The peers of this workload.
const PEERS: [Peer; 4] = [Peer::Waterwheel, Peer::Handwritten, Peer::Renoir, Peer::Timely];

/// Options of `benchmarks w1`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Text file to count; without it the deterministic text is used.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Lines held in memory; batches go round over them.
    #[arg(long, default_value_t = 1_000_000)]
    lines: usize,
    /// Seed of the deterministic text.
    #[arg(long, default_value_t = text::DEFAULT_SEED)]
    seed: u64,
    /// Lines in a batch.
    #[arg(long, default_value_t = 100_000)]
    lines_per_batch: usize,
    /// Measured batches.
    #[arg(long, default_value_t = 30)]
    batches: usize,
    /// Batches before the measured ones.
    #[arg(long, default_value_t = 5)]
    warm_up: usize,
    /// Processing threads of a peer.
    #[arg(long, default_value_t = 2)]
    cores: usize,
    /// What a word is held in.
    #[arg(long, value_enum, default_value_t = Records::String)]
    records: Records,
    /// How renoir counts.
    #[arg(long, value_enum, default_value_t = RenoirForm::Fold)]
    renoir_form: RenoirForm,
    /// Which peers to run.
    #[arg(long, value_enum, default_value_t = Peers::All)]
    peer: Peers,
    /// Runs of each peer; medians are reported.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Run Waterwheel also with its monitor and a page that follows it, turn and turn about.
    #[arg(long)]
    monitored: bool,
    /// Be the process of one peer (used by the program itself).
    #[arg(long, hide = true)]
    child: Option<Peer>,
}

/// The ways to count words on renoir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RenoirForm {
    /// An associative fold into a table: the faster one on two cores, but one thread merges the tables.
    Fold,
    /// Its keyed aggregation, with a shuffle by hash.
    Group,
}

/// What a peer is given: the batches to count, one after another, and the threads to do it with.
///
/// The lines live as long as the process, because some engines only take closures without borrows.
pub(crate) struct Job {
    /// The batches in order, those for warming up first.
    pub(crate) batches: Vec<&'static [String]>,
    /// Processing threads.
    pub(crate) cores: usize,
    /// How renoir counts.
    pub(crate) renoir_form: RenoirForm,
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    ensure!(args.batches > 0 && args.lines_per_batch > 0 && args.lines > 0, "nothing to count");
    if let Some(peer) = args.child {
        return child::answer(&run_here(args, peer)?);
    }
    let peers = with_monitored(args.peer.of(&PEERS), args.monitored);
    let all = Interleaved::run(&peers, args.runs, |peer| child::run::<Run>(peer, &args.of_child(peer)));
    let lines = all.results.iter().map(|(peer, runs)| args.line(*peer, runs)).collect::<Result<Vec<_>>>()?;
    lines.iter().try_for_each(Line::print)?;
    let title =
        format!("w1: {} cores, {} records, {} runs of {} batches", args.cores, args.records, args.runs, args.batches);
    report::table(&title, &lines);
    for (peer, runs) in &all.results {
        runs.first().into_iter().for_each(|run| batches::print_costs(*peer, run));
    }
    all.check()
}

/// Run one peer in this process, and check each of its batches against a plain count.
fn run_here(args: &Args, peer: Peer) -> Result<Run> {
    let lines: &'static [String] = text::load(args.file.as_deref(), args.seed, args.lines)?.leak();
    let distinct_batches: Vec<&'static [String]> = lines.chunks(args.lines_per_batch).collect();
    let distinct_expected: Vec<Summary> = distinct_batches.iter().map(|batch| Summary::reference(batch)).collect();
    let all = args.warm_up + args.batches;
    let expected: Vec<Summary> = distinct_expected.into_iter().cycle().take(all).collect();
    let batches = distinct_batches.into_iter().cycle().take(all).collect();

    let job = Job { batches, cores: args.cores, renoir_form: args.renoir_form };
    batches::measure(peer, &job.batches, &expected, args.warm_up..all, || match args.records {
        Records::String => run_peer::<String>(peer, &job),
        Records::Compact => run_peer::<CompactString>(peer, &job),
    })
}

fn run_peer<W: Word>(peer: Peer, job: &Job) -> Result<Done> {
    Ok(match peer {
        Peer::Waterwheel | Peer::Monitored => waterwheel::run::<W>(job, peer == Peer::Monitored)?,
        Peer::Handwritten => handwritten::run::<W>(job)?.into(),
        Peer::Renoir => renoir::run::<W>(job)?.into(),
        Peer::Timely => timely::run::<W>(job)?.into(),
    })
}

impl Args {
    fn of_child(&self, peer: Peer) -> Vec<String> {
        let mut args = vec!["w1".to_owned(), "--child".to_owned(), peer.to_string()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        if let Some(file) = &self.file {
            option("file", file.display().to_string());
        }
        option("lines", self.lines.to_string());
        option("seed", self.seed.to_string());
        option("lines-per-batch", self.lines_per_batch.to_string());
        option("batches", self.batches.to_string());
        option("warm-up", self.warm_up.to_string());
        option("cores", self.cores.to_string());
        option("records", self.records.to_string());
        option("renoir-form", if self.renoir_form == RenoirForm::Fold { "fold" } else { "group" }.to_owned());
        args
    }

    fn line(&self, peer: Peer, runs: &[Run]) -> Result<Line> {
        let distinct = runs.first().context("no run")?.distinct;
        let more = report::fields([
            ("batches", json!(self.batches)),
            ("warm_up", json!(self.warm_up)),
            ("lines_per_batch", json!(self.lines_per_batch)),
            ("distinct_words", json!(distinct)),
            ("record_type", json!(self.records)),
            ("form", json!((peer == Peer::Renoir).then_some(self.renoir_form))),
            ("seed", if self.file.is_some() { json!(null) } else { json!(self.seed) }),
            ("file", json!(self.file)),
        ]);
        let runs: Vec<&Run> = runs.iter().collect();
        batches::line(("w1", peer, self.cores), &runs, ("words_per_s_of_runs", Run::words_per_s), more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_count_what_the_plain_count_counts() {
        let lines: &'static [String] = text::Text::new(3).lines(2_500).leak();
        for (cores, renoir_form) in [(1, RenoirForm::Fold), (2, RenoirForm::Group), (3, RenoirForm::Fold)] {
            let job = Job { batches: lines.chunks(1_000).collect(), cores, renoir_form };
            let expected: Vec<Summary> = job.batches.iter().map(|batch| Summary::reference(batch)).collect();
            for peer in PEERS {
                let done = [run_peer::<String>(peer, &job).unwrap(), run_peer::<CompactString>(peer, &job).unwrap()];
                for batches in done {
                    let seen: Vec<Summary> = batches.batches.iter().map(|batch| batch.summary).collect();
                    assert_eq!(seen, expected, "{peer} with {cores} cores");
                    assert!(batches.batches.iter().all(|batch| batch.started <= batch.finished));
                }
            }
        }
    }
}
