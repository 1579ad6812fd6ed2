//! A checkpoint directory: whose it is, who has it open, and in which format it is written.
//!
//! One process at a time has it open. Nothing in it is touched before it is certain that it is a checkpoint directory, of this
//! application, in a format that this version knows.

use super::keys::Paths;
use crate::time::Time;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use thiserror::Error;

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The longest file of ours that is read as text: they have a few lines.
const TEXT_LIMIT: u64 = 64 << 10;

/// A directory that cannot be used as the checkpoint directory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The system refused something.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process, or another context of this one, has it open.
    #[error(
        "the checkpoint directory {} is in use by {holder}: stop that one first, or give each application a directory of its own",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Who has it: process, application, since when.
        holder: String,
    },
    /// There is something else in it.
    #[error(
        "{} is not a checkpoint directory, and not empty (it holds {found:?}): nothing was touched; name an empty or a new directory",
        path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// It was to be looked into, and there is no sign that an application ever used it.
    #[error("{} is not a checkpoint directory: it has no file FORMAT; name the one that the application was given", path.display())]
    NotOne {
        /// The directory.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "the checkpoint directory {} has format {found}, and this version knows formats up to {FORMAT}: run the version that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another application wrote it.
    #[error(
        "the checkpoint directory {} belongs to the application {theirs:?}, not to {ours:?}: name another directory; \
         if it is the same application under a new name, change `application` in {}",
        path.display(),
        Paths::of(path).format().display()
    )]
    OtherApplication {
        /// The directory.
        path: PathBuf,
        /// The application that it belongs to.
        theirs: String,
        /// The application that asked for it.
        ours: String,
    },
    /// Something in it is not as it was written.
    #[error("the checkpoint directory {} is damaged: {reason}; restore it from a copy", path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The content of the format file.
#[derive(Debug, Serialize, Deserialize)]
struct Format {
    format: u32,
    application: String,
}

/// The content of the lock file.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    application: String,
    since: String,
}

/// A checkpoint directory that this process has open. Others can have it when this is dropped, or the process ends in any way.
#[derive(Debug)]
pub struct CheckpointDirectory {
    paths: Paths,
    application: String,
    /// Nothing was ever stored in it.
    new: bool,
    _lock: File,
}

impl CheckpointDirectory {
    /// Opens `path` for `application`, and makes it when there is none. `now` is told to those who find it in use.
    ///
    /// # Errors
    /// See [`DirectoryError`]. A directory that is refused is as it was.
    pub fn open(path: &Path, application: &str, now: Time) -> Result<CheckpointDirectory, DirectoryError> {
        let paths = Paths::of(path);
        fs::create_dir_all(path).map_err(io("create the checkpoint directory", path))?;
        let is_marked = paths.format().try_exists().map_err(io("look for", &paths.format()))?;
        if !is_marked {
            refuse_foreign(&paths)?;
        }
        let lock = lock(&paths, application, now)?;
        let new = if is_marked { check_format(&paths, application).map(|()| false)? } else { is_unused(&paths)? };
        if !new && !has_database(&paths)? {
            return Err(damaged(&paths, "its database has no file CURRENT"));
        }
        Ok(CheckpointDirectory { paths, application: application.to_owned(), new, _lock: lock })
    }

    /// Its files.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Whether nothing was ever stored in it.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// Writes down what the directory is, once there is a database in it: from here on one that lacks it is damaged.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[expect(clippy::disallowed_methods, reason = "the keeper's own directory")]
    pub fn mark(&self) -> Result<(), DirectoryError> {
        let (path, new, root) = (self.paths.format(), self.paths.new_format(), self.paths.root());
        let format = Format { format: FORMAT, application: self.application.clone() };
        let text = toml::to_string(&format).map_err(|error| damaged(&self.paths, error))?;
        let text = format!("# A checkpoint directory of Waterwheel. Its data is in db/.\n{text}");
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(io("write", &new))?;
        fs::rename(&new, &path).map_err(io("write", &path))?;
        sync_directory(root)?;
        match root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => sync_directory(parent),
            None => Ok(()),
        }
    }
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Io { what, path, source }
}

fn damaged(paths: &Paths, reason: impl ToString) -> DirectoryError {
    DirectoryError::Damaged { path: paths.root().to_owned(), reason: reason.to_string() }
}

