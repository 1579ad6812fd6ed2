//! Looking at directories: which files are there now.

#[cfg(test)]
mod tests;

use super::disk::{Disk, Entry, Facts, Kind, System};
use super::identity::{FileId, Stamp};
use super::names::is_hidden;
use super::options::{FileMode, FileOptions, Filter, WhenGrown};
use super::pattern::Pattern;
use super::stillness::{Quiet, Stillness, When};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Directories in directories, at most. Links cannot make more of them than there are, so nobody has so many.
const DEEPEST: usize = 256;

/// So many complete files are looked at again in a listing, in turns: nothing but a change of their content, which is to be told, can be new
/// there.
const LOOKS_AGAIN: u64 = 500;

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
    /// Whether files are complete once they were read.
    are_whole: bool,
    stillness: Stillness,
    /// What the last listing found, by directory.
    last: HashMap<PathBuf, Names>,
    /// The first of the complete files that is to be looked at again.
    turn: u64,
    looks_again: u64,
}

/// What is asked of whoever knows files.
#[derive(Clone, Copy)]
pub(super) struct Asks<'a> {
    /// Whether a file with that number is known.
    pub(super) is_known: &'a dyn Fn(u64) -> bool,
    /// Whether that file was read.
    pub(super) was_read: &'a dyn Fn(&FileId) -> bool,
}

/// The names of a directory, and what was behind those that were looked at and are files.
struct Names {
    entries: Vec<Entry>,
    facts: Vec<Option<Facts>>,
}

impl Names {
    /// What was behind that name, which is at this place of the directory.
    fn at(&self, place: usize, entry: &Entry) -> Option<Facts> {
        self.entries.get(place).filter(|before| *before == entry).and_then(|_| *self.facts.get(place)?)
    }
}

impl<D: Disk> Lister<D> {
    pub(super) fn new(disk: D, pattern: Pattern, options: &FileOptions) -> Lister<D> {
        let FileOptions { filter, recursive, follow_links, mode, when_grown, .. } = options;
        Lister {
            disk,
            pattern,
            filter: filter.clone(),
            recursive: *recursive,
            follow_links: *follow_links,
            are_whole: *mode != FileMode::Tail && *when_grown == WhenGrown::Report,
            stillness: Stillness::default(),
            last: HashMap::new(),
            turn: 0,
            looks_again: LOOKS_AGAIN,
        }
    }

    #[cfg(test)]
    pub(super) fn looking_again_at(mut self, files: u64) -> Lister<D> {
        self.looks_again = files;
        self
    }

    /// What is there now, by the engine's monotonic clock.
    pub(super) fn list(&mut self, asks: Asks<'_>, now: &dyn Fn() -> Duration) -> (Listing, When) {
        let began = now();
        let found = self.pattern.find();
        let mut walk = Walk {
            lister: self,
            asks,
            out: Listing::default(),
            read: Vec::new(),
            names: HashMap::new(),
            complete: 0,
            above: Vec::new(),
        };
        walk.out.failed = found.failed;
        for directory in found.directories {
            walk.directory(directory);
        }
        let Walk { mut out, read, names, complete, .. } = walk;
        self.last = names;
        self.turn = Some(self.turn + self.looks_again).filter(|turn| *turn < complete).unwrap_or(0);
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
    asks: Asks<'a>,
    out: Listing,
    /// The directories that were read, by their paths; their devices and numbers.
    read: Vec<(PathBuf, (u64, u64))>,
    names: HashMap<PathBuf, Names>,
    /// How many files need not be looked at, so far.
    complete: u64,
    /// The directories above the one that is read: a link to one of them would never end.
    above: Vec<(u64, u64)>,
}

impl<D: Disk> Walk<'_, D> {
    fn directory(&mut self, path: PathBuf) {
        let disk = &self.lister.disk;
        let (directory, stamp) = match disk.open(&path) {
            Ok(opened) => opened,
            // It was there when the one above was read, and is gone since, or renamed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.above.is_empty() => return,
            Err(error) => return self.out.failed.push((path, error)),
        };
        let this = (stamp.device, stamp.inode);
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
        let last = self.lister.last.get(&path).filter(|_| self.lister.stillness.lasts(&path, &stamp));
        let (mut below, mut facts) = (Vec::new(), Vec::new());
        for (place, entry) in entries.iter().enumerate() {
            let path = path.join(&entry.name);
            let before = last.and_then(|last| last.at(place, entry));
            let found = self.entry(&directory, entry, &path, before);
            facts.push(match found {
                // Elsewhere the numbers of directories say nothing.
                Ok(Some(Found::File { facts, .. })) if facts.id.inode == entry.inode => Some(facts),
                _ => None,
            });
            match found {
                Ok(Some(Found::Directory)) => below.push(path),
                Ok(Some(Found::File { facts, wanted })) => self.file(path, facts, wanted),
                Ok(None) => {}
                // It was there when its directory was read: a link that leads nowhere, or it is gone since, or renamed; then whoever
                // knows it waits for another listing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.out.failed.push((path, error)),
            }
        }
        if self.lister.are_whole {
            self.names.insert(path.clone(), Names { entries, facts });
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

    /// What is behind a name, if it is of interest. `before` is what the last listing found, if the name is the same since then.
    fn entry(
        &mut self,
        directory: &D::Directory,
        entry: &Entry,
        path: &Path,
        before: Option<Facts>,
    ) -> io::Result<Option<Found>> {
        let look = |follow| self.lister.disk.look(directory, &entry.name, follow);
        let kind = entry.kind.map_or_else(|| look(false).map(|facts| facts.kind), Ok)?;
        match kind {
            Kind::File => {
                let is_known = (self.asks.is_known)(entry.inode);
                let wanted = (self.lister.filter)(path);
                if !wanted && !is_known {
                    return Ok(None);
                }
                let looked = match before.filter(|facts| self.needs_no_look(&facts.id)) {
                    Some(facts) => Ok(facts),
                    None => look(false),
                };
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

    /// Whether a file that is there as it was is complete, and it is not its turn to be looked at all the same.
    fn needs_no_look(&mut self, id: &FileId) -> bool {
        if !(self.asks.was_read)(id) {
            return false;
        }
        let turn = self.complete;
        self.complete += 1;
        let Lister { turn: first, looks_again, .. } = *self.lister;
        !(first..first + looks_again).contains(&turn)
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
#[derive(Clone, Copy)]
enum Found {
    File { facts: Facts, wanted: bool },
    Directory,
}
