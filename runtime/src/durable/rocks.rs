//! The storage in RocksDB.
//!
//! One column family per table. A write is one `WriteBatch`, logged before it is answered; `Synced` also waits for the disk. The
//! batch, not the store, decides what is written (ADR 0010), and nothing is read while running but blocks that left memory, so
//! everything here is tuned for few large values that soon die: those above 4 KiB go to blob files, which are given back as their
//! values are deleted, and whatever dies before a memtable is full is never written a second time.
//!
//! **Damage.** RocksDB checks every byte that it reads. The log's torn end is cut off, for it was never answered; any other
//! damage to it is an error, and so is an end that lacks what was answered (see `acknowledged`). Nothing is repaired, and
//! nothing that cannot be read is deleted.

mod acknowledged;
mod reader;

use super::directory::{CheckpointDirectory, DirectoryError};
use super::keys::{FIXED_TABLES, column_family, end_of, state_of_column_family};
use super::{Change, Durability, EachRow, Storage, StorageError, Table};
use acknowledged::{Acknowledged, Note};
pub(super) use reader::RocksReader;
use rocksdb::{
    BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode,
    DBWithThreadMode, ErrorKind, LogLevel, MultiThreaded, Options, ReadOptions, WriteBatch, WriteOptions,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Values of this size and above go to blob files.
const BLOB_BYTES: u64 = 4 << 10;

/// How much memory the storage takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RocksOptions {
    /// Bytes that all write buffers take together before they are written to files. The log of a restart is up to twice as long.
    pub write_buffers: usize,
}

impl Default for RocksOptions {
    /// 64 MiB.
    fn default() -> RocksOptions {
        RocksOptions { write_buffers: 64 << 20 }
    }
}

type Database = DBWithThreadMode<MultiThreaded>;

/// Tables in a checkpoint directory.
pub struct RocksStorage {
    db: Database,
    writer: Mutex<Writer>,
    cache: Cache,
    options: RocksOptions,
    /// Held as long as the database is open; dropped last.
    directory: CheckpointDirectory,
}

/// What only one write at a time may touch.
struct Writer {
    acknowledged: Acknowledged,
    state: BTreeSet<Arc<str>>,
}

impl std::fmt::Debug for RocksStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RocksStorage").field("directory", &self.directory.paths().root()).finish_non_exhaustive()
    }
}

impl RocksStorage {
    /// Opens the database of a directory, and makes it when the directory is new.
    ///
    /// # Errors
    /// When it is damaged or cannot be read or written; it is left as it is then.
    pub fn open(directory: CheckpointDirectory, options: RocksOptions) -> Result<RocksStorage, DirectoryError> {
        let path = directory.paths().database();
        let cache = Cache::new_lru_cache(8 << 20);
        let damaged = |reason: String| DirectoryError::Damaged { path: directory.paths().root().to_owned(), reason };
        let database = database_options(options, directory.is_new());
        let mut names = if directory.is_new() {
            BTreeSet::new()
        } else {
            require_log(&path).map_err(damaged)?;
            let names = Database::list_cf(&database, &path);
            names.map_err(|error| damaged(error.into_string()))?.into_iter().collect()
        };
        let state = names.iter().filter_map(|name: &String| state_of_column_family(name)).collect();
        names.extend(FIXED_TABLES.iter().map(column_family));
        let families = names.iter().map(|name| ColumnFamilyDescriptor::new(name, table_options(name, options, &cache)));
        let db =
            Database::open_cf_descriptors(&database, &path, families).map_err(|error| damaged(error.into_string()))?;

        let (note, found) = (directory.paths().acknowledged(), db.latest_sequence_number());
        let io = |what| {
            let path = note.clone();
            move |source| DirectoryError::Io { what, path, source }
        };
        let noted = acknowledged::read(&note).map_err(io("read"))?;
        check_note(&noted, found, &note).map_err(damaged)?;
        if noted == Note::Missing && !directory.is_new() {
            log::warn!("{} is missing: writes that are missing would not be found this once", note.display());
        }
        let acknowledged = Acknowledged::open(&note, found).map_err(io("write"))?;
        Ok(RocksStorage { db, writer: Mutex::new(Writer { acknowledged, state }), cache, options, directory })
    }

    /// Marks the directory as one of the application that opened it. Called once it is certain that what is stored is that
    /// application's: a directory whose mark is lost must not get that of another.
    ///
    /// # Errors
    /// When the mark cannot be written.
    pub fn mark(&self) -> Result<(), DirectoryError> {
        self.directory.mark()
    }

    /// The directory it is in.
    pub fn directory(&self) -> &Path {
        self.directory.paths().root()
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // What is guarded is changed in single steps.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn family(&self, table: &Table) -> Option<Arc<BoundColumnFamily<'_>>> {
        self.db.cf_handle(&column_family(table))
    }

    /// The column family of a table that is to be written: made when there is none.
    fn family_to_write(&self, table: &Table, writer: &mut Writer) -> Result<Arc<BoundColumnFamily<'_>>, StorageError> {
        let refused = |reason: String| StorageError::NotWritten { reason: format!("table {table}: {reason}") };
        if let Some(family) = self.family(table) {
            return Ok(family);
        }
        let name = column_family(table);
        let made = self.db.create_cf(&name, &table_options(&name, self.options, &self.cache));
        made.map_err(|error| refused(error.into_string()))?;
        if let Table::State(operator) = table {
            writer.state.insert(operator.clone());
        }
        self.family(table).ok_or_else(|| refused("it was made and is not there".to_owned()))
    }
}

