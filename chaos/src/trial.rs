//! One directory: some deaths under load, a clean end, an audit.

use crate::application::{Application, Process};
use crate::audit::{Findings, Outputs, audit};
use crate::death::Death;
use crate::feeders::Feeders;
use crate::source::Source;
use crate::subject::lines::ON_PURPOSE;
use crate::subject::pipeline::Home;
use crate::wait::wait_for;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tempfile::TempDir;
use thiserror::Error;
use waterwheel::runtime::failpoint::{Action, Order};

/// Records of the feeder in a second, where nobody says another number. Eight thousand take no longer on two cores, without
/// optimisation.
pub const RATE: u64 = 5_000;
/// How long a run may take to come to its death; a point that it does not pass in that time is left, and the run killed.
const TO_DEATH: Duration = Duration::from_secs(3);
/// How long anything else may take. Nothing takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is passed once in every batch that is done.
const BATCH_DONE: &str = "scheduler.after_commit";
/// Batches that a run has to finish after a panic that it survived.
const GOES_ON: u64 = 3;

/// The most partitions of a run.
const PARTITIONS: usize = 4;
/// The most batches that become durable together.
const CADENCE: usize = 3;

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// Some deaths of one program.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The program under test.
    pub program: PathBuf,
    /// Where all of it lies. Empty.
    pub home: Home,
    /// How it receives. Not files: they have a trial of their own.
    pub source: Source,
    /// What the feeders draw from.
    pub seed: u64,
    /// One after the other.
    pub deaths: Vec<Death>,
    /// Records in a second; what is to be taken in once is a quarter more.
    pub rate: u64,
    /// Whether the program has an output besides that fails now and then and is skipped. A panic in another output would be skipped
    /// as well, and is a kill here.
    pub skipping: bool,
}

/// An empty directory for a trial: in memory where there is such a place, since no machine is killed and the disk need not be
/// waited for.
///
/// # Errors
/// Those of the system.
pub fn scratch() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("waterwheel-chaos-").tempdir_in(place)
}

impl Trial {
    /// Whether one of `deaths` is where only a program that skips comes.
    pub fn has_to_skip(deaths: &[Death]) -> bool {
        deaths.iter().any(|death| matches!(death, Death::At(order) if order.point.ends_with("_abort")))
    }

    /// The deaths as they are: see `skipping`.
    pub fn deaths(&self) -> impl Iterator<Item = Death> + use<'_> {
        self.deaths.iter().cloned().map(|death| match death {
            Death::At(order) if self.skipping && order.action == Action::Panic => {
                Death::At(Order { action: Action::Kill, ..order })
            }
            death => death,
        })
    }
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Died {
    /// As it was ordered.
    AsOrdered,
    /// Killed from outside.
    Killed,
    /// Killed from outside, since it did not come to the point in time.
    NotReached,
    /// Ended well when it was asked to.
    Asked,
    /// A panic, which it told as a fault and ended.
    OfFault,
    /// A panic, which it survived; killed from outside.
    Survived,
}

/// What a trial brought.
#[derive(Debug, Clone)]
pub struct Report {
    /// How each run came to its end.
    pub died: Vec<Died>,
    /// How often each fail point was passed, over all runs.
    pub hits: BTreeMap<&'static str, u64>,
    /// How often actors of it panicked on purpose.
    pub panics: usize,
    /// What the audit found.
    pub findings: Findings,
}

