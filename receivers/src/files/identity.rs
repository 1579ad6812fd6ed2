//! Which file a file is, apart from its name.

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
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

    /// So many seconds since 1970, and nanoseconds after that.
    pub(super) fn at(seconds: i64, nanoseconds: u32) -> Stamp {
        Stamp { seconds, nanoseconds }
    }

    /// As births are written down: before 1970 by their distance to it.
    pub(super) fn of_birth(seconds: i64, nanoseconds: u32) -> Stamp {
        match seconds < 0 && nanoseconds > 0 {
            true => Stamp { seconds: seconds + 1, nanoseconds: 1_000_000_000_u32.saturating_sub(nanoseconds) },
            false => Stamp { seconds, nanoseconds },
        }
    }

    /// Whether it has no fraction of a second.
    pub(super) fn is_whole_second(&self) -> bool {
        self.nanoseconds == 0
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
