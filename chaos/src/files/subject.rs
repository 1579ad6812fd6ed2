//! The program under test.
//!
//! | output | what |
//! | --- | --- |
//! | `lines-T` | every line of batch T |
//! | `totals-T` | per key, what it has come to: `update_state_by_key` |

use crate::audit::Total;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use waterwheel::prelude::*;

/// The batch interval.
const INTERVAL: Duration = Duration::from_millis(100);
/// Keys of the state.
const KEYS: u64 = 16;

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

    /// Where files are renamed in.
    pub fn dropped(&self) -> PathBuf {
        self.0.join("dropped")
    }

    /// Where files grow.
    pub fn growing(&self) -> PathBuf {
        self.0.join("growing")
    }

    /// The prefix of the directories of an output.
    pub fn output(&self, name: &str) -> PathBuf {
        self.0.join("outputs").join(name)
    }

    /// Makes the directories that files are written into.
    ///
    /// # Errors
    /// Those of the system.
    pub fn prepare(&self) -> std::io::Result<()> {
        fs::create_dir_all(self.dropped())?;
        fs::create_dir_all(self.growing())
    }
}

/// The key of a line, which is a number.
pub fn key(number: u64) -> u32 {
    // There are only so many.
    (number % KEYS) as u32
}

/// The program, over what an earlier run has left in `home`; batches become durable so many together.
///
/// # Errors
/// A configuration that cannot be.
pub fn program(home: &Home, batches_a_checkpoint: u32) -> anyhow::Result<StreamingContext> {
    let config = Config::local("chaos-files").with_cores(2).with_default_parallelism(2);
    let mut config = config.with_max_pending_batches(8).with_graceful_stop_timeout(seconds(45));
    config.checkpoint = config.checkpoint.with_interval(batches_a_checkpoint * INTERVAL);
    let ssc = StreamingContext::get_or_create(home.dir().join("checkpoint"), config, INTERVAL, |ssc| {
        // Whatever was there before a start was over belongs to the first batch, however often it had to begin.
        let options = |mode| FileOptions::default().mode(mode).new_files_only(false);
        let dropped = ssc.text_file_stream_with(home.dropped(), options(FileMode::Renamed));
        let growing = ssc.text_file_stream_with(home.growing(), options(FileMode::Tail));
        let lines = dropped.union(&growing);
        lines.save_as_text_files(home.output("lines"), "");
        let numbers = lines.flat_map(|line| line.parse::<u64>()).map(|number| (key(number), number));
        let totals = numbers.update_state_by_key(|new, seen: Option<Seen>| Some(seen.unwrap_or_default().and(new)));
        let totals = totals.named("totals").map(|(key, seen)| seen.total(key).to_string());
        totals.save_as_text_files(home.output("totals"), "");
        Ok(())
    })?;
    Ok(ssc)
}

/// All numbers of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    numbers: BTreeSet<u64>,
    arrivals: u64,
}

impl Seen {
    fn and(mut self, new: &[u64]) -> Seen {
        self.arrivals += new.len() as u64;
        self.numbers.extend(new);
        self
    }

    fn total(&self, key: u32) -> Total {
        Total { key, distinct: self.numbers.len() as u64, arrivals: self.arrivals, sum: self.numbers.iter().sum() }
    }
}
