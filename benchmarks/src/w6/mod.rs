//! W6: killed with a million keys of state, and started again: how long until the first batch is done?
//!
//! A process fills a running count, runs some batches of updates and is killed with SIGKILL. Then processes are started on its
//! directory one after another, and each is killed once it has run a batch of updates and the whole state has been checked. The
//! clock is turned by hand: the first batch is due as soon as the context runs. Files are in the page cache, as after any crash of
//! a process (not of the machine).

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::cli::Peer;
use crate::count::Summary;
use crate::directory::{self, Fresh};
use crate::report::{self, Line};
use crate::stats::{self, Durations};

mod child;

use child::{Part, Restarted, heard};

/// Seconds of Spark 3.5.7 in the same conditions, measured once; quoted, not run here.
const SPARK_SECONDS: f64 = 12.3;

/// Options of `benchmarks w6`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Distinct keys, all of which have state.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u32,
    /// Updates in a batch.
    #[arg(long, default_value_t = 100_000)]
    updates_per_batch: usize,
    /// Batches of updates before the kill.
    #[arg(long, default_value_t = 20)]
    updates: usize,
    /// Restarts; the median is reported.
    #[arg(long, default_value_t = 5)]
    restarts: usize,
    /// Seed of the ids.
    #[arg(long, default_value_t = 2)]
    seed: u64,
    /// Processing threads.
    #[arg(long, default_value_t = 2)]
    cores: usize,
    /// Where the checkpoint directory is made; a temporary directory on a disk when nothing is said.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Be one of the processes, on the directory `--dir` (used by the program itself).
    #[arg(long, hide = true, value_enum, requires = "dir")]
    part: Option<Part>,
}

/// One restart as the parent sees it.
struct Seen {
    /// From the start of the process to the report of its first batch.
    total: Duration,
    /// What the process says of it.
    parts: Restarted,
    /// Only opening a copy of the directory, in another process.
    open: Duration,
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    ensure!(args.cores > 0, "--cores must be at least 1");
    ensure!(args.keys > 0 && args.updates_per_batch > 0, "nothing to do");
    if let (Some(part), Some(dir)) = (args.part, &args.dir) {
        return child::main(args, part, dir, args.restarts);
    }
    ensure!(args.restarts > 0, "--restarts must be at least 1");
    let fresh = Fresh::new(args.dir.as_deref())?;
    let filling = Instant::now();
    Process::start(args, Part::Fill, fresh.path(), 0)?.line()?;
    let filling = filling.elapsed();
    let mut restarts = Vec::new();
    for before in 0..args.restarts {
        restarts.push(args.restart(&fresh, before)?);
    }
    let line = args.line(&restarts, filling, &fresh)?;
    line.print()?;
    args.table(&line, &restarts);
    Ok(())
}

/// One of the processes. Dropping it kills it, with SIGKILL.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    part: Part,
}

