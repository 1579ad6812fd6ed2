//! Which file a file is, apart from its name.

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fmt, io};

/// Opens a file for reading. What has become a pipe since it was listed does not hold up whoever opens it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // It fits: it is the system's own type.
    let flags = OFlags::NONBLOCK.bits() as i32;
    File::options().read(true).custom_flags(flags).open(path)
}

/// A moment as the file system has written it down. Only ever compared for being equal: whose clock it is, and whether that is
/// right, plays no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Stamp {
    seconds: i64,
    nanoseconds: u32,
}

impl Stamp {
    #[cfg(test)]
    pub(super) fn new(seconds: i64) -> Stamp {
        Stamp { seconds, nanoseconds: 0 }
    }

    /// When the content of a file was changed last.
    pub(super) fn modified(metadata: &Metadata) -> Stamp {
        Stamp { seconds: metadata.mtime(), nanoseconds: u32::try_from(metadata.mtime_nsec()).unwrap_or_default() }
    }

    /// When a file came to be, where the file system knows.
    fn born(metadata: &Metadata) -> Option<Stamp> {
        let born = metadata.created().ok()?;
        // Before 1970 it is told apart by its distance all the same.
        let (since, sign) = match born.duration_since(UNIX_EPOCH) {
            Ok(since) => (since, 1),
            Err(before) => (before.duration(), -1),
        };
        let seconds = i64::try_from(since.as_secs()).ok()? * sign;
        Some(Stamp { seconds, nanoseconds: since.subsec_nanos() })
    }
}

/// What makes a file the same file whatever it is called: its device, its number there, and the moment it came to be, since
/// numbers are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) born: Option<Stamp>,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> FileId {
        FileId { device: metadata.dev(), inode: metadata.ino(), born: Stamp::born(metadata) }
    }

    /// Whether it may be `other` as another system has it, or the same one after it was mounted anew or upgraded: some number
    /// devices whenever they mount them, and not all tell births.
    pub(super) fn may_be(&self, other: &FileId) -> bool {
        self.inode == other.inode && (self.born == other.born || self.born.is_none() || other.born.is_none())
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inode {} of device {:#x}", self.inode, self.device)
    }
}
