//! The tables of a checkpoint directory for those who only look, also while an application has it open.

use super::{
    Database, RocksOptions, acknowledged, check_note, database_options, get, require_log, scan, table_options,
};
use crate::durable::directory::DirectoryError;
use crate::durable::keys::{Paths, state_of_column_family};
use crate::durable::{Change, Durability, EachRow, Storage, StorageError, Table};
use rocksdb::{Cache, ColumnFamilyDescriptor};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The tables as they were when it was opened. It changes no file and takes no lock; the application that has the directory open
/// may delete files below it, and reading them then fails.
pub(in crate::durable) struct RocksReader {
    db: Database,
    state: BTreeSet<Arc<str>>,
}

impl RocksReader {
    pub(in crate::durable) fn open(paths: &Paths) -> Result<RocksReader, DirectoryError> {
        let path = paths.database();
        let damaged = |reason: String| DirectoryError::Damaged { path: paths.root().to_owned(), reason };
        let note = paths.acknowledged();
        // Before the database is opened: what is answered later need not be in what is read.
        let noted = acknowledged::read(&note);
        let noted = noted.map_err(|source| DirectoryError::Io { what: "read", path: note.clone(), source })?;
        require_log(&path).map_err(damaged)?;
        let options = RocksOptions::default();
        let mut database = database_options(options, false);
        // Every table file is opened at once, so that deleting it afterwards takes nothing away.
        database.set_max_open_files(-1);
        let names = Database::list_cf(&database, &path).map_err(|error| damaged(error.into_string()))?;
        let cache = Cache::new_lru_cache(8 << 20);
        let families = names.iter().map(|name| ColumnFamilyDescriptor::new(name, table_options(name, options, &cache)));
        let db = Database::open_cf_descriptors_read_only(&database, &path, families, false)
            .map_err(|error| damaged(error.into_string()))?;
        check_note(&noted, db.latest_sequence_number(), &note).map_err(damaged)?;
        let state = names.iter().filter_map(|name| state_of_column_family(name)).collect();
        Ok(RocksReader { db, state })
    }
}

fn refused() -> StorageError {
    StorageError::NotWritten { reason: "it was opened for reading".to_owned() }
}

impl Storage for RocksReader {
    fn write(&self, _: &[Change], _: Durability) -> Result<(), StorageError> {
        Err(refused())
    }

    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        get(&self.db, table, key)
    }

    fn scan(&self, table: &Table, prefix: &[u8], each: EachRow<'_>) -> Result<(), StorageError> {
        scan(&self.db, table, prefix, each)
    }

    fn state_tables(&self) -> Result<Vec<Arc<str>>, StorageError> {
        Ok(self.state.iter().cloned().collect())
    }

    fn drop_state(&self, _: &str) -> Result<(), StorageError> {
        Err(refused())
    }
}
