//! The directory that one save writes to, under a name of its own, and what crashes have left of such directories.
//!
//! Whoever writes holds a lock on the directory, which the system takes back when the process ends, however it ends. So a
//! directory that nobody has locked is left from a crash, whichever process or container it was written by.

use super::durable::{Lock, lock, parent, remove_directory};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What the names end with.
const UNFINISHED: &str = ".unfinished";

/// Digits that tell the saves of one name apart.
const DIGITS: usize = 16;

/// A directory of one save, which goes with it unless it is kept.
pub(super) struct Unfinished {
    path: PathBuf,
    kept: bool,
    /// `None` where directories cannot be locked. Given back after the directory is removed.
    _lock: Option<File>,
}

impl Unfinished {
    /// Makes an empty one beside `finished`, whose parent is there.
    pub(super) fn beside(finished: &Path) -> io::Result<Unfinished> {
        loop {
            let mut name = name_start(finished);
            name.push(format!("{:0DIGITS$x}{UNFINISHED}", rand::random::<u64>()));
            let path = finished.with_file_name(name);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            // Before it was locked, another save may have taken it for one that is left from a crash.
            let held = match lock(&path) {
                Lock::Theirs => continue,
                Lock::Mine(held) => Some(held),
                Lock::Unknown => None,
            };
            if path.try_exists()? {
                return Ok(Unfinished { path, kept: false, _lock: held });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It stays where it is when this is dropped; if it is there then, the next save over the same name removes it.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Err(error) = remove_directory(&self.path) {
            log::warn!("{} is of a save that failed and could not be removed: {error}", self.path.display());
        }
    }
}

/// Removes what crashes have left beside `finished`, and nothing that may still be written to.
pub(super) fn remove_leftovers(finished: &Path) -> io::Result<()> {
    let start = name_start(finished);
    for entry in fs::read_dir(parent(finished))? {
        let name = entry?.file_name();
        if !is_unfinished(&name, &start) {
            continue;
        }
        let path = finished.with_file_name(name);
        let Lock::Mine(_held) = lock(&path) else { continue };
        if let Err(error) = remove_directory(&path) {
            // It hurts nobody, and the next save tries again.
            log::warn!("{} is left from a crash and could not be removed: {error}", path.display());
        }
    }
    Ok(())
}

/// `_counts.` for `counts`.
fn name_start(finished: &Path) -> OsString {
    let mut start = OsString::from("_");
    start.push(finished.file_name().unwrap_or_default());
    start.push(".");
    start
}

fn is_unfinished(name: &OsString, start: &OsString) -> bool {
    let digits = name.as_encoded_bytes().strip_prefix(start.as_encoded_bytes());
    let digits = digits.and_then(|rest| rest.strip_suffix(UNFINISHED.as_bytes()));
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit))
}