/// Why a trial could not come to its audit. That is a fault of the program as much as a wrong result is.
#[derive(Debug, Error)]
pub enum TrialError {
    /// Files or processes.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A run did something that it should not.
    #[error("run {run} ({death}) {what}; it said last:\n{log}")]
    Run {
        /// Which run, from 1.
        run: usize,
        /// How it was to die.
        death: String,
        /// What it did.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// The feeder was not told that all was stored.
    #[error("the feeder: {0}")]
    Feeder(String),
}

impl Trial {
    /// Runs the program once for every death, then to a clean end, and compares.
    ///
    /// # Errors
    /// When a run ends by itself, hangs, or does not start.
    pub fn run(&self) -> Result<Report, TrialError> {
        let feeders = Feeders::start(self.source, self.rate, self.seed)?;
        let mut application = Application::new(&self.program, self.home.dir()).arg(self.home.dir());
        for argument in feeders.arguments() {
            application = application.arg(argument);
        }
        if self.skipping {
            application = application.arg("--skipping");
        }
        let mut report = Report { died: Vec::new(), hits: BTreeMap::new(), panics: 0, findings: Findings::default() };
        for death in self.deaths() {
            let order = match &death {
                Death::At(order) => Some(order),
                Death::After(_) | Death::Asked(_) => None,
            };
            let mut run = Run {
                process: begin(&mut application, order, &feeders)?,
                number: application.runs(),
                death: death.to_string(),
            };
            let died = match &death {
                Death::At(order) => run.until(order)?,
                Death::After(time) => run.after(*time)?,
                Death::Asked(time) => run.asked(*time)?,
            };
            report.died.push(died);
            report.count(&run.process);
        }
        let mut run = Run {
            process: begin(&mut application, None, &feeders)?,
            number: application.runs(),
            death: "none".to_owned(),
        };
        let sent = feeders.finish(PATIENCE).map_err(|error| match run.process.ended() {
            Ok(Some(status)) => run.error(format!("ended by itself: {status}")),
            _ => TrialError::Feeder(format!("{error}; the program said last:\n{}", run.tail())),
        })?;
        run.batches(GOES_ON)?;
        run.terminate()?;
        report.count(&run.process);
        report.findings = audit(&sent, &Outputs::read(&self.home, self.skipping)?);
        Ok(report)
    }
}

/// Begins the next run, which the feeders know of.
fn begin(application: &mut Application, order: Option<&Order>, feeders: &Feeders) -> io::Result<Process> {
    let runs = application.runs();
    // There are only so many.
    let run = runs as u32 + 1;
    feeders.begins(run);
    application.start_with(order, &settings(runs, run))
}

/// A program may go on with another number of partitions than it had, and with rarer checkpoints: every run has others.
fn settings(runs: usize, run: u32) -> [String; 6] {
    let (partitions, batches) = (1 + runs % PARTITIONS, 1 + runs / 2 % CADENCE);
    let (partitions, batches, run) = (partitions.to_string(), batches.to_string(), run.to_string());
    ["--partitions", &partitions, "--batches-a-checkpoint", &batches, "--run", &run].map(str::to_owned)
}

impl Report {
    fn count(&mut self, process: &Process) {
        for (point, hits) in process.hits() {
            *self.hits.entry(point).or_default() += hits;
        }
        self.panics += process.log().lines().filter(|line| line.ends_with(ON_PURPOSE)).count();
    }
}

/// One run of the program.
struct Run {
    process: Process,
    number: usize,
    death: String,
}

impl Run {
    /// Until it dies at a fail point, or was killed because it did not.
    fn until(&mut self, order: &Order) -> Result<Died, TrialError> {
        let reached = |process: &Process| process.passed(&order.point) >= order.occurrence;
        let ended = wait_for(TO_DEATH, || {
            let ended = self.process.ended().transpose();
            ended.map(|ended| ended.map(Some)).or_else(|| {
                let panicked = order.action == Action::Panic && reached(&self.process);
                panicked.then_some(Ok(None))
            })
        });
        match (ended.transpose()?, order.action) {
            (None, _) => {
                self.process.kill()?;
                Ok(Died::NotReached)
            }
            (Some(Some(status)), Action::Kill) if status.signal() == Some(SIGKILL) => Ok(Died::AsOrdered),
            (Some(Some(status)), Action::Abort) if status.signal() == Some(SIGABRT) => Ok(Died::AsOrdered),
            (Some(Some(status)), Action::Panic) => self.faulted(status),
            (Some(None), _) => self.panicked(),
            (Some(Some(status)), _) => Err(self.error(format!("ended by itself: {status}"))),
        }
    }

    /// After a panic the program either ends and says why, or goes on with its batches.
    fn panicked(&mut self) -> Result<Died, TrialError> {
        let goal = self.process.passed(BATCH_DONE) + GOES_ON;
        let ended = wait_for(PATIENCE, || {
            let ended = self.process.ended().transpose();
            ended.map(|ended| ended.map(Some)).or_else(|| (self.process.passed(BATCH_DONE) >= goal).then_some(Ok(None)))
        });
        match ended.transpose()? {
            Some(Some(status)) => self.faulted(status),
            Some(None) => {
                self.process.kill()?;
                Ok(Died::Survived)
            }
            None => Err(self.error(format!("neither ended nor went on within {PATIENCE:?} after a panic"))),
        }
    }

    /// Ended after a panic: with an error that it told.
    fn faulted(&self, status: ExitStatus) -> Result<Died, TrialError> {
        let log = self.process.log();
        if status.code() == Some(1) && log.contains("Error: ") {
            Ok(Died::OfFault)
        } else {
            Err(self.error(format!("ended after a panic with {status} and without telling its fault")))
        }
    }

    /// Until it has lived for so long.
    fn after(&mut self, time: Duration) -> Result<Died, TrialError> {
        if let Some(status) = self.process.wait(time)? {
            return Err(self.error(format!("ended by itself: {status}")));
        }
        self.process.kill()?;
        Ok(Died::Killed)
    }

    /// Until it has ended because it was asked to, when it had lived for so long.
    fn asked(&mut self, time: Duration) -> Result<Died, TrialError> {
        // Before that it may not listen for signals yet, and would just be ended by one.
        let listens = wait_for(PATIENCE, || (self.process.passed(BATCH_DONE) > 0).then_some(()));
        listens.ok_or_else(|| self.error(format!("did not finish a batch within {PATIENCE:?}")))?;
        if let Some(status) = self.process.wait(time)? {
            return Err(self.error(format!("ended by itself: {status}")));
        }
        self.terminate()?;
        Ok(Died::Asked)
    }

    /// Asks it to end, and waits until it has.
    fn terminate(&mut self) -> Result<(), TrialError> {
        self.process.terminate()?;
        match self.process.wait(PATIENCE)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.error(format!("was to end cleanly and did so with {status}"))),
            None => Err(self.error("did not end when asked to".to_owned())),
        }
    }

    /// Until it has done so many more batches.
    fn batches(&mut self, count: u64) -> Result<(), TrialError> {
        let goal = self.process.passed(BATCH_DONE) + count;
        let done = wait_for(PATIENCE, || (self.process.passed(BATCH_DONE) >= goal).then_some(()));
        done.ok_or_else(|| self.error(format!("did not finish {count} batches within {PATIENCE:?}")))
    }

    fn error(&self, what: String) -> TrialError {
        TrialError::Run { run: self.number, death: self.death.clone(), what, log: self.tail() }
    }

    /// The end of its log.
    fn tail(&self) -> String {
        let log = self.process.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

impl fmt::Display for Died {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Died::AsOrdered => "died as ordered",
            Died::Killed => "killed",
            Died::Asked => "ended when it was asked to",
            Died::NotReached => "killed, the point was not reached",
            Died::OfFault => "told its fault and ended",
            Died::Survived => "survived the panic, then killed",
        })
    }
}
