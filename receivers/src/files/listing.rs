//! Looking at directories: which files are there now.

#[cfg(test)]
mod tests;

use super::disk::{Disk, Entry, Facts, Kind, System};
use super::identity::{FileId, Stamp};
use super::names::is_hidden;
use super::options::{FileOptions, Filter};
use super::pattern::Pattern;
use super::stillness::{Quiet, Stillness, When};
use std::collections::BTreeSet;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Directories in directories, at most. Links cannot make more of them than there are, so nobody has so many.
const DEEPEST: usize = 256;

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) size: u64,
    pub(super) modified: Stamp,
    /// Whether the filter wants it. Others are listed when their number is that of a file that is known: one that was renamed.
    pub(super) wanted: bool,
}

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In no particular order; a file with several names more than once.
    pub(super) files: Vec<Listed>,
    /// What could not be looked at: of what is below, nothing is known.
    pub(super) failed: Vec<(PathBuf, io::Error)>,
    /// The devices of what was found. What is on another one may only be unmounted.
    pub(super) devices: BTreeSet<u64>,
    /// Numbers of known files whose names were there and led to them no more: they were renamed since, or are gone.
    pub(super) glimpsed: BTreeSet<u64>,
    /// Whether names changed meanwhile. If they did not, what is in none of all these was not there when the listing ended.
    pub(super) quiet: Quiet,
}

/// Looks at the directories of a stream.
pub(super) struct Lister<D = System> {
    disk: D,
    pattern: Pattern,
    filter: Filter,
    recursive: bool,
    follow_links: bool,
    stillness: Stillness,
}

impl<D: Disk> Lister<D> {
    pub(super) fn new(disk: D, pattern: Pattern, options: &FileOptions) -> Lister<D> {
        let FileOptions { filter, recursive, follow_links, .. } = options;
        let (filter, stillness) = (filter.clone(), Stillness::default());
        Lister { disk, pattern, filter, recursive: *recursive, follow_links: *follow_links, stillness }
    }

    /// What is there now. `is_known` says whether a file with that number is known, `now` is the engine's monotonic clock.
    pub(super) fn list(&mut self, is_known: &dyn Fn(u64) -> bool, now: &dyn Fn() -> Duration) -> (Listing, When) {
        let began = now();
        let found = self.pattern.find();
        let mut walk = Walk { lister: self, is_known, out: Listing::default(), read: Vec::new(), above: Vec::new() };
        walk.out.failed = found.failed;
        for directory in found.directories {
            walk.directory(directory);
        }
        let Walk { mut out, read, .. } = walk;
        // Behind all that was read: what was moved from one directory into another has left its mark by now.
        let mut directories: Vec<_> = read
            .into_iter()
            .map(|(path, this)| {
                let stamp = self.disk.stamp(&path).ok().filter(|stamp| (stamp.device, stamp.inode) == this);
                (path, stamp)
            })
            .collect();
        for path in found.read {
            let stamp = self.disk.stamp(&path).ok();
            out.devices.extend(stamp.map(|stamp| stamp.device));
            directories.push((path, stamp));
        }
        let when = When { began, ended: now() };
        out.quiet = self.stillness.of(directories, when);
        (out, when)
    }
}

struct Walk<'a, D> {
    lister: &'a Lister<D>,
    is_known: &'a dyn Fn(u64) -> bool,
    out: Listing,
    /// The directories that were read, by their paths; their devices and numbers.
    read: Vec<(PathBuf, (u64, u64))>,
    /// The directories above the one that is read: a link to one of them would never end.
    above: Vec<(u64, u64)>,
}

impl<D: Disk> Walk<'_, D> {
    fn directory(&mut self, path: PathBuf) {
        let disk = &self.lister.disk;
        let (directory, this) = match disk.open(&path) {
            Ok(opened) => opened,
            // It was there when the one above was read, and is gone since, or renamed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.above.is_empty() => return,
            Err(error) => return self.out.failed.push((path, error)),
        };
        if self.above.contains(&this) {
            return;
        }
        if self.above.len() == DEEPEST {
            let error = io::Error::other(format!("directories are looked into {DEEPEST} deep"));
            return self.out.failed.push((path, error));
        }
        let mut entries = Vec::new();
        // All names first: the shorter that takes, the less is renamed meanwhile.
        if let Err(error) = disk.entries(&directory, &mut |entry| entries.push(entry)) {
            self.out.failed.push((path.clone(), error));
        }
        self.out.devices.insert(this.0);
        let mut below = Vec::new();
        for entry in entries {
            let path = path.join(&entry.name);
            match self.entry(&directory, &entry, &path) {
                Ok(Some(Found::Directory)) => below.push(path),
                Ok(Some(Found::File { facts, wanted })) => self.file(path, facts, wanted),
                Ok(None) => {}
                // It was there when its directory was read: a link that leads nowhere, or it is gone since, or renamed; then whoever
                // knows it waits for another listing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.out.failed.push((path, error)),
            }
        }
        self.read.push((path, this));
        // No more files are open than one, however deep directories are.
        drop(directory);
        self.above.push(this);
        for path in below {
            self.directory(path);
        }
        self.above.pop();
    }

    /// What is behind a name, if it is of interest.
    fn entry(&mut self, directory: &D::Directory, entry: &Entry, path: &Path) -> io::Result<Option<Found>> {
        let look = |follow| self.lister.disk.look(directory, &entry.name, follow);
        let kind = entry.kind.map_or_else(|| look(false).map(|facts| facts.kind), Ok)?;
        match kind {
            Kind::File => {
                let is_known = (self.is_known)(entry.inode);
                let wanted = (self.lister.filter)(path);
                if !wanted && !is_known {
                    return Ok(None);
                }
                let looked = look(false);
                let is_it = looked.as_ref().is_ok_and(|facts| facts.id.inode == entry.inode);
                if is_known && !is_it {
                    self.out.glimpsed.insert(entry.inode);
                }
                Ok(Some(looked?).filter(|facts| facts.kind == Kind::File).map(|facts| Found::File { facts, wanted }))
            }
            Kind::Directory => Ok(self.is_below(path).then_some(Found::Directory)),
            Kind::Link if self.lister.follow_links => {
                let facts = look(true)?;
                match facts.kind {
                    Kind::Directory => Ok(self.is_below(path).then_some(Found::Directory)),
                    Kind::File if (self.lister.filter)(path) => Ok(Some(Found::File { facts, wanted: true })),
                    _ => Ok(None),
                }
            }
            Kind::Link | Kind::Other => Ok(None),
        }
    }

    /// Whether a directory in a directory is read.
    fn is_below(&self, path: &Path) -> bool {
        let hidden = path.file_name().is_some_and(|name| is_hidden(name.as_bytes()));
        self.lister.recursive && !hidden
    }

    fn file(&mut self, path: PathBuf, facts: Facts, wanted: bool) {
        let Facts { id, size, modified, .. } = facts;
        // Layered file systems have files on other devices than their directories.
        self.out.devices.insert(id.device);
        self.out.files.push(Listed { path, id, size, modified, wanted });
    }
}

/// What is behind a name.
enum Found {
    File { facts: Facts, wanted: bool },
    Directory,
}
