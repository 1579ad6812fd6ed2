//! Kills a program many times and says whether it lost or doubled anything.

use anyhow::{Context, bail};
use clap::Parser;
use std::collections::BTreeMap;
use std::path::Path;
use waterwheel::runtime::failpoint::FAIL_POINTS;
use waterwheel_chaos::death::{Death, deaths};
use waterwheel_chaos::files;
use waterwheel_chaos::source::Source;
use waterwheel_chaos::subject::pipeline::Home;
use waterwheel_chaos::trial::{Died, RATE, Trial, scratch};

/// Kills a streaming program again and again while it works, restarts it, and compares all its outputs and its state with what
/// it was fed.
#[derive(Parser)]
struct Cli {
    /// How often to kill it with `kill -9`.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// How it receives its records.
    #[arg(long, value_enum, default_value_t)]
    source: Source,
    /// Kills of one checkpoint directory, before its outputs are compared and another takes its place.
    #[arg(long, default_value_t = 12)]
    per_trial: usize,
    /// What the deaths are drawn from; a random one by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Records sent to it in a second; files are written as fast as they may.
    #[arg(long, default_value_t = RATE)]
    rate: u64,
    /// Only this trial of the seed.
    #[arg(long)]
    trial: Option<usize>,
    /// Fail when no program died at a fail point, although three were to. So many orders are given with 200 kills. Not of files, whose
    /// trials do not count that.
    #[arg(long)]
    all_points: bool,
}

/// Not every order is met: a run may never pass its point often enough.
const ENOUGH: u64 = 3;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(rand::random);
    let name = if cli.source == Source::Files { "chaos_files_subject" } else { "chaos_subject" };
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.is_file() {
        bail!("{} is not there; build it with `cargo build -p waterwheel-chaos`", program.display());
    }
    let all = match cli.source {
        Source::Files => files::trial::Trial::deaths(seed, cli.kills),
        _ => deaths(seed, cli.kills),
    };
    println!("source {}, seed {seed}: {} deaths, {} of them by kill -9", cli.source, all.len(), cli.kills);
    let mut total = Total::default();
    for (number, deaths) in all.chunks(cli.per_trial.max(1)).enumerate() {
        if cli.trial.is_none_or(|only| only == number) {
            let replay = format!(
                "cargo run -p waterwheel-chaos --bin chaos -- --source {} --seed {seed} --kills {} --per-trial {} --rate {} --trial {number}",
                cli.source, cli.kills, cli.per_trial, cli.rate
            );
            let seed = seed.wrapping_add(number as u64);
            let outcome = match cli.source {
                Source::Files => total.run_files(number, &program, deaths, seed),
                source => total.run(number, &program, deaths, Load { source, seed, rate: cli.rate }),
            };
            outcome.with_context(|| format!("again with: {replay}"))?;
        }
    }
    match cli.source {
        Source::Files => println!("{} kills, {} lines: 0 lost, 0 counted twice", total.kills, total.records),
        _ => total.tell(cli.all_points)?,
    }
    Ok(())
}

/// What a program is fed.
struct Load {
    source: Source,
    seed: u64,
    rate: u64,
}

#[derive(Default)]
struct Total {
    kills: usize,
    panics: usize,
    records: u64,
    hits: BTreeMap<&'static str, u64>,
    /// How often a program was to die at each fail point.
    orders: BTreeMap<String, u64>,
    /// How often it did, or lived through a panic there.
    deaths: BTreeMap<String, u64>,
}

impl Total {
    fn run(&mut self, number: usize, program: &Path, deaths: &[Death], load: Load) -> anyhow::Result<()> {
        let dir = scratch()?;
        let trial = Trial {
            program: program.to_owned(),
            home: Home::new(dir.path()),
            source: load.source,
            seed: load.seed,
            deaths: deaths.to_vec(),
            rate: load.rate,
            skipping: Trial::has_to_skip(deaths),
        };
        let outcome = trial.run().map_err(anyhow::Error::from).and_then(|report| {
            let (findings, panics) = (&report.findings, report.panics);
            println!("trial {number}: {} records, {findings}, {panics} panics of actors", findings.records);
            for (death, died) in trial.deaths().zip(&report.died) {
                println!("  {death}: {died}");
            }
            if report.findings.is_clean() { Ok(report) } else { bail!("the outputs do not follow from what was fed") }
        });
        let report = match outcome {
            Ok(report) => report,
            Err(error) => {
                let kept = dir.keep();
                return Err(error.context(format!("trial {number}; everything it wrote is in {}", kept.display())));
            }
        };
        let kills =
            trial.deaths().zip(&report.died).filter(|(death, died)| death.is_kill() && **died != Died::NotReached);
        self.kills += kills.count();
        self.panics += report.panics;
        for (death, died) in trial.deaths().zip(&report.died) {
            let Death::At(order) = death else { continue };
            *self.orders.entry(order.point.clone()).or_default() += 1;
            if let Died::AsOrdered | Died::OfFault | Died::Survived = died {
                *self.deaths.entry(order.point).or_default() += 1;
            }
        }
        self.records += report.findings.records;
        for (point, hits) in report.hits {
            *self.hits.entry(point).or_default() += hits;
        }
        Ok(())
    }

    fn run_files(&mut self, number: usize, program: &Path, deaths: &[Death], seed: u64) -> anyhow::Result<()> {
        let dir = scratch()?;
        let home = files::subject::Home::new(dir.path());
        let trial = files::trial::Trial { program: program.to_owned(), home, deaths: deaths.to_vec(), seed };
        let outcome = trial.run().and_then(|report| {
            println!("trial {number}: {:?}, {} deaths as ordered", report.written, report.as_ordered);
            if report.wrong.is_empty() { Ok(report) } else { bail!("{}", report.wrong.join("\n")) }
        });
        match outcome {
            Ok(report) => {
                self.kills += deaths.iter().filter(|death| death.is_kill()).count();
                self.records += report.written.lines;
                Ok(())
            }
            Err(error) => {
                let kept = dir.keep();
                Err(error.context(format!("trial {number}; everything it wrote is in {}", kept.display())))
            }
        }
    }

    fn tell(self, all_points: bool) -> anyhow::Result<()> {
        println!("    passed     deaths");
        let mut never = Vec::new();
        for point in FAIL_POINTS {
            let hits = self.hits.get(point.name).copied().unwrap_or(0);
            let deaths = self.deaths.get(point.name).copied().unwrap_or(0);
            println!("{hits:>10} {deaths:>10} {}", point.name);
            if deaths == 0 && self.orders.get(point.name).is_some_and(|orders| *orders >= ENOUGH) {
                never.push(point.name);
            }
        }
        let Total { kills, panics, records, .. } = &self;
        println!("{kills} kills, {panics} panics of actors, {records} records: 0 lost, 0 counted twice");
        if all_points && !never.is_empty() {
            bail!("no program died at {}", never.join(", "));
        }
        Ok(())
    }
}
