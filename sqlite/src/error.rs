//! What goes wrong with a database.

use std::path::PathBuf;
use waterwheel::runtime::codec::CodecError;
use waterwheel::runtime::error::in_full;
use waterwheel::{OutputName, TransactionId, prelude::Time};

/// Why an output to SQLite could not be opened, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// What SQLite said.
    #[error("{}: {doing}: {source}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The error.
        source: rusqlite::Error,
    },
    /// The database cannot be in WAL mode: it is in memory, or on a file system without shared memory.
    #[error("{}: the database cannot be in WAL mode, it is in mode {mode:?}; put it into a file on a local disk", path.display())]
    NotWal {
        /// The database.
        path: PathBuf,
        /// The mode that it is in.
        mode: String,
    },
    /// The statement reads.
    #[error("{}: the statement changes nothing: {statement}; give one that inserts, updates or deletes", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
        /// The statement.
        statement: String,
    },
    /// A row has another number of values than the statement has parameters.
    #[error("a row has {values} values, and the statement has {parameters} parameters: {statement}")]
    Values {
        /// Values of the row.
        values: usize,
        /// Parameters of the statement.
        parameters: usize,
        /// The statement.
        statement: String,
    },
    /// Rows could not be encoded.
    #[error("{}", in_full(.0))]
    Encode(#[from] CodecError),
    /// Staged rows are not what was written.
    #[error("{}: the staged rows of {id} are damaged: {problem}; restore the database from a copy", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// Whose rows.
        id: TransactionId,
        /// What is wrong.
        problem: String,
    },
    /// The database shows a batch that the program does not know to be done.
    #[error(
        "{}: batch {visible} of {output} is visible, and the last that the program knows to be done is {}; the checkpoint directory and the database are not of the same moment: restore both, or delete the row of {output} from waterwheel_committed to have the batches between them written again",
        path.display(), Known(*known)
    )]
    Ahead {
        /// The database.
        path: PathBuf,
        /// The output.
        output: OutputName,
        /// The last batch that is visible.
        visible: Time,
        /// The last batch that is done.
        known: Option<Time>,
    },
    /// A number does not fit into a column.
    #[error("{what} {value} does not fit into a column")]
    TooLarge {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: usize,
    },
}

struct Known(Option<Time>);

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(time) => write!(f, "{time}"),
            None => f.write_str("none"),
        }
    }
}
