//! Directories whose entries survive a crash: made, renamed and swapped.
//!
//! A file that was synced can still be lost with its name: the name is an entry of its directory, and that has to be synced,
//! too. Everything here that changes a directory syncs it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Where `path` lies.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Makes the entries of a directory durable. Where directories cannot be opened (Windows) the file system does it itself.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Makes a directory and those above it that are missing, durably.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    if above != path {
        create_directory(above)?;
    }
    match fs::create_dir(path) {
        // Another writer may have made it in between.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(above),
    }
}

/// Renames a directory within its parent, durably.
#[expect(clippy::disallowed_methods, reason = "the files of an output are its own")]
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(parent(to))
}

/// Swaps two directories of one parent in one step, durably. `false`: this file system cannot, and nothing was done.
pub(super) fn swap(one: &Path, other: &Path) -> io::Result<bool> {
    let swapped = swap_names(one, other)?;
    if swapped {
        sync_directory(parent(one))?;
    }
    Ok(swapped)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn swap_names(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        // What old kernels, network and overlay file systems answer.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn swap_names(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Who has locked the directory of a name.
pub(super) enum Lock {
    /// This call has, until the file is closed.
    Mine(File),
    /// Somebody else: another process or another save of this one.
    Theirs,
    /// There is no directory of that name, or not the one any more that was locked.
    Gone,
    /// It cannot be told: this system or file system does not lock directories.
    Unknown,
}

/// Tries to lock a directory. The lock ends with the process at the latest.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn lock(path: &Path) -> Lock {
    use rustix::fs::{FlockOperation, flock, fstat, stat};
    use rustix::io::Errno;
    let directory = match File::open(path) {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Lock::Gone,
        Err(_) => return Lock::Unknown,
    };
    match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Lock::Theirs,
        Err(_) => return Lock::Unknown,
    }
    // Whoever had the lock before may have moved or removed the directory between the two.
    match (fstat(&directory), stat(path)) {
        (Ok(locked), Ok(named)) if (locked.st_dev, locked.st_ino) == (named.st_dev, named.st_ino) => {
            Lock::Mine(directory)
        }
        (Ok(_), Ok(_) | Err(Errno::NOENT)) => Lock::Gone,
        (Err(_), _) | (_, Err(_)) => Lock::Unknown,
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn lock(path: &Path) -> Lock {
    if path.exists() { Lock::Unknown } else { Lock::Gone }
}

/// Removes a directory and everything in it, if it is there.
#[expect(clippy::disallowed_methods, reason = "the files of an output are its own")]
pub(super) fn remove_directory(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
