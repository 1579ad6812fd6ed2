//! `page`: how quickly the monitor answers what its page asks for, and what it holds, when as many batches are retained as the
//! configuration says and new ones go on coming. The program fails when an answer takes too long, or memory is not bounded.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use waterwheel::prelude::*;

use crate::child;
use crate::cli::Peer;
use crate::driven::{self, INTERVAL};
use crate::report::{self, Line};
use crate::stats::{self, Durations, Percentiles};
use crate::watched;

/// The longest that an answer for the page may take.
const ANSWER: Duration = Duration::from_millis(200);

/// How much more memory may be resident after three times the retained batches than when there were just as many: what the
/// allocator holds varies by itself.
const GROWTH: f64 = 1.1;

/// How long the monitor may take to be told what has happened.
const TOLD: Duration = Duration::from_secs(60);

/// Options of `benchmarks page`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Batches that the monitor retains.
    #[arg(long, default_value_t = 10_000)]
    retained: usize,
    /// How often each question is asked; a batch is run before each.
    #[arg(long, default_value_t = 50)]
    questions: usize,
    /// Be the process of one run (used by the program itself).
    #[arg(long, hide = true)]
    child: bool,
}

/// One run.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    answers: Vec<Answer>,
    /// Resident memory with one batch, with as many as are retained, and after three times as many.
    rss_mb: [f64; 3],
    batch_ms: Percentiles,
}

/// How a question was answered.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    path: String,
    /// Whether the page asks for it by itself.
    of_page: bool,
    bytes: usize,
    ms: Percentiles,
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.retained > 0 && args.questions > 0, "--retained and --questions must be at least 1");
    if args.child {
        return child::answer(&run(args)?);
    }
    let of_child: Vec<String> =
        ["page", "--child", "--retained", &args.retained.to_string(), "--questions", &args.questions.to_string()]
            .map(str::to_owned)
            .to_vec();
    let run = child::run::<Run>("page", &of_child)?;
    args.line(&run).print()?;
    for Answer { path, bytes, ms, .. } in &run.answers {
        eprintln!("{path:>60}: {:>7.2} ms median, {:>7.2} ms at most, {bytes} bytes", ms.p50, ms.max);
    }
    let [first, full, later] = run.rss_mb;
    eprintln!(
        "memory: {first:.1} MB with one batch, {full:.1} MB with {}, {later:.1} MB after three times as many",
        args.retained
    );
    let missed = run.missed();
    ensure!(missed.is_empty(), "not as it should be:\n{}", missed.join("\n"));
    Ok(())
}

impl Args {
    fn line(&self, run: &Run) -> Line {
        let [first, full, later] = run.rss_mb;
        Line {
            workload: "page",
            peer: Peer::Monitored,
            cores: 2,
            records: 0,
            records_per_s: 0.0,
            words_per_s: 0.0,
            batch_ms: run.batch_ms,
            rss_mb: later,
            more: report::fields([
                ("retained", json!(self.retained)),
                ("answers", json!(run.answers)),
                ("rss_first_mb", json!(first)),
                ("rss_full_mb", json!(full)),
                ("bytes_per_batch", json!(((full - first) * 1e6 / self.retained as f64).round())),
            ]),
        }
    }
}

impl Run {
    /// The bars that it has not reached.
    fn missed(&self) -> Vec<String> {
        let slow = |answer: &&Answer| answer.of_page && answer.ms.max > ANSWER.as_secs_f64() * 1e3;
        let slow = self.answers.iter().filter(slow);
        let mut missed: Vec<String> =
            slow.map(|answer| format!("{} took {:.0} ms, more than {ANSWER:?}", answer.path, answer.ms.max)).collect();
        let [_, full, later] = self.rss_mb;
        if later > full * GROWTH {
            missed.push(format!("memory went on from {full:.1} to {later:.1} MB when no more batches were retained"));
        }
        missed
    }
}

