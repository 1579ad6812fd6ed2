//! The transactions of an output, on its database.

use crate::error::SqliteError;
use crate::staged::{Chunk, Row};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params, params_from_iter};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use waterwheel::prelude::Time;
use waterwheel::{OutputName, TransactionId};

/// What an output needs in its database.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS waterwheel_staged (
        pipeline TEXT NOT NULL,
        operator TEXT NOT NULL,
        batch INTEGER NOT NULL,
        partition INTEGER NOT NULL,
        chunk INTEGER NOT NULL,
        rows BLOB NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (pipeline, operator, batch, partition, chunk)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS waterwheel_committed (
        pipeline TEXT NOT NULL,
        operator TEXT NOT NULL,
        batch INTEGER NOT NULL,
        PRIMARY KEY (pipeline, operator)
    ) STRICT;
";

/// A database with the statement of one output.
pub(crate) struct Database {
    path: PathBuf,
    statement: String,
    parameters: usize,
    connection: Mutex<Connection>,
}

impl Database {
    /// Opens the database, makes the tables and looks at the statement.
    pub(crate) fn open(
        path: PathBuf,
        busy_timeout: Duration,
        setup: &str,
        statement: String,
    ) -> Result<Database, SqliteError> {
        let doing = |doing| at(&path, doing);
        let connection = Connection::open(&path).map_err(doing("opening the database"))?;
        connection.busy_timeout(busy_timeout).map_err(doing("setting the busy timeout"))?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(doing("setting the WAL mode"))?;
        if mode != "wal" {
            return Err(SqliteError::NotWal { path, mode });
        }
        let synced = connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = TRUE;");
        synced.map_err(doing("having every transaction synced"))?;
        connection.execute_batch(TABLES).map_err(doing("making the tables of staged rows"))?;
        connection.execute_batch(setup).map_err(doing("running the setup"))?;
        let (parameters, reads) = {
            let prepared = connection.prepare(&statement).map_err(doing("preparing the statement"))?;
            (prepared.parameter_count(), prepared.readonly())
        };
        if reads {
            return Err(SqliteError::ReadOnly { path, statement });
        }
        Ok(Database { path, statement, parameters, connection: Mutex::new(connection) })
    }

    /// Whether a row fits the statement.
    pub(crate) fn check(&self, row: &Row) -> Result<(), SqliteError> {
        let (values, parameters) = (row.len(), self.parameters);
        if values == parameters {
            return Ok(());
        }
        Err(SqliteError::Values { values, parameters, statement: self.statement.clone() })
    }

    /// Stages the rows of `id` in place of those that are.
    pub(crate) fn stage(&self, id: &TransactionId, rows: &[Row]) -> Result<(), SqliteError> {
        let chunks = Chunk::all_of(rows)?;
        let partition = column("the number of the partition", id.partition)?;
        let mut connection = self.lock();
        if rows.is_empty() && !is_staged(&connection, id, partition).map_err(self.doing("looking for staged rows"))? {
            return Ok(());
        }
        let work = self.begin(&mut connection)?;
        if let Some(visible) = self.visible(&work, &id.output)?.filter(|visible| id.batch <= *visible) {
            let known = Some(id.batch);
            return Err(SqliteError::Ahead { path: self.path.clone(), output: id.output.clone(), visible, known });
        }
        self.try_insert(&work, rows)?;
        let staging = self.doing("staging rows");
        delete_staged(&work, id, partition).map_err(staging)?;
        for (number, chunk) in chunks.into_iter().enumerate() {
            let number = column("the number of the chunk", number)?;
            stage_chunk(&work, id, (partition, number), &chunk).map_err(self.doing("staging rows"))?;
        }
        work.commit().map_err(self.doing("staging rows"))
    }

    /// Runs the statement for all rows and takes it back: what cannot be inserted fails the task, not the commit.
    fn try_insert(&self, work: &Transaction<'_>, rows: &[Row]) -> Result<(), SqliteError> {
        let trying = || self.doing("trying the statement");
        work.execute_batch("SAVEPOINT waterwheel_trial").map_err(trying())?;
        self.insert(work, rows).map_err(trying())?;
        work.execute_batch("ROLLBACK TO waterwheel_trial; RELEASE waterwheel_trial").map_err(trying())
    }

    fn insert(&self, work: &Transaction<'_>, rows: &[Row]) -> rusqlite::Result<()> {
        let mut statement = work.prepare(&self.statement)?;
        rows.iter().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
    }

