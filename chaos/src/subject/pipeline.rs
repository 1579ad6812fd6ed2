//! What the program makes of its records.
//!
//! | output | where | what |
//! | --- | --- | --- |
//! | `records-T` | files | every record of batch T |
//! | `records` | SQLite | the same, with T |
//! | `windows-T` | files | per key, how many records came in the last [`WINDOW`]: `reduce_by_key_and_window_inverse` |

use super::Delivery;
use super::numbers::Numbers;
use super::receiver::Acknowledging;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use waterwheel::prelude::*;
use waterwheel::runtime::block::StorageLevel;
use waterwheel_sqlite::SqliteOutput;

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

/// The program, over what an earlier run has left in `home`.
///
/// # Errors
/// A database that cannot be opened.
pub fn program(home: &Home, peer: SocketAddr) -> anyhow::Result<StreamingContext> {
    let mut config = Config::local("chaos").with_cores(2).with_block_interval(milliseconds(25));
    config.receiver = config.receiver.with_restart_delay(milliseconds(20));
    let rows = SqliteOutput::file(home.database())
        .setup("CREATE TABLE IF NOT EXISTS records (batch INTEGER NOT NULL, record TEXT NOT NULL)")
        .insert("INSERT INTO records (batch, record) VALUES (?1, ?2)", |(batch, record): &(i64, Delivery)| {
            (*batch, record.to_string())
        })?;
    let ssc = StreamingContext::get_or_create(home.checkpoint(), config, INTERVAL, |ssc| {
        let received = ssc.receiver_stream("feeder", StorageLevel::MemoryOnly, move || Acknowledging { peer });
        let replayed = ssc.replayable_stream(Numbers { per_batch: PER_BATCH, next: 0 });
        let records = received.union(&replayed);
        records.save_as_text_files(home.output("records"), "");
        let timed = |dataset: Rdd<Delivery>, batch: Time| dataset.map(move |record| (batch.millis(), record));
        records.transform_with_time(timed).transactional_output("records", rows);
        Ok(())
    })?;
    Ok(ssc)
}