fn run(args: &Args) -> Result<Run> {
    let mut config = Config::local("page").with_cores(2).with_handle_signals(false);
    watched::configure(&mut config)?;
    config.ui.retained_batches = args.retained;
    let clock = ManualClock::new(Time::ZERO);
    let ssc = StreamingContext::with_clock(config, INTERVAL, Arc::new(clock.clone()))?;
    // Two inputs, a shuffle and two outputs: a batch of which there is something to tell.
    let words = ssc.constant_stream(ssc.engine().parallelize(["drop", "drip", "drop"].map(str::to_owned), 2));
    let more = ssc.constant_stream(ssc.engine().parallelize(["drip".to_owned()], 1));
    words
        .union(&more)
        .map(|word| (word, 1u64))
        .reduce_by_key(|a, b| a + b)
        .foreach_rdd(|counts| counts.count().map(drop));
    words.foreach_rdd(|words| words.count().map(drop));
    let program = Program { running: ssc.start_monitored()?, clock };
    let address = program.running.address().context("the page is off")?;
    let mut batch_ms = Durations::new()?;
    let mut batches = 0;
    let mut run_until = |until: usize| {
        while batches < until {
            let started = Instant::now();
            batches += 1;
            driven::next_batch(&program.running, &program.clock, batches as u64)?;
            batch_ms.record(started.elapsed());
        }
        program.wait_told(address, until)?;
        stats::rss_mb()
    };
    let first = run_until(1)?;
    let full = run_until(args.retained)?;
    let later = run_until(3 * args.retained)?;
    let mut batches = 3 * args.retained;
    let mut next = || {
        batches += 1;
        driven::next_batch(&program.running, &program.clock, batches as u64)?;
        program.wait_told(address, batches)
    };
    let answers = questions(&application(address)?, args.retained)
        .into_iter()
        .map(|(path, of_page)| {
            let mut ms = Durations::new()?;
            let mut bytes = 0;
            for _ in 0..args.questions {
                next()?;
                let started = Instant::now();
                bytes = get(address, &path)?.len();
                ms.record(started.elapsed());
            }
            Ok(Answer { path, of_page, bytes, ms: ms.percentiles() })
        })
        .collect::<Result<Vec<_>>>()?;
    program.running.stop(Stop::Immediate)?;
    Ok(Run { answers, rss_mb: [first, full, later], batch_ms: batch_ms.percentiles() })
}

struct Program {
    running: Monitored,
    clock: ManualClock,
}

impl Program {
    /// Waits until the monitor has been told of so many batches.
    fn wait_told(&self, address: SocketAddr, batches: usize) -> Result<()> {
        let started = Instant::now();
        loop {
            let metrics = get(address, "/metrics")?;
            let told = metrics.lines().find_map(|line| line.strip_prefix(COMPLETED)?.split_whitespace().last());
            if told.and_then(|told| told.parse::<f64>().ok()).is_some_and(|told| told >= batches as f64) {
                return Ok(());
            }
            ensure!(
                started.elapsed() < TOLD,
                "the monitor was told of {told:?} batches within {TOLD:?}, not of {batches}"
            );
            // Nothing tells a client of the metrics that they have changed, and asking without a pause would slow what is measured.
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
}

/// Between two looks at the metrics.
const BETWEEN_LOOKS: Duration = Duration::from_micros(500);

/// The completed batches in the metrics.
const COMPLETED: &str = "waterwheel_completed_batches_total";

/// What the page asks for, and what else costs much.
fn questions(application: &str, retained: usize) -> Vec<(String, bool)> {
    let of_page = ["/overview", "/timelines?limit=1000", "/batches?status=COMPLETED&limit=20&offset=0"];
    let last = format!("/batches?status=COMPLETED&limit=20&offset={}", retained.saturating_sub(20));
    let others = ["/statistics", "/receivers", "/operators", "/timelines", "/batches"];
    let streaming = |path: &str| format!("{application}/streaming{path}");
    ["/", "/assets/index.js"]
        .map(str::to_owned)
        .into_iter()
        .chain(of_page.into_iter().map(streaming))
        .chain([streaming(&last)])
        .map(|path| (path, true))
        .chain(others.into_iter().map(|path| (streaming(path), false)))
        .chain([("/metrics".to_owned(), false)])
        .collect()
}

/// The path of the only application.
fn application(address: SocketAddr) -> Result<String> {
    let applications: Value = serde_json::from_str(&get(address, "/api/v1/applications")?)?;
    let id = applications[0]["id"].as_str().context("there is no application")?;
    Ok(format!("/api/v1/applications/{id}"))
}

fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut text = String::new();
    watched::ask(address, path)?.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_answered_and_a_run_fails_by_each_of_its_bars() {
        let mut run = run(&Args { retained: 20, questions: 1, child: false }).unwrap();
        assert!(run.answers.iter().all(|answer| answer.bytes > 100), "{run:?}");
        run.rss_mb = [1.0, 10.0, 11.0];
        run.answers.iter_mut().for_each(|answer| answer.ms.max = 200.0);
        assert_eq!(run.missed(), Vec::<String>::new());
        run.rss_mb = [1.0, 10.0, 11.1];
        run.answers[0].ms.max = 200.1;
        assert_eq!(run.missed().len(), 2);
    }
}
