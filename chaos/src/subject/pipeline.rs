//! What the program makes of its records.
//!
//! | output | where | what |
//! | --- | --- | --- |
//! | `records-T` | files | every record of batch T |
//! | `records` | SQLite | the same, with T |
//! | `skipped` | SQLite | the same, without the batches in which that output fails |
//! | `totals-T` | files | per key, what it has come to: `update_state_by_key` |
//! | `sessions-T` | files | per key, the records of its session under way: the states of `map_with_state` |
//! | `sessions_over` | SQLite | the sessions that timed out in T |
//! | `windows-T` | files | per key, how many records came in the last [`WINDOW`]: `reduce_by_key_and_window_inverse` |

use super::Delivery;
use super::inputs::Inputs;
use super::numbers::Numbers;
use super::skipped::Failing;
use crate::audit::{Count, Total};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;
use waterwheel::prelude::*;
use waterwheel_sqlite::{SqliteError, SqliteOutput};

/// The batch interval.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// The length of the windows.
pub const WINDOW: Duration = Duration::from_millis(800);
/// How long a session waits for the next record of its key.
pub const IDLE: Duration = Duration::from_millis(300);
/// Records of the source with offsets in every batch.
pub const PER_BATCH: u64 = 20;

/// Where everything of one program lies.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// The home of a program in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Home {
        Home(dir.into())
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// Its checkpoint directory.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.0.join("outputs.db")
    }

    /// Its output files.
    pub fn outputs(&self) -> PathBuf {
        self.0.join("outputs")
    }

    /// The prefix of the directories of an output.
    pub fn output(&self, name: &str) -> PathBuf {
        self.outputs().join(name)
    }
}

/// What may be different in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether there is an output that fails now and then, and the policy to skip it.
    pub skipping: bool,
    /// Partitions of a shuffle, and of the states.
    pub partitions: usize,
    /// Batches that become durable together.
    pub batches_a_checkpoint: u32,
    /// Which run of the program this is.
    pub run: u32,
}

/// The program, over what an earlier run has left in `home`.
///
/// # Errors
/// A database that cannot be opened, a port that cannot be had.
pub fn program(home: &Home, inputs: Inputs, settings: Settings) -> anyhow::Result<StreamingContext> {
    let config = Config::local("chaos")
        .with_default_parallelism(settings.partitions)
        .with_cores(2)
        .with_block_interval(milliseconds(25));
    // A machine that cannot keep up has fewer batches, and takes its time to end.
    let mut config = config.with_max_pending_batches(8).with_graceful_stop_timeout(seconds(45));
    config.receiver = config.receiver.with_restart_delay(milliseconds(20));
    config.checkpoint = config.checkpoint.with_interval(settings.batches_a_checkpoint * INTERVAL);
    if settings.skipping {
        config = config.with_failure_policy(FailurePolicy::Skip);
    }
    let records = rows(home, "records")?;
    let over = rows(home, "sessions_over")?;
    let skipped = settings.skipping.then(|| rows(home, "skipped")).transpose()?;
    let ssc = StreamingContext::get_or_create(home.checkpoint(), config, INTERVAL, |ssc| {
        let replayed = ssc.replayable_stream(Numbers { per_batch: PER_BATCH, next: 0 });
        let received = inputs.streams(ssc, settings.run)?;
        let all = received.iter().fold(replayed, |all, stream| all.union(stream));
        all.save_as_text_files(home.output("records"), "");
        let timed = |dataset: Rdd<Delivery>, batch: Time| dataset.map(move |record| (batch.millis(), record));
        let timed = all.transform_with_time(timed);
        timed.transactional_output("records", records);
        if let Some(skipped) = skipped {
            timed.transactional_output("skipped", Failing(skipped));
        }
        let keyed = all.map(|record| (record.key(), record));
        let totals = keyed.update_state_by_key(|new, seen: Option<Seen>| Some(seen.unwrap_or_default().and(new)));
        let ones = keyed.map_values(|_| 1);
        let counts = InverseWindow::new().filter(|_: &u32, records| *records > 0);
        let windows = ones.reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, WINDOW, INTERVAL, counts);
        let windows = windows.named("windows").map(|(key, records)| Count { key, records }.to_string());
        windows.save_as_text_files(home.output("windows"), "");
        let sessions = keyed.map_with_state(StateSpec::function_with_time(follow).timeout(IDLE)).named("sessions");
        sessions.transactional_output("sessions_over", over);
        let under_way = sessions.state_snapshots().map(|(key, records)| Count { key, records }.to_string());
        under_way.save_as_text_files(home.output("sessions"), "");
        totals
            .named("totals")
            .map(|(key, seen)| seen.total(key).to_string())
            .save_as_text_files(home.output("totals"), "");
        Ok(())
    })?;
    Ok(ssc)
}

/// Counts the records of a key until it has had none for [`IDLE`].
fn follow(batch: Time, key: &u32, record: Option<Delivery>, session: &mut State<u64>) -> Option<(i64, String)> {
    let records = session.get_option().copied().unwrap_or(0);
    if session.is_timing_out() {
        return Some((batch.millis(), Count { key: *key, records }.to_string()));
    }
    if record.is_some() {
        session.update(records + 1);
    }
    None
}

/// All records of a key: what is missing in it was lost, what was counted more often than it is in it was doubled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    records: BTreeSet<(u8, u64)>,
    arrivals: u64,
}

impl Seen {
    fn and(mut self, new: &[Delivery]) -> Seen {
        self.arrivals += new.len() as u64;
        self.records.extend(new.iter().map(Delivery::identity));
        self
    }

    fn total(&self, key: u32) -> Total {
        let sum = self.records.iter().map(|(_, number)| number).sum();
        Total { key, distinct: self.records.len() as u64, arrivals: self.arrivals, sum }
    }
}

/// A table of batches and records.
fn rows<T: Display + 'static>(home: &Home, table: &str) -> Result<SqliteOutput<(i64, T)>, SqliteError> {
    SqliteOutput::file(home.database())
        .setup(format!("CREATE TABLE IF NOT EXISTS {table} (batch INTEGER NOT NULL, record TEXT NOT NULL)"))
        .insert(format!("INSERT INTO {table} (batch, record) VALUES (?1, ?2)"), |(batch, record): &(i64, T)| {
            (*batch, record.to_string())
        })
}
