//! `overload`: a receiver that is offered more than its context can compute: a backlog that is there at the start, or a producer
//! that goes on being faster. What is looked at is not speed but whether anything grows: memory, delays, what is not accounted for.
//! The program fails when that is the case.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::json;

use crate::child;
use crate::cli::Peer;
use crate::report::{self, Line};
use crate::stats::{self, Durations};
use crate::tcp::send;
use context::Run;

mod context;
mod producer;

/// Options of `benchmarks overload`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to do with what is too much; all of them, and a backlog, one after another, if not given.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Batch interval.
    #[arg(long, default_value = "1s", value_parser = send::seconds)]
    interval: Duration,
    /// How long the producer goes on.
    #[arg(long, default_value = "60s", value_parser = send::seconds)]
    seconds: Duration,
    /// How long a record takes to compute, in nanoseconds of one core.
    #[arg(long, default_value_t = 10_000)]
    cost: u64,
    /// How many times faster the producer is than the cores.
    #[arg(long, default_value_t = 10)]
    factor: u64,
    /// Records that are there at the start, for `backlog`.
    #[arg(long, default_value_t = 10_000_000)]
    backlog: u64,
    /// Nanoseconds that a record of the backlog takes.
    #[arg(long, default_value_t = 1000)]
    backlog_cost: u64,
    /// Processing threads.
    #[arg(long, default_value_t = 2)]
    cores: usize,
    /// Let the allocator keep what is freed and take huge pages, as it does by itself. Without this, resident memory tells what the
    /// program holds: nothing that was freed, and no two megabytes for a byte.
    #[arg(long)]
    allocator_defaults: bool,
    /// Be the process of one run (used by the program itself).
    #[arg(long, hide = true)]
    child: bool,
}

/// What happens to a record that is too much, or the other load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The producer waits.
    Block,
    /// It goes to files.
    Spill,
    /// It is dropped.
    Shed,
    /// The producer waits, and has everything at the start.
    Backlog,
}

impl Mode {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    if args.child {
        let mode = args.mode.context("a child needs its mode")?;
        return child::answer(&context::run(&args.load(mode))?);
    }
    let all = args.mode.map_or_else(|| Mode::value_variants().to_vec(), |mode| vec![mode]);
    let mut missed = Vec::new();
    for mode in all {
        let environment: &[_] = if args.allocator_defaults { &[] } else { &FRUGAL };
        let run = child::run_in::<Run>(environment, mode.name(), &args.of_child(mode))?;
        args.line(mode, &run)?.print()?;
        eprintln!("{:>8}: {}", mode.name(), run.in_words(args.interval));
        missed
            .extend(run.missed(mode, args.interval, args.seconds).iter().map(|bar| format!("{}: {bar}", mode.name())));
    }
    ensure!(missed.is_empty(), "not as it should be:\n{}", missed.join("\n"));
    Ok(())
}

/// The longest that the first batch of a backlog may take, in intervals.
const FIRST_BATCH: f64 = 2.0;

/// The longest that a batch may wait, in intervals: three may wait, and one that is slower than it should be is computed meanwhile.
const DELAY: f64 = 5.0;

/// The highest resident memory by the lowest, once the start is over, and the shortest run of which that says anything.
const SPREAD: f64 = 1.2;
const LONG: Duration = Duration::from_secs(60);

/// Has the allocator give back at once what is freed, in pages of the usual size.
const FRUGAL: [(&str, &str); 2] = [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_PURGE_DELAY", "0")];

/// What a run is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    mode: Mode,
    interval: Duration,
    /// How long records come; until they are all there if there is no time.
    time: Option<Duration>,
    cost: Duration,
    /// Records per second that the producer has; `None` is as many as it can.
    rate: Option<u64>,
    /// Records in all.
    records: u64,
    cores: usize,
}

impl Args {
    fn load(&self, mode: Mode) -> Load {
        let Args { interval, cores, .. } = *self;
        if mode == Mode::Backlog {
            let cost = Duration::from_nanos(self.backlog_cost);
            return Load { mode, interval, time: None, cost, rate: None, records: self.backlog, cores };
        }
        let capacity = 1_000_000_000 / self.cost.max(1) * cores as u64;
        let rate = Some(capacity * self.factor);
        let cost = Duration::from_nanos(self.cost);
        Load { mode, interval, time: Some(self.seconds), cost, rate, records: u64::MAX, cores }
    }

    fn of_child(&self, mode: Mode) -> Vec<String> {
        let mut args = vec!["overload".to_owned(), "--child".to_owned()];
        let mut option = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        option("mode", mode.name());
        option("interval", self.interval.as_secs_f64().to_string());
        option("seconds", self.seconds.as_secs_f64().to_string());
        option("cost", self.cost.to_string());
        option("factor", self.factor.to_string());
        option("backlog", self.backlog.to_string());
        option("backlog-cost", self.backlog_cost.to_string());
        option("cores", self.cores.to_string());
        args
    }