fn sync_directory(path: &Path) -> Result<(), DirectoryError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(io("synchronise", path))
}

fn refuse_foreign(paths: &Paths) -> Result<(), DirectoryError> {
    let root = paths.root();
    for entry in fs::read_dir(root).map_err(io("list", root))? {
        let name = entry.map_err(io("list", root))?.file_name();
        if !paths.is_ours(&name) {
            return Err(DirectoryError::NotOurs { path: root.to_owned(), found: name.to_string_lossy().into_owned() });
        }
    }
    Ok(())
}

fn has_database(paths: &Paths) -> Result<bool, DirectoryError> {
    let current = paths.database().join("CURRENT");
    current.try_exists().map_err(io("look for", &current))
}

/// Whether a directory without a mark was never used: its making may have been cut short before or after the database was
/// whole, but there is nothing in it.
fn is_unused(paths: &Paths) -> Result<bool, DirectoryError> {
    if has_database(paths)? {
        return Ok(false);
    }
    let database = paths.database();
    let entries = match fs::read_dir(&database) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        entries => entries.map_err(io("list", &database))?,
    };
    for entry in entries {
        let path = entry.map_err(io("list", &database))?.path();
        let data =
            path.extension().is_some_and(|extension| ["log", "sst", "blob"].iter().any(|data| extension == *data));
        if data {
            return Err(damaged(paths, format!("FORMAT and db/CURRENT are missing, but there is {}", path.display())));
        }
    }
    Ok(true)
}

fn check_format(paths: &Paths, application: &str) -> Result<(), DirectoryError> {
    let format = read_format(paths)?;
    if format.application != application {
        return Err(DirectoryError::OtherApplication {
            path: paths.root().to_owned(),
            theirs: format.application,
            ours: application.to_owned(),
        });
    }
    Ok(())
}

/// The format and the application of a directory that is only looked into. Nothing is locked or made.
#[cfg(feature = "rocksdb")]
pub(super) fn recognise(paths: &Paths) -> Result<(u32, String), DirectoryError> {
    fs::read_dir(paths.root()).map_err(io("list", paths.root()))?;
    if !paths.format().try_exists().map_err(io("look for", &paths.format()))? {
        return Err(DirectoryError::NotOne { path: paths.root().to_owned() });
    }
    let Format { format, application } = read_format(paths)?;
    match has_database(paths)? {
        true => Ok((format, application)),
        false => Err(damaged(paths, "its database has no file CURRENT")),
    }
}

/// Who had the directory open last, as far as its file says.
#[cfg(feature = "rocksdb")]
pub(super) fn last_holder(paths: &Paths) -> String {
    holder(&paths.lock())
}

fn read_format(paths: &Paths) -> Result<Format, DirectoryError> {
    let text = read_text(&paths.format()).map_err(io("read", &paths.format()))?;
    let unreadable = |error: &dyn std::fmt::Display| damaged(paths, format!("its file FORMAT cannot be read: {error}"));
    // The number alone first: what else a later version writes is its own affair.
    let table: toml::Table = text.parse().map_err(|error| unreadable(&error))?;
    let found = table.get("format").and_then(toml::Value::as_integer).and_then(|format| u32::try_from(format).ok());
    match found {
        None | Some(0) => return Err(unreadable(&"it says no format")),
        Some(found) if found > FORMAT => {
            return Err(DirectoryError::Newer { path: paths.root().to_owned(), found });
        }
        Some(_) => {}
    }
    toml::from_str(&text).map_err(|error| unreadable(&error))
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(TEXT_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

/// Takes the lock and writes down who has it.
fn lock(paths: &Paths, application: &str, now: Time) -> Result<File, DirectoryError> {
    let path = paths.lock();
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(io("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(DirectoryError::InUse { path: paths.root().to_owned(), holder: holder(&path) });
        }
        Err(error) => return Err(io("lock", &path)(error.into())),
    }
    let since = UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0)));
    let since = humantime::format_rfc3339_seconds(since.unwrap_or(UNIX_EPOCH)).to_string();
    let holder = Holder { pid: std::process::id(), application: application.to_owned(), since };
    let text = toml::to_string(&holder).map_err(|error| damaged(paths, error))?;
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
    written.map_err(io("write", &path))?;
    Ok(file)
}

