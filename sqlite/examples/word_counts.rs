//! Counts words into a table of a SQLite database, exactly once: `word_counts [FILE]`.
//!
//! Ten batches of text go through the program, and one task in five fails after it has written. The table holds every word once
//! per time that it was in the text all the same, which the program checks at its end. The file is made where it is missing, and
//! goes on to be counted in when the program is run again; without an argument it is in a directory that is removed at the end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use waterwheel::outcome::BoxError;
use waterwheel::prelude::*;
use waterwheel_sqlite::SqliteOutput;
use waterwheel_sqlite::rusqlite::Connection;

/// Batches after which the program ends.
const BATCHES: u64 = 10;

const TEXT: [&str; 3] = ["the wheel turns", "the water comes and the water goes", "and the wheel goes on"];

/// An output whose tasks fail now and then, too late to take back what they did.
struct Unreliable(SqliteOutput<(String, i64)>, AtomicU64);

impl TransactionalOutput<(String, i64)> for Unreliable {
    fn prepare(&self, id: &TransactionId, records: Vec<(String, i64)>) -> Result<(), BoxError> {
        self.0.prepare(id, records)?;
        match self.1.fetch_add(1, Ordering::Relaxed) % 5 {
            4 => Err(format!("{id} was written, and the answer was lost").into()),
            _ => Ok(()),
        }
    }

    fn commit(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.0.commit(output, batch)
    }

    fn abort(&self, output: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.0.abort(output, batch)
    }

    fn recover(&self, output: &OutputName, committed: Option<Time>) -> Result<(), BoxError> {
        self.0.recover(output, committed)
    }
}

fn main() -> Result<(), BoxError> {
    let home = tempfile::tempdir()?;
    let path = std::env::args_os().nth(1).map_or_else(|| home.path().join("words.db"), PathBuf::from);
    let counts = SqliteOutput::file(&path)
        .setup("CREATE TABLE IF NOT EXISTS counts (word TEXT PRIMARY KEY, n INTEGER NOT NULL)")
        .insert(
            "INSERT INTO counts (word, n) VALUES (?1, ?2) ON CONFLICT (word) DO UPDATE SET n = n + excluded.n",
            |(word, n): &(String, i64)| (word.clone(), *n),
        )?;
    let before = total(&path)?;

    let ssc = StreamingContext::new(Config::local("WordCounts"), milliseconds(200))?;
    let queue = RddQueue::new();
    ssc.queue_stream(&queue, true)
        .flat_map(|line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .map(|word| (word, 1))
        .reduce_by_key(|a, b| a + b)
        .transactional_output("counts", Unreliable(counts, AtomicU64::new(0)));
    for _ in 0..BATCHES {
        queue.push_records(ssc.engine(), TEXT, 2);
    }
    let running = ssc.start()?;
    running.wait_for_batches(BATCHES, Duration::from_secs(60));
    running.stop(Stop::Graceful)?;

    let database = Connection::open(&path)?;
    let mut rows = database.prepare("SELECT word, n FROM counts ORDER BY n DESC, word")?;
    for row in rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))? {
        let (word, n) = row?;
        println!("{n:>6} {word}");
    }
    let words: usize = TEXT.iter().map(|line| line.split(' ').count()).sum();
    let (written, expected) = (total(&path)? - before, words as u64 * BATCHES);
    println!("{written} words were written, {expected} were in the text");
    if written == expected { Ok(()) } else { Err("words are missing, or were counted twice".into()) }
}

/// How many words have been counted.
fn total(path: &PathBuf) -> Result<u64, BoxError> {
    let sum =
        Connection::open(path)?.query_row("SELECT coalesce(sum(n), 0) FROM counts", [], |row| row.get::<_, i64>(0))?;
    Ok(u64::try_from(sum)?)
}
