//! What is in the database after every order of steps, failures and crashes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod killed;
mod program;
mod refusals;
mod steps;

use std::path::{Path, PathBuf};
use waterwheel::prelude::*;
use waterwheel_sqlite::rusqlite::Connection;
use waterwheel_sqlite::{SqliteFile, SqliteOutput};

/// The statement of most tests: a record that were written twice would be there twice.
const INSERT: &str = "INSERT INTO numbers (batch, n) VALUES (?1, ?2)";

/// A database in a directory of its own.
struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        Home { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("numbers.db")
    }

    fn output(&self) -> SqliteOutput<(i64, i64)> {
        output(&self.path())
    }

    /// What readers see, by batch and number.
    fn visible(&self) -> Vec<(i64, i64)> {
        visible(&self.path())
    }

    /// How many chunks are staged.
    fn staged(&self) -> i64 {
        let database = Connection::open(self.path()).unwrap();
        database.query_row("SELECT count(*) FROM waterwheel_staged", [], |row| row.get(0)).unwrap()
    }
}

fn file(path: &Path) -> SqliteFile {
    SqliteOutput::file(path)
        .setup("CREATE TABLE IF NOT EXISTS numbers (batch INTEGER NOT NULL, n INTEGER CHECK (n < 1000))")
}

fn output(path: &Path) -> SqliteOutput<(i64, i64)> {
    file(path).insert(INSERT, |&(batch, n): &(i64, i64)| (batch, n)).unwrap()
}

fn visible(path: &Path) -> Vec<(i64, i64)> {
    let database = Connection::open(path).unwrap();
    let mut statement = database.prepare("SELECT batch, n FROM numbers ORDER BY rowid").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn name() -> OutputName {
    OutputName { pipeline: "test".into(), operator: "numbers".into() }
}

fn time(batch: i64) -> Time {
    Time::from_millis(1000 * batch)
}

fn id(batch: i64, partition: usize) -> TransactionId {
    TransactionId { output: name(), batch: time(batch), partition }
}

/// Two records of a partition of a batch.
fn records(batch: i64, partition: usize) -> Vec<(i64, i64)> {
    let first = 10 * i64::try_from(partition).unwrap();
    vec![(batch, first), (batch, first + 1)]
}

/// Prepares partitions 0 and 1.
fn prepare(output: &SqliteOutput<(i64, i64)>, batch: i64) {
    // Not in their order, since tasks end in any.
    for partition in [1, 0] {
        output.prepare(&id(batch, partition), records(batch, partition)).unwrap();
    }
}

/// All records of a batch.
fn whole(batch: i64) -> Vec<(i64, i64)> {
    [records(batch, 0), records(batch, 1)].concat()
}
