//! What the tests share: a directory to write into, and programs that read it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::durable::{MemoryStorage, Storage, Table, keys};

/// A directory that goes with its test.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    /// The directory that programs read.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        fs::write(self.join(name), content).unwrap();
    }

    pub(crate) fn append(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        File::options().append(true).open(self.join(name)).unwrap().write_all(content.as_ref()).unwrap();
    }

    /// Writes it under another name and renames it.
    pub(crate) fn rename_in(&self, name: &str, content: impl AsRef<[u8]>) {
        let unfinished = self.join(format!(".{name}.tmp"));
        fs::write(&unfinished, content).unwrap();
        fs::rename(unfinished, self.join(name)).unwrap();
    }

    pub(crate) fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        fs::rename(self.join(from), self.join(to)).unwrap();
    }

    pub(crate) fn remove(&self, name: impl AsRef<Path>) {
        fs::remove_file(self.join(name)).unwrap();
    }

    /// Has it look as if it was written so many seconds after 1970.
    pub(crate) fn set_modified(&self, name: impl AsRef<Path>, seconds: u64) {
        let file = File::options().append(true).open(self.join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
}

/// Options of a mode.
pub(crate) fn mode(mode: FileMode) -> FileOptions {
    FileOptions::default().mode(mode)
}

/// A program of batches of one second over the lines of `directory`.
pub(crate) fn lines(directory: impl AsRef<Path>, options: FileOptions) -> (TestProgram, Probe<String>) {
    TestRun::new().start(|ssc| ssc.text_file_stream_with(directory, options).probe()).unwrap()
}

/// The next batch.
pub(crate) fn batch<T: Data>(test: &mut TestProgram, probe: &Probe<T>) -> Vec<T> {
    batches(test, probe, 1).concat()
}

/// The next batches, one after another.
pub(crate) fn batches<T: Data>(test: &mut TestProgram, probe: &Probe<T>, count: u64) -> Vec<Vec<T>> {
    test.advance(count).unwrap();
    probe.take().into_iter().map(|batch| batch.expect("there is a dataset in every batch")).collect()
}

/// A program over a storage, with batches of one second from `seconds` on.
pub(crate) fn durable(
    seconds: i64,
    storage: &MemoryStorage,
    program: impl FnOnce(&StreamingContext) -> Probe<String>,
) -> (TestProgram, Probe<String>) {
    let storage = Arc::new(storage.clone());
    let begun = TestRun::new().begin(Time::from_millis(seconds * 1000)).start(|ssc| {
        ssc.checkpoint_to(storage);
        program(ssc)
    });
    begun.unwrap()
}

/// How many files are remembered.
pub(crate) fn remembered(storage: &dyn Storage) -> usize {
    let mut rows = 0;
    let mut count = |key: &[u8], _: &[u8]| {
        // One row is not of a file, and has no key of its own: it says that there was a first start.
        rows += usize::from(keys::source_and_key(key).is_some_and(|(_, key)| !key.is_empty()));
        Ok(())
    };
    storage.scan(&Table::Memory, &[], &mut count).unwrap();
    rows
}
