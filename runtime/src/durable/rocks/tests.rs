#![expect(clippy::disallowed_methods, reason = "these tests damage files")]

use super::*;
use crate::time::Time;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const SMALL: RocksOptions = RocksOptions { write_buffers: 1 << 20 };

fn open(path: &Path) -> Result<RocksStorage, DirectoryError> {
    RocksStorage::open(CheckpointDirectory::open(path, "test", Time::ZERO)?, SMALL)
}

fn put(table: Table, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Change {
    Change::Put { table, key: key.as_ref().to_vec(), value: value.as_ref().to_vec() }
}

fn delete(table: Table, key: impl AsRef<[u8]>) -> Change {
    Change::Delete { table, key: key.as_ref().to_vec() }
}

/// Keys and their values.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn rows(storage: &RocksStorage, table: &Table, prefix: &[u8]) -> Result<Rows, StorageError> {
    let mut rows = Vec::new();
    storage.scan(table, prefix, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    })?;
    Ok(rows)
}

/// A directory in which `count` writes of 100 bytes were answered.
fn written(count: u64) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    for number in 0..count {
        storage.write(&[put(Table::Ledger, number.to_be_bytes(), [number as u8; 100])], Durability::Synced).unwrap();
    }
    dir
}

fn files(dir: &TempDir, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.path().join("db")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn log_of(dir: &TempDir) -> PathBuf {
    let mut logs = files(dir, "log").into_iter().filter(|path| fs::metadata(path).unwrap().len() > 0);
    logs.next_back().unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn size_of(path: &Path) -> u64 {
    let sizes = fs::read_dir(path).unwrap().map(|entry| {
        // Files go while they are counted.
        let path = entry.unwrap().path();
        if path.is_dir() { size_of(&path) } else { fs::metadata(path).map_or(0, |file| file.len()) }
    });
    sizes.sum()
}

#[test]
fn what_is_written_is_there_after_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (counts, big) = (Table::state("counts"), vec![7_u8; 100_000]);
    {
        let storage = open(dir.path()).unwrap();
        storage
            .write(
                &[
                    put(counts.clone(), "a", "1"),
                    put(counts.clone(), "ab", &big),
                    put(counts.clone(), "b", "2"),
                    put(Table::Meta, "a", "x"),
                    delete(counts.clone(), "b"),
                    delete(Table::state("never"), "b"),
                ],
                Durability::Synced,
            )
            .unwrap();
        storage.write(&[put(Table::state("other"), "z", "")], Durability::Ordered).unwrap();
    }
    let storage = open(dir.path()).unwrap();
    assert_eq!(rows(&storage, &counts, b"a").unwrap(), [(b"a".to_vec(), b"1".to_vec()), (b"ab".to_vec(), big)]);
    assert_eq!(rows(&storage, &counts, b"b").unwrap(), []);
    assert_eq!(storage.get(&Table::Meta, b"a").unwrap(), Some(b"x".to_vec()));
    assert_eq!(storage.get(&Table::state("never"), b"a").unwrap(), None);
    assert_eq!(storage.state_tables().unwrap(), ["counts".into(), "other".into()]);
    storage.drop_state("counts").unwrap();
    storage.drop_state("never").unwrap();
    assert_eq!(storage.get(&counts, b"a").unwrap(), None);
    drop(storage);
    assert_eq!(open(dir.path()).unwrap().state_tables().unwrap(), ["other".into()]);
}

#[test]
fn ranges_are_deleted_without_their_end_and_the_row_at_the_end_of_all_keys_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    let puts: Vec<Change> = (0..=255_u8).map(|key| put(Table::Offsets, [key], [key])).collect();
    storage.write(&puts, Durability::Ordered).unwrap();
    let range = |from: u8, to: u8| Change::DeleteRange { table: Table::Offsets, from: vec![from], to: vec![to] };
    storage.write(&[range(1, 255), range(9, 9), range(255, 3)], Durability::Synced).unwrap();
    assert_eq!(rows(&storage, &Table::Offsets, b"").unwrap(), [(vec![0], vec![0]), (vec![255], vec![255])]);
    assert_eq!(rows(&storage, &Table::Offsets, b"\xFF").unwrap().len(), 1);
}

#[test]
fn an_error_of_the_reader_ends_the_scan() {
    let dir = written(3);
    let storage = open(dir.path()).unwrap();
    let enough = StorageError::Unreadable { what: "a row".to_owned(), reason: "enough".to_owned() };
    let mut seen = 0;
    let ended = storage.scan(&Table::Ledger, b"", &mut |_, _| {
        seen += 1;
        Err(enough.clone())
    });
    assert_eq!((ended, seen), (Err(enough), 1));
}

#[test]
fn the_space_of_large_values_is_given_back_as_they_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path()).unwrap();
    let (live, largest) = (16_u64, 64 << 10);
    let mut most = 0;
    for number in 0..1_000_u64 {
        let value = vec![number as u8; largest];
        let mut changes = vec![put(Table::Blocks, number.to_be_bytes(), &value)];
        changes.extend(number.checked_sub(live).map(|old| delete(Table::Blocks, old.to_be_bytes())));
        storage.write(&changes, Durability::Ordered).unwrap();
        if number % 50 == 0 {
            most = most.max(size_of(dir.path()));
        }
    }
    let written = 1_000 * largest as u64;
    assert!(
        most < written / 4,
        "{most} bytes at most while {written} were written, {} of them live",
        live * largest as u64
    );
    assert_eq!(rows(&storage, &Table::Blocks, b"").unwrap().len(), 16);
}