    fn line(&self, mode: Mode, run: &Run) -> Result<Line> {
        let [received, committed, pending, spilled, shed] = run.counts;
        Ok(Line {
            workload: "overload",
            peer: Peer::Waterwheel,
            cores: self.cores,
            records: received,
            records_per_s: (run.processed as f64 / run.elapsed.as_secs_f64().max(1e-9)).round(),
            words_per_s: 0.0,
            batch_ms: Durations::percentiles_of(run.batches.iter().map(|batch| batch.processing))?,
            rss_mb: run.peak_rss_mb,
            more: report::fields([
                ("form", json!(mode.name())),
                ("interval_ms", json!(self.interval.as_secs_f64() * 1e3)),
                ("cost_ns", json!(if mode == Mode::Backlog { self.backlog_cost } else { self.cost })),
                ("factor", json!(self.factor)),
                ("batches", json!(run.batches.len())),
                ("first_batch_ms", json!(run.first_batch().as_secs_f64() * 1e3)),
                ("first_batches", json!(run.batches.iter().take(8).map(|batch| batch.records).collect::<Vec<_>>())),
                (
                    "scheduling_delay_ms",
                    json!(Durations::percentiles_of(run.batches.iter().map(|batch| batch.scheduling_delay))?),
                ),
                ("allocator_defaults", json!(self.allocator_defaults)),
                ("rss_settled_mb", json!(run.settled_rss())),
                ("rss_spread", json!(run.rss_spread())),
                ("rss_every_5_s", json!(run.rss_mb.iter().step_by(20).collect::<Vec<_>>())),
                ("balanced", json!(run.balanced)),
                ("received", json!(received)),
                ("committed", json!(committed)),
                ("pending", json!(pending)),
                ("spilled", json!(spilled)),
                ("shed", json!(shed)),
                ("drain_ms", json!(run.drain.as_secs_f64() * 1e3)),
            ]),
        })
    }
}

impl Run {
    /// How long the first batch with records took.
    fn first_batch(&self) -> Duration {
        self.batches.iter().find(|batch| batch.records > 0).map_or(Duration::ZERO, |batch| batch.processing)
    }

    /// Resident memory once the start is over: of the last two thirds of the time.
    fn settled(&self) -> &[f64] {
        self.rss_mb.get(self.rss_mb.len() / 3..).unwrap_or_default()
    }

    fn settled_rss(&self) -> f64 {
        stats::median(self.settled())
    }

    /// The highest resident memory by the lowest, once the start is over.
    fn rss_spread(&self) -> f64 {
        let (low, high) =
            self.settled().iter().fold((f64::MAX, 0.0), |(low, high): (f64, f64), now| (low.min(*now), high.max(*now)));
        if low > 0.0 && low < f64::MAX { (high / low * 1e3).round() / 1e3 } else { 1.0 }
    }

    /// The bars that it has not reached.
    fn missed(&self, mode: Mode, interval: Duration, time: Duration) -> Vec<String> {
        let delay = self.batches.iter().map(|batch| batch.scheduling_delay).max().unwrap_or_default();
        let (first, delay) = (self.first_batch().div_duration_f64(interval), delay.div_duration_f64(interval));
        let spread = self.rss_spread();
        let mut missed = Vec::new();
        if !self.balanced {
            missed.push("records are not accounted for at every commit".to_owned());
        }
        if delay > DELAY {
            missed.push(format!("a batch waited {delay:.2} intervals, more than {DELAY}"));
        }
        match mode {
            Mode::Backlog if first > FIRST_BATCH => {
                missed.push(format!("the first batch took {first:.2} intervals, more than {FIRST_BATCH}"));
            }
            Mode::Block | Mode::Spill | Mode::Shed if time >= LONG && spread > SPREAD => {
                missed.push(format!("memory varies by a factor of {spread:.2}, more than {SPREAD}"));
            }
            _ => {}
        }
        missed
    }

    fn in_words(&self, interval: Duration) -> String {
        let [received, committed, pending, spilled, shed] = self.counts;
        let delay = self.batches.iter().map(|batch| batch.scheduling_delay).max().unwrap_or_default();
        format!(
            "first batch {:.2} of the interval, delay at most {:.2} intervals, memory {:.0} MB (highest by lowest {:.2}), \
             {received} received = {committed} committed + {pending} pending + {spilled} spilled + {shed} shed: {}",
            self.first_batch().as_secs_f64() / interval.as_secs_f64(),
            delay.as_secs_f64() / interval.as_secs_f64(),
            self.settled_rss(),
            self.rss_spread(),
            if self.balanced { "at every commit" } else { "NOT at every commit" },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stability::BatchTiming;

    const SECOND: Duration = Duration::from_secs(1);

    fn run(first: Duration, delay: Duration, rss_mb: [f64; 6]) -> Run {
        let batch = BatchTiming { records: 10, scheduling_delay: delay, processing: first };
        Run { batches: vec![batch], rss_mb: rss_mb.to_vec(), balanced: true, ..Run::default() }
    }

    #[test]
    fn a_run_fails_by_each_of_the_bars_and_by_the_memory_only_if_it_is_long() {
        let flat = [1.0, 1.0, 100.0, 119.0, 110.0, 100.0];
        let good = run(SECOND * 2, SECOND * 5, flat);
        let missed = |run: &Run, mode, time| run.missed(mode, SECOND, time).len();
        for mode in Mode::value_variants() {
            assert_eq!(missed(&good, *mode, LONG), 0, "{mode:?}");
        }
        assert_eq!(missed(&run(SECOND * 3, SECOND * 6, flat), Mode::Backlog, LONG), 2);
        let grows = run(SECOND, SECOND, [1.0, 1.0, 100.0, 110.0, 120.0, 130.0]);
        assert_eq!([LONG, SECOND].map(|time| missed(&grows, Mode::Spill, time)), [1, 0]);
        assert_eq!(missed(&Run { balanced: false, ..good }, Mode::Shed, LONG), 1);
    }
}
