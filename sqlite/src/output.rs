//! The output, and how it is made.

use crate::database::Database;
use crate::error::SqliteError;
use crate::row::IntoRow;
use crate::staged::{Cell, Row};
use rusqlite::types::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use waterwheel::outcome::BoxError;
use waterwheel::prelude::Time;
use waterwheel::{OutputName, TransactionId, TransactionalOutput};

/// How long a transaction waits for other processes unless the program says otherwise.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A database file that an output is to write to; got from [`SqliteOutput::file`].
#[derive(Debug, Clone)]
pub struct SqliteFile {
    path: PathBuf,
    setup: String,
    busy_timeout: Duration,
}

impl SqliteFile {
    /// Statements that are run when the database is opened, at every start of the program: `CREATE TABLE IF NOT EXISTS ...`.
    #[must_use]
    pub fn setup(mut self, statements: impl Into<String>) -> SqliteFile {
        self.setup = statements.into();
        self
    }

    /// How long a transaction waits for its turn when another process, or another output, writes: 10 seconds by default. After that
    /// it fails, and is tried again as the engine tries tasks and commits.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> SqliteFile {
        self.busy_timeout = timeout;
        self
    }

    /// The output that runs `statement` once for every record, with the values that `row` makes of it.
    ///
    /// The statement is run when the batch is committed. Before that it is tried in the task, and taken back: a record that it
    /// fails for fails the task. It must not depend on anything else that changes, lest it fail in the commit after all.
    ///
    /// # Errors
    /// A file that cannot be opened as a database in WAL mode, a setup that fails, a statement that is none or changes nothing.
    pub fn insert<T, R: IntoRow>(
        self,
        statement: impl Into<String>,
        row: impl Fn(&T) -> R + Send + Sync + 'static,
    ) -> Result<SqliteOutput<T>, SqliteError> {
        let database = Database::open(self.path, self.busy_timeout, &self.setup, statement.into())?;
        Ok(SqliteOutput { database, row: Box::new(move |record| row(record).into_row()) })
    }
}

/// The values of a record.
type MakeRow<T> = Box<dyn Fn(&T) -> Vec<Value> + Send + Sync>;

/// Writes records into a table of a SQLite database, exactly once; see the [crate](crate).
pub struct SqliteOutput<T> {
    database: Database,
    row: MakeRow<T>,
}

impl SqliteOutput<()> {
    /// The database file at `path`, which is made if it is not there.
    pub fn file(path: impl AsRef<Path>) -> SqliteFile {
        SqliteFile { path: path.as_ref().to_owned(), setup: String::new(), busy_timeout: BUSY_TIMEOUT }
    }
}

impl<T> fmt::Debug for SqliteOutput<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteOutput<{}>", std::any::type_name::<T>())
    }
}

impl<T: 'static> TransactionalOutput<T> for SqliteOutput<T> {
    fn prepare(&self, id: &TransactionId, records: Vec<T>) -> Result<(), BoxError> {
        let row = |record: &T| (self.row)(record).into_iter().map(Cell::from).collect();
        // Before the turn to write: it may take its time.
        let rows: Vec<Row> = records.iter().map(row).collect();
        rows.iter().try_for_each(|row| self.database.check(row))?;
        Ok(self.database.stage(id, &rows)?)
    }

    fn commit(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        Ok(self.database.commit(output, batch)?)
    }

    fn abort(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        Ok(self.database.abort(output, batch)?)
    }

    fn recover(&self, output: &OutputName, committed: Option<Time>) -> Result<(), BoxError> {
        Ok(self.database.recover(output, committed)?)
    }
}
