//! The directory that one save writes to, and what crashes have left of such directories.
//!
//! The saves of one name have numbered places, `_counts.0.unfinished`, `_counts.1.unfinished`, ...; a save takes the first that
//! is free. Whoever writes holds a lock on the directory, which the system takes back when the process ends, however it ends. So
//! a place that nobody has locked is left from a crash, whichever process or container it was written by, and is used again.
//! Nothing is ever listed: what a save costs does not depend on how much lies beside it.
//!
//! A lock counts only while the name still leads to the directory that was locked, and only who holds it removes a directory.

use super::durable::{Lock, lock, remove_directory};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What the names end with.
const UNFINISHED: &str = ".unfinished";

/// How many places are tried before a save gives up: far more than there are saves of one name at once.
const MAX_TRIES: u32 = 10_000;

/// How many places behind its own a save looks at for what crashes have left.
const LOOK_AHEAD: u32 = 16;

/// A directory of one save, which goes with it unless it is kept.
pub(super) struct Unfinished {
    path: PathBuf,
    kept: bool,
    /// `None` where directories cannot be locked. Given back after the directory is removed.
    lock: Option<File>,
}

impl Unfinished {
    /// Makes an empty one beside `finished`, whose parent is there, and removes what crashes have left in the places next to it.
    pub(super) fn beside(finished: &Path) -> io::Result<Unfinished> {
        let mut number = 0;
        for _ in 0..MAX_TRIES {
            let path = place(finished, number);
            let made = match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
                made => made.map(|()| true)?,
            };
            match (made, lock(&path)) {
                (true, Lock::Mine(held)) => {
                    remove_leftovers(finished, number + 1);
                    return Ok(Unfinished { path, kept: false, lock: Some(held) });
                }
                (true, Lock::Unknown) => return Ok(Unfinished { path, kept: false, lock: None }),
                (false, Lock::Mine(_held)) if removed(&path) => {}
                (false, Lock::Mine(_) | Lock::Theirs | Lock::Unknown) => number += 1,
                // Between two steps of this loop another save has removed it. It may have taken the one that was just made for
                // one that is left from a crash.
                (true, Lock::Theirs) | (_, Lock::Gone) => {}
            }
        }
        let last = place(finished, number);
        Err(io::Error::other(format!("{MAX_TRIES} places up to {} are in use; remove them", last.display())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It stays where it is when this is dropped; if it is there then, the next save over the same name removes it.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Removes what has its name now, after the two have been swapped, unless another save is already doing that.
    pub(super) fn remove_swapped(mut self) {
        // What is in place needs no lock any more. Whoever replaces it in turn will want to lock it, to remove it.
        let lockable = self.lock.take().is_some();
        match lock(&self.path) {
            Lock::Mine(_held) => _ = removed(&self.path),
            // Nobody else takes a place that cannot be locked.
            Lock::Unknown if !lockable => _ = removed(&self.path),
            Lock::Theirs | Lock::Gone | Lock::Unknown => {}
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            removed(&self.path);
        }
    }
}

/// Removes what a crash of several saves at once has left in the places from `number` on.
fn remove_leftovers(finished: &Path, number: u32) {
    for number in number..number.saturating_add(LOOK_AHEAD) {
        let path = place(finished, number);
        if let Lock::Mine(_held) = lock(&path) {
            removed(&path);
        }
    }
}

/// Removes a directory, if it can be. One that stays hurts nobody, and the next save tries again.
fn removed(path: &Path) -> bool {
    let removed = remove_directory(path);
    if let Err(error) = &removed {
        log::warn!("{} is of a save that has ended and could not be removed: {error}", path.display());
    }
    removed.is_ok()
}

/// `_counts.0.unfinished` for `counts`.
fn place(finished: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from("_");
    name.push(finished.file_name().unwrap_or_default());
    name.push(format!(".{number}{UNFINISHED}"));
    finished.with_file_name(name)
}
