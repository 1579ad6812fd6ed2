//! Looking at directories: which files are there now.

use super::identity::{FileId, Stamp};
use super::names::is_hidden;
use super::options::{FileOptions, Filter};
use super::pattern::Pattern;
use std::collections::BTreeSet;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

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
}

/// Looks at the directories of a stream.
pub(super) struct Lister {
    pattern: Pattern,
    filter: Filter,
    recursive: bool,
    follow_links: bool,
}

impl Lister {
    pub(super) fn new(pattern: Pattern, options: &FileOptions) -> Lister {
        let FileOptions { filter, recursive, follow_links, .. } = options;
        Lister { pattern, filter: filter.clone(), recursive: *recursive, follow_links: *follow_links }
    }

    /// What is there now. `is_known` says whether a file with that number is known.
    pub(super) fn list(&self, is_known: &dyn Fn(u64) -> bool) -> Listing {
        let found = self.pattern.find();
        let mut walk = Walk { lister: self, is_known, out: Listing::default(), above: Vec::new() };
        walk.out.failed = found.failed;
        for directory in found.read {
            walk.out.devices.extend(fs::metadata(&directory).ok().map(|metadata| metadata.dev()));
        }
        for directory in found.directories {
            match fs::metadata(&directory) {
                Ok(metadata) => walk.directory(directory, &metadata),
                Err(error) => walk.out.failed.push((directory, error)),
            }
        }
        walk.out
    }
}

struct Walk<'a> {
    lister: &'a Lister,
    is_known: &'a dyn Fn(u64) -> bool,
    out: Listing,
    /// The directories above the one that is read: a link to one of them would never end.
    above: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn directory(&mut self, path: PathBuf, metadata: &Metadata) {
        let this = (metadata.dev(), metadata.ino());
        if self.above.contains(&this) {
            return;
        }
        if self.above.len() == DEEPEST {
            let error = io::Error::other(format!("directories are looked into {DEEPEST} deep"));
            return self.out.failed.push((path, error));
        }
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => return self.out.failed.push((path, error)),
        };
        self.out.devices.insert(this.0);
        self.above.push(this);
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry),
                Err(error) => self.out.failed.push((path.clone(), error)),
            }
        }
        self.above.pop();
    }

    fn entry(&mut self, entry: &DirEntry) {
        if let Err(error) = self.look(entry)
            // It was there when its directory was read: a link that leads nowhere, or it is gone since, or renamed; then whoever
            // knows it waits for another listing.
            && error.kind() != io::ErrorKind::NotFound
        {
            self.out.failed.push((entry.path(), error));
        }
    }

    fn look(&mut self, entry: &DirEntry) -> io::Result<()> {
        let kind = entry.file_type()?;
        if kind.is_file() {
            let (path, is_known) = (entry.path(), (self.is_known)(entry.ino()));
            let wanted = (self.lister.filter)(&path);
            if wanted || is_known {
                self.file(path, &entry.metadata()?, wanted);
            }
        } else if kind.is_dir() {
            self.below(entry.path(), &entry.metadata()?);
        } else if kind.is_symlink() && self.lister.follow_links {
            let path = entry.path();
            let metadata = fs::metadata(&path)?;
            if metadata.is_dir() {
                self.below(path, &metadata);
            } else if metadata.is_file() && (self.lister.filter)(&path) {
                self.file(path, &metadata, true);
            }
        }
        Ok(())
    }

    fn below(&mut self, path: PathBuf, metadata: &Metadata) {
        let hidden = path.file_name().is_some_and(|name| is_hidden(name.as_bytes()));
        if self.lister.recursive && !hidden {
            self.directory(path, metadata);
        }
    }

    fn file(&mut self, path: PathBuf, metadata: &Metadata, wanted: bool) {
        let (id, modified) = (FileId::of(metadata), Stamp::modified(metadata));
        // Layered file systems have files on other devices than their directories.
        self.out.devices.insert(id.device);
        self.out.files.push(Listed { path, id, size: metadata.len(), modified, wanted });
    }
}

/// The file `id`, if it is in `directory` under another name.
pub(super) fn find_in(directory: &Path, id: FileId) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.ino() == id.inode && entry.metadata().is_ok_and(|metadata| FileId::of(&metadata).may_be(&id)) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