    /// Makes the staged rows of a batch visible, and notes that.
    pub(crate) fn commit(&self, output: &OutputName, batch: Time) -> Result<(), SqliteError> {
        let mut connection = self.lock();
        let looking = || self.doing("looking for staged rows");
        if staged_chunks(&connection, output, batch).map_err(looking())?.is_empty() {
            // There were none, or they are visible already. An idle batch writes nothing.
            return Ok(());
        }
        let work = self.begin(&mut connection)?;
        let chunks = staged_chunks(&work, output, batch).map_err(looking())?;
        for (rowid, partition) in chunks {
            let chunk = read_chunk(&work, rowid).map_err(self.doing("reading staged rows"))?;
            let damaged = |problem| {
                let id = TransactionId {
                    output: output.clone(),
                    batch,
                    partition: usize::try_from(partition).unwrap_or(usize::MAX),
                };
                SqliteError::Damaged { path: self.path.clone(), id, problem }
            };
            let rows = chunk.decoded().map_err(damaged)?;
            rows.iter().try_for_each(|row| self.check(row))?;
            self.insert(&work, &rows).map_err(self.doing("inserting staged rows"))?;
        }
        delete_batch(&work, output, batch).map_err(self.doing("removing staged rows"))?;
        note(&work, output, batch).map_err(self.doing("noting the batch"))?;
        work.commit().map_err(self.doing("committing the batch"))
    }

    /// Deletes the staged rows of a batch.
    pub(crate) fn abort(&self, output: &OutputName, batch: Time) -> Result<(), SqliteError> {
        delete_batch(&self.lock(), output, batch).map_err(self.doing("removing staged rows"))
    }

    /// Commits what is staged of batches up to `committed`, and deletes the rest.
    pub(crate) fn recover(&self, output: &OutputName, committed: Option<Time>) -> Result<(), SqliteError> {
        let left = {
            let mut connection = self.lock();
            let work = self.begin(&mut connection)?;
            match (self.visible(&work, output)?, committed) {
                (Some(visible), Some(known)) if visible > known => {
                    let (path, output) = (self.path.clone(), output.clone());
                    return Err(SqliteError::Ahead { path, output, visible, known: committed });
                }
                // A fresh start: its batches have nothing to do with those of before.
                (Some(_), None) => forget(&work, output).map_err(self.doing("forgetting an earlier program"))?,
                _ => {}
            }
            delete_after(&work, output, committed).map_err(self.doing("removing staged rows"))?;
            let left = staged_batches(&work, output).map_err(self.doing("looking for staged rows"))?;
            work.commit().map_err(self.doing("removing staged rows"))?;
            left
        };
        left.into_iter().try_for_each(|batch| self.commit(output, Time::from_millis(batch)))
    }

    fn visible(&self, connection: &Connection, output: &OutputName) -> Result<Option<Time>, SqliteError> {
        let batch = noted(connection, output).map_err(self.doing("looking for the last batch"))?;
        Ok(batch.map(Time::from_millis))
    }

    /// A transaction that has the right to write from its begin on: one that asks for it later may find that it cannot have it.
    fn begin<'c>(&self, connection: &'c mut Connection) -> Result<Transaction<'c>, SqliteError> {
        connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.doing("waiting for the turn to write"))
    }

    /// Whoever has it holds it for one transaction. A panic in one has rolled it back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doing<'d>(&'d self, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> SqliteError + use<'d> {
        at(&self.path, doing)
    }
}

fn at<'p>(path: &'p Path, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> SqliteError + use<'p> {
    move |source| SqliteError::Sqlite { path: path.to_owned(), doing, source }
}

fn column(what: &'static str, value: usize) -> Result<i64, SqliteError> {
    i64::try_from(value).map_err(|_| SqliteError::TooLarge { what, value })
}

fn is_staged(connection: &Connection, id: &TransactionId, partition: i64) -> rusqlite::Result<bool> {
    let found = connection.query_row(
        "SELECT 1 FROM waterwheel_staged
         WHERE pipeline = :pipeline AND operator = :operator AND batch = :batch AND partition = :partition LIMIT 1",
        named_params! {
            ":pipeline": &*id.output.pipeline, ":operator": &*id.output.operator,
            ":batch": id.batch.millis(), ":partition": partition,
        },
        |_| Ok(()),
    );
    Ok(found.optional()?.is_some())
}

fn delete_staged(work: &Transaction<'_>, id: &TransactionId, partition: i64) -> rusqlite::Result<()> {
    let deleted = work.execute(
        "DELETE FROM waterwheel_staged
         WHERE pipeline = :pipeline AND operator = :operator AND batch = :batch AND partition = :partition",
        named_params! {
            ":pipeline": &*id.output.pipeline, ":operator": &*id.output.operator,
            ":batch": id.batch.millis(), ":partition": partition,
        },
    );
    deleted.map(drop)
}

