//! What the program has written, read back.

use super::recompute::{Count, Total};
use crate::subject::Delivery;
use crate::subject::pipeline::Home;
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::{fs, io};
use waterwheel_sqlite::rusqlite::Connection;

/// What each batch has written, by its time in milliseconds.
pub type Batches<T> = BTreeMap<u64, Vec<T>>;

/// Everything that one program has written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The records, in files.
    pub records: Batches<Delivery>,
    /// The records, in SQLite.
    pub rows: Batches<Delivery>,
    /// The records in SQLite once more, of the output that is skipped in some batches; `None` when the program has no such output.
    pub skipped: Option<Batches<Delivery>>,
    /// What `update_state_by_key` has come to.
    pub totals: Batches<Total>,
    /// The window with an inverse function.
    pub windows: Batches<Count>,
    /// The states of `map_with_state`: the sessions under way.
    pub sessions: Batches<Count>,
    /// What timed out there, in SQLite.
    pub sessions_over: Batches<Count>,
}

impl Outputs {
    /// Reads everything of a program, `skipping` or not.
    ///
    /// # Errors
    /// Those of the files; what is in them and cannot be understood.
    pub fn read(home: &Home, skipping: bool) -> io::Result<Outputs> {
        let skipped = || read_rows(&home.database(), "SELECT batch, record FROM skipped");
        Ok(Outputs {
            skipped: skipping.then(skipped).transpose()?,
            records: read_batches(&home.output("records"))?,
            rows: read_rows(&home.database(), "SELECT batch, record FROM records")?,
            totals: read_batches(&home.output("totals"))?,
            windows: read_batches(&home.output("windows"))?,
            sessions: read_batches(&home.output("sessions"))?,
            sessions_over: read_rows(&home.database(), "SELECT batch, record FROM sessions_over")?,
        })
    }
}

/// What `save_as_text_files` has written under `prefix`. What lies beside whole batches (unfinished ones) is left out, as every
/// reader does.
///
/// # Errors
/// Those of the files; a line that is no record.
pub fn read_batches<T: FromStr<Err = String>>(prefix: &Path) -> io::Result<Batches<T>> {
    let (parent, name) = (prefix.parent().unwrap_or(Path::new(".")), prefix.file_name().unwrap_or_default());
    let start = format!("{}-", name.to_string_lossy());
    let mut batches = Batches::new();
    let entries = match fs::read_dir(parent) {
        // Killed before the first batch.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(batches),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(batch) = name.strip_prefix(&start).and_then(|time| time.parse().ok()) {
            batches.insert(batch, read_batch(&path)?);
        }
    }
    Ok(batches)
}

fn read_batch<T: FromStr<Err = String>>(dir: &Path) -> io::Result<Vec<T>> {
    let mut records = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.file_name().unwrap_or_default().to_string_lossy().starts_with("part-") {
            for line in fs::read_to_string(&path)?.lines() {
                let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
                records.push(line.parse().map_err(wrong)?);
            }
        }
    }
    Ok(records)
}

/// What is visible in a database: the batch and the record of every row.
fn read_rows<T: FromStr<Err = String>>(database: &Path, query: &str) -> io::Result<Batches<T>> {
    let mut rows = Batches::<T>::new();
    let read = || {
        let database = Connection::open(database)?;
        let mut query = database.prepare(query)?;
        let found = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        found.collect::<Result<Vec<_>, _>>()
    };
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", database.display()));
    for (batch, record) in read().map_err(|error| wrong(error.to_string()))? {
        let batch = batch.try_into().map_err(|_| wrong(format!("{batch} is no time of a batch")))?;
        rows.entry(batch).or_default().push(record.parse().map_err(wrong)?);
    }
    Ok(rows)
}
