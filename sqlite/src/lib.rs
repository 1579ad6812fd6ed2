//! An output to SQLite whose records become visible exactly once, whatever crashes.
//!
//! [`SqliteOutput`] writes the records of a stream into a table of a database file, with a statement of the program's. It is a
//! [`TransactionalOutput`](waterwheel::TransactionalOutput), and the reference for writing one. SQLite is compiled in; nothing
//! else in Waterwheel depends on it.
//!
//! ```
//! use waterwheel::prelude::*;
//! use waterwheel::testkit::run;
//! use waterwheel_sqlite::SqliteOutput;
//!
//! # let home = tempfile::tempdir()?;
//! # let path = home.path().join("words.db");
//! let counts = SqliteOutput::file(&path)
//!     .setup("CREATE TABLE IF NOT EXISTS counts (word TEXT PRIMARY KEY, n INTEGER NOT NULL)")
//!     .insert(
//!         "INSERT INTO counts (word, n) VALUES (?1, ?2) ON CONFLICT (word) DO UPDATE SET n = n + excluded.n",
//!         |(word, n): &(String, i64)| (word.clone(), *n),
//!     )?;
//! run([vec!["to", "be", "or"], vec!["not", "to", "be"]], |words| {
//!     words.map(|word| (word.to_owned(), 1)).reduce_by_key(|a, b| a + b).transactional_output("counts", counts);
//!     words
//! })?;
//!
//! let database = waterwheel_sqlite::rusqlite::Connection::open(&path)?;
//! let twice: i64 = database.query_row("SELECT n FROM counts WHERE word = 'be'", [], |row| row.get(0))?;
//! assert_eq!(twice, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! Beside the tables of the program there are two more in the file:
//!
//! | table | what it holds |
//! | --- | --- |
//! | `waterwheel_staged` | rows that are prepared and not visible, encoded in chunks, under pipeline, operator, batch and partition |
//! | `waterwheel_committed` | the last batch that became visible, by pipeline and operator |
//!
//! `prepare` replaces the staged rows of its partition. `commit` runs the statement for every staged row of the batch, in order of
//! partition and position, deletes them and notes the batch. `abort` deletes them. `recover` commits or deletes whatever is there.
//! Each is one transaction of SQLite, or one per batch, in WAL mode with `synchronous = FULL`: after a crash at any instant it was
//! done or not, and to do it again changes nothing.
//!
//! Writers take turns, since SQLite has one at a time: within an output they queue, and between processes and outputs they wait
//! for at most the [busy timeout](SqliteFile::busy_timeout).

mod database;
mod error;
mod output;
mod row;
mod staged;

pub use error::SqliteError;
pub use output::{SqliteFile, SqliteOutput};
pub use row::IntoRow;
pub use rusqlite;
pub use rusqlite::types::Value;