/// Who has the lock, as far as the file says.
fn holder(path: &Path) -> String {
    let holder = read_text(path).ok().and_then(|text| toml::from_str(&text).ok());
    holder.map_or_else(
        || "another process, which is just opening it".to_owned(),
        |Holder { pid, application, since }| format!("process {pid} (application {application:?}, since {since})"),
    )
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests damage the directory")]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_700_000_000_000);

    fn open(path: &Path, application: &str) -> Result<CheckpointDirectory, DirectoryError> {
        CheckpointDirectory::open(path, application, NOW)
    }

    /// A directory as the first start of `clicks` leaves it.
    fn marked() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let directory = open(dir.path(), "clicks").unwrap();
        fs::create_dir(directory.paths().database()).unwrap();
        fs::write(directory.paths().database().join("CURRENT"), "MANIFEST-000001\n").unwrap();
        directory.mark().unwrap();
        dir
    }

    #[test]
    fn a_directory_that_is_missing_is_made_and_is_new_until_it_is_marked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("not/yet");
        assert!(open(&path, "clicks").unwrap().is_new());
        assert!(open(&path, "clicks").unwrap().is_new(), "nothing was stored");
        assert!(!open(marked().path(), "clicks").unwrap().is_new());
    }

    #[test]
    fn a_directory_in_use_says_who_has_it_and_is_free_when_that_is_gone() {
        let dir = marked();
        let first = open(dir.path(), "clicks").unwrap();
        let error = open(dir.path(), "clicks").unwrap_err().to_string();
        let holder =
            format!("in use by process {} (application \"clicks\", since 2023-11-14T22:13:20Z)", std::process::id());
        assert!(error.contains(&holder), "{error}");
        drop(first);
        open(dir.path(), "clicks").unwrap();
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_refused_and_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "text").unwrap();
        let error = open(dir.path(), "clicks").unwrap_err();
        assert!(matches!(&error, DirectoryError::NotOurs { found, .. } if found == "thesis.tex"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let file = dir.path().join("thesis.tex");
        assert!(matches!(open(&file, "clicks"), Err(DirectoryError::Io { .. })));
    }

    #[test]
    fn the_directory_of_another_application_is_refused_with_both_names() {
        let dir = marked();
        let format = || fs::read(dir.path().join("FORMAT")).unwrap();
        let before = format();
        let error = open(dir.path(), "orders").unwrap_err();
        assert_eq!(format(), before);
        assert!(
            matches!(&error, DirectoryError::OtherApplication { theirs, ours, .. } if theirs == "clicks" && ours == "orders")
        );
        assert!(error.to_string().contains("FORMAT"), "{error}");
        open(dir.path(), "clicks").unwrap();
    }

    #[test]
    fn a_newer_format_is_refused_whatever_else_it_says() {
        let dir = marked();
        fs::write(dir.path().join("FORMAT"), "format = 2\napplications = [\"clicks\", \"orders\"]\n").unwrap();
        let error = open(dir.path(), "clicks").unwrap_err();
        assert!(matches!(error, DirectoryError::Newer { found: 2, .. }), "{error}");
    }

    #[test]
    fn a_format_that_cannot_be_read_is_damage() {
        for text in ["", "format = ", "format = -1", "format = 0\napplication = 'clicks'", "format = 1", "\u{0}\u{0}"] {
            let dir = marked();
            fs::write(dir.path().join("FORMAT"), text).unwrap();
            assert!(matches!(open(dir.path(), "clicks"), Err(DirectoryError::Damaged { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_database_that_has_lost_its_head_is_damage_and_one_never_finished_is_new() {
        let dir = marked();
        fs::remove_file(dir.path().join("db/CURRENT")).unwrap();
        assert!(matches!(open(dir.path(), "clicks"), Err(DirectoryError::Damaged { .. })));
        fs::remove_file(dir.path().join("FORMAT")).unwrap();
        assert!(open(dir.path(), "clicks").unwrap().is_new(), "it was never whole");
        fs::write(dir.path().join("db/000007.log"), "records").unwrap();
        assert!(matches!(open(dir.path(), "clicks"), Err(DirectoryError::Damaged { .. })));
    }
}