#[test]
fn a_torn_write_at_the_end_of_the_log_is_cut_off() {
    let dir = written(50);
    let storage = open(dir.path()).unwrap();
    // Synchronised or not, it was not answered: that is what the note says.
    storage.write(&[put(Table::Ledger, 50_u64.to_be_bytes(), [50; 100])], Durability::Ordered).unwrap();
    drop(storage);
    let log = log_of(&dir);
    let whole = fs::read(&log).unwrap();
    for torn in [1, 20, 100] {
        fs::write(&log, &whole[..whole.len() - torn]).unwrap();
        // A copy, since opening writes.
        let copy = copy_of(&dir);
        let storage = open(copy.path()).unwrap();
        assert_eq!(rows(&storage, &Table::Ledger, b"").unwrap().len(), 50, "{torn} bytes torn off");
    }
}

fn copy_of(dir: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("db")).unwrap();
    for folder in ["", "db"] {
        for entry in fs::read_dir(dir.path().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    copy
}

#[test]
fn a_log_that_lacks_answered_writes_is_damage_until_the_note_is_deleted() {
    let dir = written(50);
    let log = log_of(&dir);
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 300]).unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("were durable and are gone") && error.contains("ACKNOWLEDGED"), "{error}");
    fs::remove_file(dir.path().join("ACKNOWLEDGED")).unwrap();
    let left = rows(&open(dir.path()).unwrap(), &Table::Ledger, b"").unwrap().len();
    assert!((40..50).contains(&left), "{left} writes left");
}

#[test]
fn any_flipped_bit_in_the_log_is_found() {
    let dir = written(50);
    let length = fs::metadata(log_of(&dir)).unwrap().len() as usize;
    for at in (0..length).step_by(97).chain([length - 1]) {
        let copy = copy_of(&dir);
        flip(&log_of(&copy), at);
        let opened = open(copy.path());
        assert!(matches!(opened, Err(DirectoryError::Damaged { .. })), "byte {at} of {length}: {opened:?}");
    }
}

#[test]
fn a_file_that_is_missing_or_has_a_flipped_bit_is_found_when_it_is_opened_or_read() {
    let dir = tempfile::tempdir().unwrap();
    {
        let storage = open(dir.path()).unwrap();
        for number in 0..200_u64 {
            let value: Vec<u8> = (0..20_000_u64).flat_map(|at| (at * number).to_le_bytes()).take(20_000).collect();
            storage.write(&[put(Table::state("s"), number.to_be_bytes(), value)], Durability::Synced).unwrap();
        }
    }
    // Opening writes what the log holds to files.
    drop(open(dir.path()).unwrap());
    let read = |dir: &TempDir| -> Result<usize, String> {
        let storage = open(dir.path()).map_err(|error| error.to_string())?;
        Ok(rows(&storage, &Table::state("s"), b"").map_err(|error| error.to_string())?.len())
    };
    assert_eq!(read(&copy_of(&dir)), Ok(200));
    let mut kinds = 0;
    for extension in ["sst", "blob", "log"] {
        for file in files(&dir, extension) {
            kinds += 1;
            let copy = copy_of(&dir);
            fs::remove_file(copy.path().join("db").join(file.file_name().unwrap())).unwrap();
            assert!(read(&copy).is_err(), "{} is missing", file.display());
            let length = fs::metadata(&file).unwrap().len() as usize;
            if extension == "blob" {
                let copy = copy_of(&dir);
                flip(&copy.path().join("db").join(file.file_name().unwrap()), length / 2);
                assert!(read(&copy).is_err(), "{} has a flipped bit", file.display());
            }
        }
    }
    assert!(kinds >= 3);
    for file in ["CURRENT", "FORMAT"] {
        let copy = copy_of(&dir);
        let path = if file == "FORMAT" { copy.path().join(file) } else { copy.path().join("db").join(file) };
        fs::write(path, "").unwrap();
        assert!(read(&copy).is_err(), "{file} is empty");
    }
    let copy = copy_of(&dir);
    let manifests = fs::read_dir(copy.path().join("db")).unwrap().map(|entry| entry.unwrap().path());
    for manifest in manifests.filter(|path| path.to_string_lossy().contains("MANIFEST")) {
        fs::remove_file(manifest).unwrap();
    }
    assert!(read(&copy).is_err(), "the manifest is missing");
}

#[test]
fn what_the_system_refuses_is_not_called_damage() {
    let copy = copy_of(&written(3));
    let current = copy.path().join("db").join("CURRENT");
    fs::remove_file(&current).unwrap();
    fs::create_dir(&current).unwrap();
    let error = open(copy.path()).unwrap_err();
    assert!(matches!(error, DirectoryError::Io { what: "open", .. }), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("Is a directory"), "{source}");
}

#[test]
fn a_note_that_was_changed_is_damage() {
    let dir = written(3);
    for damage in [&b""[..], b"0123456789abcdef"] {
        fs::write(dir.path().join("ACKNOWLEDGED"), damage).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("ACKNOWLEDGED cannot be read"), "{error}");
    }
    fs::remove_file(dir.path().join("ACKNOWLEDGED")).unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn one_directory_is_open_once() {
    let dir = written(1);
    let storage = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(DirectoryError::InUse { .. })));
    assert_eq!(storage.directory(), dir.path());
    drop(storage);
    open(dir.path()).unwrap();
}
