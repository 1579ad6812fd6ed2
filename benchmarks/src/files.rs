//! `files`: what a batch costs whose directory has many files that were read already.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use waterwheel::prelude::*;

use crate::cli::Peer;
use crate::driven::INTERVAL;
use crate::report::{self, Line};
use crate::stats::{self, Durations};

/// No batch takes this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Batches until all files are read: those of the files, and some in which they come to rest.
const BEFORE: usize = 5;

/// Options of `benchmarks files`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files that are there.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    files: u64,
    /// Batches that are measured.
    #[arg(long, default_value_t = 100)]
    batches: u64,
}

/// Run the workload: in each mode, over a directory at rest and over one into which a file comes before each batch.
pub(crate) fn main(args: &Args) -> Result<()> {
    let modes = [("settled", FileMode::Settled), ("renamed", FileMode::Renamed), ("tail", FileMode::Tail)];
    for (name, mode) in modes {
        for arriving in [0, 1] {
            // A batch over a nearly empty directory costs what batches cost.
            let nothing = run(1, args.batches, mode, arriving)?;
            let batches = run(args.files, args.batches, mode, arriving)?;
            let cost = batches.p50 - nothing.p50;
            let line = Line {
                workload: "files",
                peer: Peer::Waterwheel,
                cores: 1,
                records: args.files + args.batches * arriving,
                records_per_s: 0.0,
                words_per_s: 0.0,
                batch_ms: batches,
                rss_mb: stats::rss_mb()?,
                more: report::fields([
                    ("mode", json!(name)),
                    ("files", json!(args.files)),
                    ("arriving", json!(arriving)),
                    ("ms_of_files", json!(cost)),
                ]),
            };
            line.print()?;
            eprintln!("files: {cost:.2} ms a batch for {} files, {name}, {arriving} new", args.files);
        }
    }
    Ok(())
}

/// How long batches take over a directory of `files` files, into which `arriving` ones come before each.
fn run(files: u64, batches: u64, mode: FileMode, arriving: u64) -> Result<stats::Percentiles> {
    let home = tempfile::tempdir()?;
    for number in 0..files {
        fs::write(home.path().join(format!("file-{number:05}.csv")), format!("line {number}\n"))?;
    }
    let clock = ManualClock::new(Time::ZERO);
    let config = Config::local("files").with_handle_signals(false);
    let ssc = StreamingContext::with_clock(config, INTERVAL, Arc::new(clock.clone()))?;
    let options = FileOptions::default().mode(mode).new_files_only(false).max_files(10_000);
    let (counts, counted) = channel();
    let lines = ssc.text_file_stream_with(home.path(), options);
    lines.foreach_rdd(move |rdd| {
        // Nobody counts any more when the program is stopped.
        let _ = counts.send(rdd.count()?);
        Ok::<(), JobError>(())
    });
    let running = ssc.start()?;
    let turn = || -> Result<u64> {
        clock.advance(INTERVAL);
        counted.recv_timeout(PATIENCE).context("a batch is not done")
    };
    let mut read = 0;
    for _ in 0..BEFORE {
        read += turn()?;
    }
    ensure!(read == files, "{read} lines of {files} were read");
    let mut durations = Durations::new()?;
    for batch in 0..batches {
        for number in 0..arriving {
            arrive(home.path(), &format!("new-{batch}-{number}.csv"))?;
        }
        let began = Instant::now();
        read += turn()?;
        durations.record(began.elapsed());
    }
    running.stop(Stop::Immediate)?;
    ensure!(read <= files + batches * arriving, "{read} lines were read, more than there are");
    Ok(durations.percentiles())
}

/// A file is renamed in.
fn arrive(home: &Path, name: &str) -> Result<()> {
    let unfinished = home.join(format!(".{name}"));
    fs::write(&unfinished, "one line\n")?;
    fs::rename(unfinished, home.join(name))?;
    Ok(())
}