fn stage_chunk(
    work: &Transaction<'_>,
    id: &TransactionId,
    (partition, number): (i64, i64),
    chunk: &Chunk,
) -> rusqlite::Result<()> {
    let mut statement = work.prepare(
        "INSERT INTO waterwheel_staged (pipeline, operator, batch, partition, chunk, rows, checksum)
         VALUES (:pipeline, :operator, :batch, :partition, :chunk, :rows, :checksum)",
    )?;
    let staged = statement.execute(named_params! {
        ":pipeline": &*id.output.pipeline, ":operator": &*id.output.operator, ":batch": id.batch.millis(),
        ":partition": partition, ":chunk": number, ":rows": chunk.rows, ":checksum": chunk.checksum,
    });
    staged.map(drop)
}

/// Where the chunks of a batch lie, in order, and of which partition they are.
fn staged_chunks(connection: &Connection, output: &OutputName, batch: Time) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = connection.prepare(
        "SELECT rowid, partition FROM waterwheel_staged
         WHERE pipeline = :pipeline AND operator = :operator AND batch = :batch ORDER BY partition, chunk",
    )?;
    let chunks = statement.query_map(
        named_params! { ":pipeline": &*output.pipeline, ":operator": &*output.operator, ":batch": batch.millis() },
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    chunks.collect()
}

fn read_chunk(work: &Transaction<'_>, rowid: i64) -> rusqlite::Result<Chunk> {
    let mut statement = work.prepare("SELECT rows, checksum FROM waterwheel_staged WHERE rowid = ?1")?;
    statement.query_row([rowid], |row| Ok(Chunk { rows: row.get(0)?, checksum: row.get(1)? }))
}

fn staged_batches(work: &Transaction<'_>, output: &OutputName) -> rusqlite::Result<Vec<i64>> {
    let mut statement = work.prepare(
        "SELECT DISTINCT batch FROM waterwheel_staged
         WHERE pipeline = :pipeline AND operator = :operator ORDER BY batch",
    )?;
    let name = named_params! { ":pipeline": &*output.pipeline, ":operator": &*output.operator };
    statement.query_map(name, |row| row.get(0))?.collect()
}

fn delete_batch(connection: &Connection, output: &OutputName, batch: Time) -> rusqlite::Result<()> {
    let deleted = connection.execute(
        "DELETE FROM waterwheel_staged WHERE pipeline = :pipeline AND operator = :operator AND batch = :batch",
        named_params! { ":pipeline": &*output.pipeline, ":operator": &*output.operator, ":batch": batch.millis() },
    );
    deleted.map(drop)
}

/// Deletes what is staged of batches after `last`, or of all.
fn delete_after(work: &Transaction<'_>, output: &OutputName, last: Option<Time>) -> rusqlite::Result<()> {
    let deleted = work.execute(
        "DELETE FROM waterwheel_staged
         WHERE pipeline = :pipeline AND operator = :operator AND (:last IS NULL OR batch > :last)",
        named_params! {
            ":pipeline": &*output.pipeline, ":operator": &*output.operator, ":last": last.map(Time::millis),
        },
    );
    deleted.map(drop)
}

fn noted(connection: &Connection, output: &OutputName) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection
        .prepare("SELECT batch FROM waterwheel_committed WHERE pipeline = :pipeline AND operator = :operator")?;
    let name = named_params! { ":pipeline": &*output.pipeline, ":operator": &*output.operator };
    statement.query_row(name, |row| row.get(0)).optional()
}

fn note(work: &Transaction<'_>, output: &OutputName, batch: Time) -> rusqlite::Result<()> {
    let noted = work.execute(
        "INSERT INTO waterwheel_committed (pipeline, operator, batch) VALUES (:pipeline, :operator, :batch)
         ON CONFLICT (pipeline, operator) DO UPDATE SET batch = max(batch, excluded.batch)",
        named_params! { ":pipeline": &*output.pipeline, ":operator": &*output.operator, ":batch": batch.millis() },
    );
    noted.map(drop)
}

fn forget(work: &Transaction<'_>, output: &OutputName) -> rusqlite::Result<()> {
    let forgotten = work.execute(
        "DELETE FROM waterwheel_committed WHERE pipeline = :pipeline AND operator = :operator",
        named_params! { ":pipeline": &*output.pipeline, ":operator": &*output.operator },
    );
    forgotten.map(drop)
}
