//! Kills a program many times and says whether it lost or doubled anything.

use anyhow::{Context, bail};
use clap::Parser;
use std::collections::BTreeMap;
use std::path::Path;
use waterwheel::runtime::failpoint::FAIL_POINTS;
use waterwheel_chaos::death::{Death, deaths};
use waterwheel_chaos::subject::pipeline::Home;
use waterwheel_chaos::trial::{Died, RATE, Trial, scratch};

/// Kills a streaming program again and again while it works, restarts it, and compares all its outputs and its state with what
/// it was fed.
#[derive(Parser)]
struct Cli {
    /// How often to kill it with `kill -9`.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Kills of one checkpoint directory, before its outputs are compared and another takes its place.
    #[arg(long, default_value_t = 12)]
    per_trial: usize,
    /// What the deaths are drawn from; a random one by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Records sent to it in a second.
    #[arg(long, default_value_t = RATE)]
    rate: u64,
    /// Only this trial of the seed.
    #[arg(long)]
    trial: Option<usize>,
    /// Fail unless a program died at every fail point.
    #[arg(long)]
    all_points: bool,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(rand::random);
    let program = std::env::current_exe()?.with_file_name("chaos_subject");
    if !program.is_file() {
        bail!("{} is not there; build it with `cargo build -p waterwheel-chaos`", program.display());
    }
    let all = deaths(seed, cli.kills);
    println!("seed {seed}: {} deaths, {} of them by kill -9", all.len(), cli.kills);
    let mut total = Total::default();
    for (number, deaths) in all.chunks(cli.per_trial.max(1)).enumerate() {
        if cli.trial.is_none_or(|only| only == number) {
            let replay = format!(
                "cargo run -p waterwheel-chaos --bin chaos -- --seed {seed} --kills {} --per-trial {} --rate {} --trial {number}",
                cli.kills, cli.per_trial, cli.rate
            );
            total.run(number, &program, deaths, cli.rate).with_context(|| format!("again with: {replay}"))?;
        }
    }
    total.tell(cli.all_points)
}

#[derive(Default)]
struct Total {
    kills: usize,
    records: u64,
    hits: BTreeMap<&'static str, u64>,
    /// How often a program died, or lived through a panic, where it was ordered to.
    deaths: BTreeMap<String, u64>,
}

impl Total {
    fn run(&mut self, number: usize, program: &Path, deaths: &[Death], rate: u64) -> anyhow::Result<()> {
        let dir = scratch()?;
        let trial = Trial {
            program: program.to_owned(),
            home: Home::new(dir.path()),
            deaths: deaths.to_vec(),
            rate,
            skipping: Trial::has_to_skip(deaths),
        };
        let outcome = trial.run().map_err(anyhow::Error::from).and_then(|report| {
            println!("trial {number}: {} records, {}", report.findings.records, report.findings);
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
        for (death, died) in trial.deaths().zip(&report.died) {
            if let (Death::At(order), Died::AsOrdered | Died::OfFault | Died::Survived) = (death, died) {
                *self.deaths.entry(order.point).or_default() += 1;
            }
        }
        self.records += report.findings.records;
        for (point, hits) in report.hits {
            *self.hits.entry(point).or_default() += hits;
        }
        Ok(())
    }

    fn tell(self, all_points: bool) -> anyhow::Result<()> {
        println!("    passed     deaths");
        let mut never = Vec::new();
        for point in FAIL_POINTS {
            let hits = self.hits.get(point.name).copied().unwrap_or(0);
            let deaths = self.deaths.get(point.name).copied().unwrap_or(0);
            println!("{hits:>10} {deaths:>10} {}", point.name);
            if deaths == 0 {
                never.push(point.name);
            }
        }
        println!("{} kills, {} records: 0 lost, 0 counted twice", self.kills, self.records);
        if all_points && !never.is_empty() {
            bail!("no program died at {}", never.join(", "));
        }
        Ok(())
    }
}
