//! What is asked of the file system when directories are looked at. Behind a trait, so that tests can have files renamed between
//! any two questions.

#[cfg(test)]
pub(super) mod meddling;

use super::identity::{FileId, Stamp};
#[cfg(target_os = "linux")]
use rustix::fs::statx;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, stat, statat};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: OsString,
    /// The number that the directory has for it. Of something that is mounted there, and on some layered file systems, it has another.
    pub(super) inode: u64,
    /// `None` where directories do not tell.
    pub(super) kind: Option<Kind>,
}

/// What is behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    pub(super) id: FileId,
    pub(super) size: u64,
    pub(super) modified: Stamp,
}

/// Which directory it is, and how its file system marks that names in it came, went or changed: then both of its times do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DirectoryStamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) modified: Stamp,
    pub(super) changed: Stamp,
}

impl DirectoryStamp {
    /// Two changes so far apart have different times. File systems write down the tick of their system, which is 10 ms at most, but for
    /// some that know only seconds, or every other second: their times have no fraction.
    pub(super) fn grain(&self) -> Duration {
        match self.modified.is_whole_second() && self.changed.is_whole_second() {
            true => Duration::from_secs(4),
            false => Duration::from_millis(100),
        }
    }
}

/// See the module.
pub(super) trait Disk {
    /// A directory that is open.
    type Directory;

    /// Opens a directory; how it is then.
    fn open(&self, path: &Path) -> io::Result<(Self::Directory, DirectoryStamp)>;

    /// The names in it. A name that is there all the while is among them; one that comes, goes or changes meanwhile may be.
    fn entries(&self, directory: &Self::Directory, each: &mut dyn FnMut(Entry)) -> io::Result<()>;

    /// What is behind the name `name` of the directory, or, if that is a link and `follow` says so, where it leads.
    fn look(&self, directory: &Self::Directory, name: &OsStr, follow: bool) -> io::Result<Facts>;

    /// How the directory of that name is now: as the server has it, where there is one.
    fn stamp(&self, path: &Path) -> io::Result<DirectoryStamp>;
}

/// What a client of a server remembers of its directories may be a minute old.
#[cfg(target_os = "linux")]
const FRESH: AtFlags = AtFlags::STATX_FORCE_SYNC;

/// The file systems of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct System;

impl Disk for System {
    type Directory = OwnedFd;

    fn open(&self, path: &Path) -> io::Result<(OwnedFd, DirectoryStamp)> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty())?;
        #[cfg(target_os = "linux")]
        if let Some(told) = linux::told(statx(&directory, c"", AtFlags::EMPTY_PATH | FRESH, linux::STAMP))? {
            return Ok((directory, linux::stamp(&told)));
        }
        let stamp = DirectoryStamp::told(&fstat(&directory)?);
        Ok((directory, stamp))
    }

    fn entries(&self, directory: &OwnedFd, each: &mut dyn FnMut(Entry)) -> io::Result<()> {
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let kind = Some(entry.file_type()).filter(|kind| *kind != FileType::Unknown).map(Kind::from);
                each(Entry { name: OsStr::from_bytes(name).to_owned(), inode: entry.ino(), kind });
            }
        }
        Ok(())
    }

    fn look(&self, directory: &OwnedFd, name: &OsStr, follow: bool) -> io::Result<Facts> {
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        #[cfg(target_os = "linux")]
        if let Some(told) = linux::told(statx(directory, name, flags, linux::FACTS))? {
            return Ok(linux::facts(&told));
        }
        Ok(Facts::without_birth(&statat(directory, name, flags)?))
    }

    fn stamp(&self, path: &Path) -> io::Result<DirectoryStamp> {
        #[cfg(target_os = "linux")]
        if let Some(told) = linux::told(statx(CWD, path, FRESH, linux::STAMP))? {
            return Ok(linux::stamp(&told));
        }
        Ok(DirectoryStamp::told(&stat(path)?))
    }
}

impl Facts {
    /// What is behind an open file.
    pub(super) fn of(file: impl AsFd) -> io::Result<Facts> {
        #[cfg(target_os = "linux")]
        if let Some(told) = linux::told(statx(&file, c"", AtFlags::EMPTY_PATH, linux::FACTS))? {
            return Ok(linux::facts(&told));
        }
        Ok(Facts::without_birth(&fstat(&file)?))
    }

    /// As systems tell that do not tell when files came to be.
    #[allow(clippy::unnecessary_cast, reason = "systems differ in the types of these fields")]
    fn without_birth(told: &Stat) -> Facts {
        Facts {
            kind: FileType::from_raw_mode(told.st_mode).into(),
            id: FileId { device: told.st_dev as u64, inode: told.st_ino as u64, born: None },
            size: told.st_size.unsigned_abs(),
            modified: Stamp::at(told.st_mtime as i64, told.st_mtime_nsec as u32),
        }
    }
}

impl DirectoryStamp {
    #[allow(clippy::unnecessary_cast, reason = "systems differ in the types of these fields")]
    fn told(told: &Stat) -> DirectoryStamp {
        let Facts { id: FileId { device, inode, .. }, modified, .. } = Facts::without_birth(told);
        let changed = Stamp::at(told.st_ctime as i64, told.st_ctime_nsec as u32);
        DirectoryStamp { device, inode, modified, changed }
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Kind {
        match kind {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{DirectoryStamp, Facts, FileId, Stamp};
    use rustix::fs::{FileType, Statx, StatxFlags, StatxTimestamp, makedev};
    use rustix::io::Errno;
    use std::io;

    /// What is asked of a file: the less, the less it costs.
    pub(super) const FACTS: StatxFlags = StatxFlags::TYPE
        .union(StatxFlags::INO)
        .union(StatxFlags::SIZE)
        .union(StatxFlags::MTIME)
        .union(StatxFlags::BTIME);
    /// And of a directory.
    pub(super) const STAMP: StatxFlags = StatxFlags::INO.union(StatxFlags::MTIME).union(StatxFlags::CTIME);

    /// `None` on systems that do not have the question.
    pub(super) fn told(told: Result<Statx, Errno>) -> io::Result<Option<Statx>> {
        match told {
            Err(Errno::NOSYS) => Ok(None),
            told => Ok(Some(told?)),
        }
    }

    pub(super) fn facts(told: &Statx) -> Facts {
        let has_birth = StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::BTIME);
        let born = has_birth.then(|| Stamp::of_birth(told.stx_btime.tv_sec, told.stx_btime.tv_nsec));
        Facts {
            kind: FileType::from_raw_mode(told.stx_mode.into()).into(),
            id: FileId { device: device(told), inode: told.stx_ino, born },
            size: told.stx_size,
            modified: at(&told.stx_mtime),
        }
    }

    pub(super) fn stamp(told: &Statx) -> DirectoryStamp {
        let (modified, changed) = (at(&told.stx_mtime), at(&told.stx_ctime));
        DirectoryStamp { device: device(told), inode: told.stx_ino, modified, changed }
    }

    fn device(told: &Statx) -> u64 {
        makedev(told.stx_dev_major, told.stx_dev_minor)
    }

    fn at(time: &StatxTimestamp) -> Stamp {
        Stamp::at(time.tv_sec, time.tv_nsec)
    }
}