/// Whether everything that was answered as durable, as `note` says, is among the writes up to `found`.
fn check_note(note: &Note, found: u64, path: &Path) -> Result<(), String> {
    match note {
        Note::UpTo(number) if *number > found => Err(format!(
            "writes {} to {number} were durable and are gone (to go on without them, delete {})",
            found + 1,
            path.display()
        )),
        Note::Damaged => Err(format!(
            "{} cannot be read (without it, writes that are missing are not found; to go on so, delete it)",
            path.display()
        )),
        Note::UpTo(_) | Note::Missing => Ok(()),
    }
}

/// A database that was ever opened has a log, if an empty one.
fn require_log(path: &Path) -> Result<(), String> {
    let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
    let is_log = |path: &Path| path.extension().is_some_and(|extension| extension == "log");
    match entries.flatten().any(|entry| is_log(&entry.path())) {
        true => Ok(()),
        false => Err(format!("there is no log (*.log) in {}", path.display())),
    }
}

fn database_options(options: RocksOptions, new: bool) -> Options {
    let mut database = Options::default();
    // Never over an old one: a database whose head is missing is damaged, not new.
    database.create_if_missing(new);
    database.create_missing_column_families(true);
    database.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    database.set_track_and_verify_wals_in_manifest(true);
    database.set_paranoid_checks(true);
    database.set_db_write_buffer_size(options.write_buffers);
    database.set_max_total_wal_size(options.write_buffers as u64 * 2);
    database.set_max_background_jobs(2);
    database.set_max_open_files(512);
    // Written as it comes, so that a synchronised write finds little left to do.
    database.set_wal_bytes_per_sync(1 << 20);
    database.set_bytes_per_sync(1 << 20);
    database.set_log_level(LogLevel::Warn);
    database.set_max_log_file_size(1 << 20);
    database.set_keep_log_file_num(2);
    database.set_stats_dump_period_sec(0);
    database.set_stats_persist_period_sec(0);
    database
}

fn table_options(name: &str, options: RocksOptions, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    let mut table = Options::default();
    table.set_block_based_table_factory(&blocks);
    table.set_write_buffer_size(options.write_buffers / 2);
    table.set_max_write_buffer_number(4);
    // Files hold keys and where their values lie, so merging them is cheap, and only then are dead values given back.
    table.set_level_zero_file_num_compaction_trigger(2);
    table.set_enable_blob_files(true);
    table.set_min_blob_size(BLOB_BYTES);
    table.set_blob_file_size(options.write_buffers as u64 / 2);
    table.set_enable_blob_gc(true);
    table.set_blob_gc_age_cutoff(0.5);
    table.set_blob_gc_force_threshold(0.5);
    // Blocks live for a few batches and are read once if at all: compressing them costs more than it saves. State lives long,
    // and is read at a restart.
    let is_block_log = name == column_family(&Table::Blocks);
    let compression = if is_block_log { DBCompressionType::None } else { DBCompressionType::Lz4 };
    table.set_compression_type(compression);
    table.set_blob_compression_type(compression);
    table
}

/// Whether a write that failed is certainly not there. After an error of input or output, nobody knows.
fn failed(error: rocksdb::Error) -> StorageError {
    let kind = error.kind();
    let reason = error.into_string();
    match kind {
        ErrorKind::InvalidArgument | ErrorKind::NotSupported | ErrorKind::NotFound | ErrorKind::ColumnFamilyDropped => {
            StorageError::NotWritten { reason }
        }
        _ => StorageError::Unknown { reason },
    }
}

fn unreadable(table: &Table) -> impl Fn(rocksdb::Error) -> StorageError {
    let what = format!("the table {table}");
    move |error| StorageError::Unreadable { what: what.clone(), reason: error.into_string() }
}

fn read_options() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    options.fill_cache(false);
    options
}

fn get(db: &Database, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(family) = db.cf_handle(&column_family(table)) else { return Ok(None) };
    db.get_cf_opt(&family, key, &read_options()).map_err(unreadable(table))
}

fn scan(db: &Database, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError> {
    let Some(family) = db.cf_handle(&column_family(table)) else { return Ok(()) };
    let mut options = read_options();
    if let Some(end) = end_of(prefix) {
        options.set_iterate_upper_bound(end);
    }
    let mut rows = db.raw_iterator_cf_opt(&family, options);
    rows.seek(prefix);
    while let Some((key, value)) = rows.item() {
        each(key, value)?;
        rows.next();
    }
    rows.status().map_err(unreadable(table))
}

impl Storage for RocksStorage {
    fn write(&self, changes: &[Change], durability: Durability) -> Result<(), StorageError> {
        let mut writer = self.writer();
        let mut batch = WriteBatch::default();
        for change in changes {
            match change {
                Change::Put { table, key, value } => {
                    batch.put_cf(&self.family_to_write(table, &mut writer)?, key, value);
                }
                Change::Delete { table, key } => {
                    if let Some(family) = self.family(table) {
                        batch.delete_cf(&family, key);
                    }
                }
                Change::DeleteRange { table, from, to } if from < to => {
                    if let Some(family) = self.family(table) {
                        batch.delete_range_cf(&family, from, to);
                    }
                }
                Change::DeleteRange { .. } => {}
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.db.write_opt(batch, &options).map_err(failed)?;
        if durability == Durability::Synced {
            writer.acknowledged.advance(self.db.latest_sequence_number());
        }
        Ok(())
    }

    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        get(&self.db, table, key)
    }

    fn scan(&self, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError> {
        scan(&self.db, table, prefix, each)
    }

    fn state_tables(&self) -> Result<Vec<Arc<str>>, StorageError> {
        Ok(self.writer().state.iter().cloned().collect())
    }

    fn drop_state(&self, operator: &str) -> Result<(), StorageError> {
        let mut writer = self.writer();
        if writer.state.contains(operator) {
            self.db.drop_cf(&column_family(&Table::state(operator))).map_err(failed)?;
            writer.state.remove(operator);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
