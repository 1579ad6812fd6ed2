//! The processes of W6: one fills the state and waits to be killed, the others start on what is left.

use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use waterwheel::prelude::*;
use waterwheel::runtime::durable::{OpenRequest, open};

use super::Args;
use crate::count::Summary;
use crate::driven::{self, INTERVAL, Plan, Script, Seen};
use crate::stats;
use crate::w2::{Form, Input, Record, counts, summarise_last};

/// The name of the application, which owns its directory.
const NAME: &str = "w6";

/// A process that has done its part waits this long to be killed, and then ends by itself.
const KILLED_WITHIN: Duration = Duration::from_secs(60);

/// What a process is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Fill the state.
    Fill,
    /// Only open the directory.
    Open,
    /// Start on what is there, and run a batch.
    Restart,
}

impl Part {
    /// The name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Fill => "fill",
            Part::Open => "open",
            Part::Restart => "restart",
        }
    }
}

/// How long the parts of a restart took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Restarted {
    /// Making the input of the first batch and the program.
    pub(super) build: Duration,
    /// Opening the directory and loading the state, in `start`.
    pub(super) start: Duration,
    /// The first batch, until it was committed.
    pub(super) first_batch: Duration,
    /// Peak resident memory after it.
    pub(super) rss_mb: f64,
}

/// Be one of the processes, on a directory in which there were `restarts` before.
pub(super) fn main(args: &Args, part: Part, dir: &Path, restarts: usize) -> Result<()> {
    match part {
        Part::Fill => fill(args, dir),
        Part::Open => only_open(dir, restarts, args),
        Part::Restart => restart(args, dir, restarts),
    }
}

/// Batches that fill the state: every key, then some updates.
fn filling(args: &Args, input: &Input) -> usize {
    input.preloads() + args.updates
}

/// Batches before a restart: each one before it ran two.
fn batches_before(args: &Args, input: &Input, restarts: usize) -> usize {
    filling(args, input) + 2 * restarts
}

fn time_after(batches: usize) -> Result<Time> {
    Ok(Time::ZERO + INTERVAL * u32::try_from(batches)?)
}

fn fill(args: &Args, dir: &Path) -> Result<()> {
    let input = Input::new(args.keys, args.updates_per_batch, args.seed);
    let batches: Vec<_> = (0..filling(args, &input)).map(|batch| input.batch(batch)).collect();
    let clock = ManualClock::new(Time::ZERO);
    let (running, _) = start(args, dir, &batches, &clock)?;
    for batch in 1..=batches.len() {
        driven::next_batch(&running, &clock, batch as u64)?;
    }
    say(&())?;
    wait_to_be_killed()
}

/// Runs one batch of updates and says how long everything took; then checks the whole state in a batch without records.
fn restart(args: &Args, dir: &Path, restarts: usize) -> Result<()> {
    let begun = Instant::now();
    let input = Input::new(args.keys, args.updates_per_batch, args.seed);
    let before = batches_before(args, &input, restarts);
    let update = filling(args, &input) + restarts;
    let clock = ManualClock::new(time_after(before)?);
    let batches = [input.batch(update), &[]];
    let (build, starting) = (begun.elapsed(), Instant::now());
    let (running, seen) = start(args, dir, &batches, &clock)?;
    let (start, first) = (starting.elapsed(), Instant::now());
    driven::next_batch(&running, &clock, 1)?;
    say(&Restarted { build, start, first_batch: first.elapsed(), rss_mb: stats::peak_rss_mb()? })?;

    let recovery = running.recovery().context("nothing was recovered")?;
    ensure!(recovery.pending == 0 && recovery.missed == 0, "the last run had ended its last batch: {recovery:?}");
    driven::next_batch(&running, &clock, 2)?;
    let (state, expected) = (seen.take(), input.expected(update + 1, Form::Update).pop().unwrap_or_default());
    ensure!(state == expected, "the state after a restart is wrong: {state:?}, right is {expected:?}");
    say::<Summary>(&state)?;
    wait_to_be_killed()
}

fn only_open(dir: &Path, restarts: usize, args: &Args) -> Result<()> {
    let input = Input::new(args.keys, args.updates_per_batch, args.seed);
    let now = time_after(batches_before(args, &input, restarts))?;
    let begun = Instant::now();
    let opened = open(OpenRequest { directory: dir, application: NAME, streams: &[], now })?;
    say(&begun.elapsed())?;
    drop(opened);
    wait_to_be_killed()
}

/// Start the program over `batches`. The whole state is read in the last of them.
fn start(
    args: &Args,
    dir: &Path,
    batches: &[&'static [Record]],
    clock: &ManualClock,
) -> Result<(RunningContext, Seen)> {
    let plan = Plan {
        name: NAME,
        cores: args.cores,
        batches,
        measured: 0..batches.len(),
        checkpoint: Some(dir),
        monitored: false,
    };
    let ssc = driven::context(&plan, clock)?;
    let seen = Seen::default();
    let last = clock.now() + INTERVAL * u32::try_from(batches.len())?;
    summarise_last(&counts(&ssc.input_stream(Script::new(batches, args.cores))), last, seen.clone());
    Ok((ssc.start()?, seen))
}

/// A line for the parent.
fn say<T: Serialize>(what: &T) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, what)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// What the parent reads of a line.
pub(super) fn heard<T: DeserializeOwned>(line: &str, part: Part) -> Result<T> {
    serde_json::from_str(line).with_context(|| format!("the process that was to {} said {line:?}", part.name()))
}

fn wait_to_be_killed() -> Result<()> {
    // Everything is left as it is: no destructor runs before the signal comes.
    thread::sleep(KILLED_WITHIN);
    bail!("nobody killed this process")
}