impl Process {
    fn start(args: &Args, part: Part, dir: &Path, restarts: usize) -> Result<Process> {
        let mut command = Command::new(std::env::current_exe().context("cannot find this program's own file")?);
        command.args(["w6", "--part", part.name(), "--restarts", &restarts.to_string(), "--dir"]).arg(dir);
        command.args(["--keys", &args.keys.to_string(), "--updates-per-batch", &args.updates_per_batch.to_string()]);
        command.args(["--updates", &args.updates.to_string(), "--seed", &args.seed.to_string()]);
        command.args(["--cores", &args.cores.to_string()]);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("cannot start the process that is to {}", part.name()))?;
        let stdout = child.stdout.take().context("the process has no output")?;
        Ok(Process { child, lines: BufReader::new(stdout).lines(), part })
    }

    /// The next line that it says.
    fn line(&mut self) -> Result<String> {
        self.lines
            .next()
            .with_context(|| format!("the process that was to {} ended", self.part.name()))?
            .map_err(Into::into)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended by itself has said why.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copy the files below `from` into `to`, which is made.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

impl Args {
    fn restart(&self, fresh: &Fresh, before: usize) -> Result<Seen> {
        // Opening changes the directory: another one is opened.
        let other = Fresh::new(fresh.path().parent())?;
        let other = other.path().join("copy");
        copy(fresh.path(), &other)?;
        let open: Duration = heard(&Process::start(self, Part::Open, &other, before)?.line()?, Part::Open)?;
        let started = Instant::now();
        let mut process = Process::start(self, Part::Restart, fresh.path(), before)?;
        let line = process.line()?;
        let total = started.elapsed();
        let parts: Restarted = heard(&line, Part::Restart)?;
        let state: Summary = heard(&process.line()?, Part::Restart)?;
        ensure!(state.distinct == u64::from(self.keys), "{} keys of {} are there", state.distinct, self.keys);
        Ok(Seen { total, parts, open })
    }

    fn line(&self, restarts: &[Seen], filling: Duration, fresh: &Fresh) -> Result<Line> {
        let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let median_of = |value: &dyn Fn(&Seen) -> Duration| stats::median_over(restarts, |seen| ms(value(seen)));
        let total = median_of(&|seen| seen.total);
        let inside = |seen: &Seen| seen.parts.build + seen.parts.start + seen.parts.first_batch;
        let records = u64::from(self.keys);
        let per_s = (records as f64 / filling.as_secs_f64()).round();
        Ok(Line {
            workload: "w6",
            peer: Peer::Waterwheel,
            cores: self.cores,
            records,
            records_per_s: per_s,
            words_per_s: per_s,
            batch_ms: Durations::percentiles_of(restarts.iter().map(|seen| seen.parts.first_batch))?,
            rss_mb: stats::median_over(restarts, |seen| seen.parts.rss_mb),
            more: report::fields([
                ("keys", json!(self.keys)),
                ("updates_per_batch", json!(self.updates_per_batch)),
                ("batches_of_updates", json!(self.updates)),
                ("seed", json!(self.seed)),
                ("restarts", json!(self.restarts)),
                ("restart_ms", json!(total)),
                ("restart_ms_of_runs", json!(restarts.iter().map(|seen| ms(seen.total)).collect::<Vec<_>>())),
                ("x_spark", json!((SPARK_SECONDS * 1e3 / total * 10.0).round() / 10.0)),
                ("process_ms", json!(median_of(&|seen| seen.total.saturating_sub(inside(seen))))),
                ("build_ms", json!(median_of(&|seen| seen.parts.build))),
                ("open_ms", json!(median_of(&|seen| seen.open))),
                ("load_ms", json!(median_of(&|seen| seen.parts.start.saturating_sub(seen.open)))),
                ("first_batch_ms", json!(median_of(&|seen| seen.parts.first_batch))),
                ("dir_mb", json!((directory::size_of(fresh.path())? as f64 / 1_048_576.0 * 10.0).round() / 10.0)),
                ("disk", json!(fresh.disk)),
            ]),
        })
    }

    fn table(&self, line: &Line, restarts: &[Seen]) {
        let total = line.number("restart_ms");
        let Args { cores, keys, restarts: runs, .. } = self;
        eprintln!("\nw6: {cores} cores, {keys} keys, killed and started {runs} times, on {}", fresh_disk(line));
        for (part, name) in [
            ("process", "process_ms"),
            ("input and program", "build_ms"),
            ("open the directory", "open_ms"),
            ("load the state", "load_ms"),
            ("first batch", "first_batch_ms"),
        ] {
            eprintln!("{part:<22} {:>10.1} ms", line.number(name));
        }
        let slowest = restarts.iter().map(|seen| seen.total).max().unwrap_or_default().as_secs_f64();
        eprintln!(
            "{:<22} {total:>10.1} ms (median; slowest {:.1}), {:.1} x faster than Spark 3.5.7 ({SPARK_SECONDS} s, quoted)",
            "start to first batch",
            slowest * 1e3,
            line.number("x_spark"),
        );
        eprintln!("peak memory {:.0} MB, directory {:.1} MB", line.rss_mb, line.number("dir_mb"));
    }
}

fn fresh_disk(line: &Line) -> &str {
    line.more.get("disk").and_then(|disk| disk.as_str()).unwrap_or("an unknown disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_every_file() {
        let (from, to) = (Fresh::new(None).unwrap(), Fresh::new(None).unwrap());
        fs::create_dir(from.path().join("below")).unwrap();
        fs::write(from.path().join("below/file"), "twelve bytes").unwrap();
        copy(from.path(), &to.path().join("copy")).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("copy/below/file")).unwrap(), "twelve bytes");
    }
}
