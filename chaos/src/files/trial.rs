//! One directory: some deaths while files are written, a clean end, an audit.

use super::subject::{Home, key};
use super::writer::{Writer, Written};
use crate::application::{Application, Process};
use crate::audit::{Total, read_batches};
use crate::death::{Death, deaths_among};
use crate::wait::wait_for;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;
use waterwheel::runtime::failpoint::{Action, Order};

/// How long a run may take to come to its death; a point that it does not pass in that time is left, and the run killed.
const TO_DEATH: Duration = Duration::from_secs(3);
/// How long anything else may take. Nothing takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is passed once in every batch that is done.
const BATCH_DONE: &str = "scheduler.after_commit";
/// Batches after the last file was written: enough for what waits.
const TO_THE_END: u64 = 15;
/// The most batches that become durable together.
const CADENCE: usize = 3;
/// Lines that are told in full.
const TOLD: usize = 5;

/// Some deaths of one program.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The program under test.
    pub program: PathBuf,
    /// Where all of it lies. Empty.
    pub home: Home,
    /// One after the other.
    pub deaths: Vec<Death>,
    /// What the writer draws from.
    pub seed: u64,
}

/// What a trial brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was written.
    pub written: Written,
    /// Runs that came to the point at which they were to die.
    pub as_ordered: usize,
    /// What is wrong with what came out.
    pub wrong: Vec<String>,
}

impl Trial {
    /// The first deaths that `seed` stands for, `kills` of them by `kill -9`, at the points that the program comes to: it has neither
    /// receivers nor outputs in two steps. A panic, which it would tell and end of, is a kill here.
    pub fn deaths(seed: u64, kills: usize) -> Vec<Death> {
        let elsewhere = |name: &str| {
            ["receiver.", "two_step."].iter().any(|part| name.starts_with(part)) || name.ends_with("_block")
        };
        let drawn = deaths_among(seed, kills, |name| !elsewhere(name)).into_iter();
        let killed = drawn.map(|death| match death {
            Death::At(order) if order.action == Action::Panic => Death::At(Order { action: Action::Kill, ..order }),
            death => death,
        });
        killed.collect()
    }

    /// Runs the program once for every death, then to a clean end, and compares.
    ///
    /// # Errors
    /// When a run ends by itself, hangs, or does not start; with what it said last.
    pub fn run(&self) -> anyhow::Result<Report> {
        self.home.prepare()?;
        let writer = Writer::start(&self.home, self.seed)?;
        let mut application = Application::new(&self.program, self.home.dir()).arg(self.home.dir());
        let mut as_ordered = 0;
        for death in &self.deaths {
            let (order, time) = match death {
                Death::At(order) => (Some(order), TO_DEATH),
                Death::After(time) | Death::Asked(time) => (None, *time),
            };
            let mut process = application.start_with(order, &cadence(application.runs()))?;
            if let Death::Asked(_) = death {
                batches(&mut process, 1)?;
            }
            match process.wait(time)? {
                Some(status) if order.is_some() && status.signal().is_some() => as_ordered += 1,
                Some(status) => anyhow::bail!("{death}: ended by itself, {status}; it said\n{}", tail(&process)),
                None if matches!(death, Death::Asked(_)) => end(&mut process)?,
                None => drop(process.kill()?),
            }
        }
        let mut process = application.start_with(None, &cadence(application.runs()))?;
        let written = writer.finish()?;
        batches(&mut process, TO_THE_END)?;
        end(&mut process)?;
        Ok(Report { written, as_ordered, wrong: self.audit(written.lines)? })
    }

    /// Compares all batches with the numbers below `lines`.
    fn audit(&self, lines: u64) -> anyhow::Result<Vec<String>> {
        let mut times: BTreeMap<u64, u64> = (0..lines).map(|number| (number, 0)).collect();
        let mut wrong = Vec::new();
        let batches = read_batches::<Line>(&self.home.output("lines"))?;
        for Line(line) in batches.values().flatten() {
            match line.parse().ok().and_then(|number| times.get_mut(&number)) {
                Some(times) => *times += 1,
                None => wrong.push(format!("{line:?} was not written")),
            }
        }
        wrong.extend(
            times.iter().filter(|(_, times)| **times != 1).map(|(line, times)| format!("{line} is in {times} batches")),
        );
        let mut expected: BTreeMap<u32, Total> = BTreeMap::new();
        for number in 0..lines {
            let key = key(number);
            let total = expected.entry(key).or_insert(Total { key, distinct: 0, arrivals: 0, sum: 0 });
            (total.distinct, total.arrivals, total.sum) = (total.distinct + 1, total.arrivals + 1, total.sum + number);
        }
        let mut found = read_batches::<Total>(&self.home.output("totals"))?;
        let mut found = found.pop_last().map(|(_, totals)| totals).unwrap_or_default();
        found.sort_unstable();
        if !expected.values().eq(&found) {
            wrong.push(format!("the totals are {found:?} in place of {:?}", expected.values().collect::<Vec<_>>()));
        }
        let more = wrong.len().saturating_sub(TOLD);
        wrong.truncate(TOLD);
        wrong.extend((more > 0).then(|| format!("and {more} more")));
        Ok(wrong)
    }
}

/// A line as it is.
struct Line(String);

impl std::str::FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Line, String> {
        Ok(Line(line.to_owned()))
    }
}

/// Waits until so many batches are done.
fn batches(process: &mut Process, count: u64) -> anyhow::Result<()> {
    let done = wait_for(PATIENCE, || (process.passed(BATCH_DONE) >= count).then_some(()));
    anyhow::ensure!(done.is_some(), "a run did not finish {count} batches; it said\n{}", tail(process));
    Ok(())
}

/// Asks it to end, which it has to do well.
fn end(process: &mut Process) -> anyhow::Result<()> {
    process.terminate()?;
    let status = process.wait(PATIENCE)?;
    let ended = status.is_some_and(|status| status.success());
    anyhow::ensure!(ended, "a run was to end cleanly: {status:?}; it said\n{}", tail(process));
    Ok(())
}

/// Checkpoints may be rarer than they were: every run has others.
fn cadence(runs: usize) -> [String; 2] {
    ["--batches-a-checkpoint".to_owned(), (1 + runs % CADENCE).to_string()]
}

/// The end of its log.
fn tail(process: &Process) -> String {
    let log = process.log();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(25)..).unwrap_or_default().join("\n")
}
