//! Which files a batch reads: decided from listings, without looking at any file.
//!
//! A file is its [`FileId`]. Sizes are compared with what was read, modification times only with themselves, and how long
//! something has stayed the same is measured by the engine's monotonic clock: no clock is compared with another.

mod file;
#[cfg(test)]
mod model;
#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;

use super::identity::{FileId, Stamp};
use super::known::{self, Known};
use super::listing::{Listed, Listing};
use super::options::{FileMode, FileOptions, WhenGrown};
use super::range::Piece;
use super::report::Report;
use super::stillness::When;
use file::File;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::batch::{MemoryChange, SourceMemory};
use waterwheel_runtime::codec::CodecError;

/// Listings in a row that do not have a file which is gone, when no name has changed during the last of them.
const MISSES: u32 = 2;
/// As many when names changed during all of them: each may miss a file that is there, if it is renamed just then. That it is renamed just
/// then in so many listings in a row is not to be feared, and what is gone is not remembered for ever, however busy its directory is.
const MISSES_AMID_CHANGES: u32 = 20;

/// Part of a file that may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: FileId,
    pub(super) path: Arc<Path>,
    pub(super) from: u64,
    /// What the bytes before `from` were, where that is known.
    pub(super) mark: Option<u64>,
    /// No complete record ends before here.
    pub(super) looked: u64,
    pub(super) size: u64,
    pub(super) modified: Stamp,
    /// The listing at which it came to wait, and the one that had it first: who came first is read first.
    turn: (u64, u64),
}

/// What there is of a candidate when it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// It can be read up to here; what the bytes before that are, of a file that may grow.
    UpTo(u64, Option<u64>),
    /// No record is complete yet.
    Incomplete,
    /// It has other bytes before `from`: it was cut short, or written over, and has grown since.
    Rewritten,
    /// It is not what was listed any more; the next listing tells.
    Moved,
    /// It cannot be opened.
    Unreadable(String),
}

/// Looks at a candidate, of which no more than so many bytes are wanted.
pub(super) type LookAt<'a> = &'a mut dyn FnMut(&Candidate, u64) -> Look;

/// What a listing leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) pieces: Vec<Piece>,
    pub(super) reports: Vec<Report>,
}

/// What a batch may read at most, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) mode: FileMode,
    pub(super) settle: Duration,
    pub(super) when_grown: WhenGrown,
    pub(super) max_files: usize,
    pub(super) max_bytes: u64,
    /// The longest line.
    pub(super) max_line: u64,
}

impl Rules {
    pub(super) fn of(options: &FileOptions, max_line: u64) -> Rules {
        let FileOptions { mode, settle, when_grown, max_files, max_bytes, .. } = *options;
        Rules { mode, settle, when_grown, max_files, max_bytes, max_line }
    }

    /// Whether what comes behind the place up to where a file was read is read.
    pub(super) fn may_grow(&self) -> bool {
        self.mode == FileMode::Tail || self.when_grown == WhenGrown::Read
    }
}

/// The files that are there, as far as they concern the stream: those that were read, and those that wait.
#[derive(Debug)]
pub(super) struct Tracker {
    rules: Rules,
    files: HashMap<FileId, File>,
    /// How many of them have that number: a hint for the listing.
    inodes: HashMap<u64, u32>,
    /// Those of which something was read.
    by_path: HashMap<Arc<Path>, FileId>,
    /// Those whose rows are to be written or deleted.
    changed: BTreeSet<FileId>,
    /// Counts the listings.
    turn: u64,
}

impl Tracker {
    pub(super) fn new(rules: Rules) -> Tracker {
        Tracker {
            rules,
            files: HashMap::new(),
            inodes: HashMap::new(),
            by_path: HashMap::new(),
            changed: BTreeSet::new(),
            turn: 0,
        }
    }

    /// Takes back what an earlier run has written down.
    ///
    /// # Errors
    /// A row that cannot be understood.
    pub(super) fn recall(&mut self, memory: &SourceMemory) -> Result<(), String> {
        for (key, value) in memory {
            if let Some((id, known)) = known::read(key, value)? {
                self.add(id, File::read_before(known));
            }
        }
        Ok(())
    }

    /// Whether a file with that number is there.
    pub(super) fn knows_inode(&self, inode: u64) -> bool {
        self.inodes.contains_key(&inode)
    }

    /// Whether that file was read, or passed over.
    pub(super) fn was_read(&self, id: &FileId) -> bool {
        self.files.get(id).is_some_and(|file| file.is_kept)
    }

    /// What is listed was there before the program, and is not read: `end` says up to where. What comes behind that is new. How many
    /// files were not passed over before.
    pub(super) fn pass_over(&mut self, listing: &Listing, end: &mut dyn FnMut(&Listed) -> (u64, Option<u64>)) -> usize {
        let before = self.files.len();
        for listed in listing.files.iter().filter(|listed| listed.wanted) {
            if !self.files.contains_key(&listed.id) {
                let (position, mark) = end(listed);
                self.add(listed.id, File::read_before(Known { position, mark, ..known_as(listed) }));
                self.changed.insert(listed.id);
            }
        }
        self.files.len() - before
    }

    /// What the next batch reads, now that `listing` is what is there.
    pub(super) fn decide(&mut self, listing: &Listing, when: When, look: LookAt<'_>) -> Decision {
        self.turn += 1;
        let mut out = Decision::default();
        self.drop_replaced(listing);
        let mut renumbered = BTreeSet::new();
        let (mut ready, mut elsewhere, mut withdrawn) = (Vec::new(), Vec::new(), Vec::new());
        for listed in &listing.files {
            if !self.files.contains_key(&listed.id) {
                let adopted = self.adopt(listed);
                if adopted.is_none() && listed.wanted {
                    self.add(listed.id, File::discovered(known_as(listed), self.turn));
                }
                renumbered.extend(adopted);
            }
            let Some(file) = self.files.get_mut(&listed.id) else { continue };
            if !listed.wanted && !file.is_followed(self.rules.mode) {
                withdrawn.push(listed.id);
                continue;
            }
            match *file.known.path.as_os_str() == *listed.path.as_os_str() {
                true => file.home = self.turn,
                false => elsewhere.push(listed),
            }
            if file.seen == self.turn {
                continue;
            }
            (file.seen, file.missed, file.was_away) = (self.turn, 0, false);
            let seen = file.see(listed, when, &self.rules);
            out.reports.extend(seen.report);
            if seen.is_ready {
                ready.push(listed);
            }
            if seen.is_changed {
                self.changed.insert(listed.id);
            }
        }
        // What has no other name any more was taken back before it was read.
        for id in withdrawn {
            if self.files.get(&id).is_some_and(|file| file.seen != self.turn) {
                self.remove(&id);
            }
        }
        self.rename(elsewhere);
        self.forget(listing, &renumbered, &mut out.reports);
        self.take(&ready, look, &mut out);
        out
    }

    /// How the rows have changed since this was asked last.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn changes(&mut self) -> Result<Vec<MemoryChange>, CodecError> {
        let row = |id: &FileId| {
            let file = self.files.get(id).filter(|file| file.is_kept);
            known::change(id, file.map(|file| &file.known))
        };
        let changes = self.changed.iter().map(row).collect();
        self.changed.clear();
        changes
    }

    fn add(&mut self, id: FileId, file: File) {
        *self.inodes.entry(id.inode).or_default() += 1;
        if file.is_kept {
            self.by_path.insert(file.known.path.clone(), id);
        }
        self.files.insert(id, file);
    }

    fn remove(&mut self, id: &FileId) -> Option<File> {
        let file = self.files.remove(id)?;
        if let Some(count) = self.inodes.get_mut(&id.inode) {
            *count -= 1;
            if *count == 0 {
                self.inodes.remove(&id.inode);
            }
        }
        if self.by_path.get(&file.known.path) == Some(id) {
            self.by_path.remove(&file.known.path);
        }
        if file.is_kept {
            self.changed.insert(*id);
        }
        Some(file)
    }

    /// Where births are not told, the number of a file that was read as a whole may be that of another one by now: one that has
    /// another name, or was missed in between, and is not as it was. A log is told by its bytes.
    fn drop_replaced(&mut self, listing: &Listing) {
        if self.rules.mode == FileMode::Tail {
            return;
        }
        let (mut same, mut others) = (BTreeSet::new(), BTreeSet::new());
        for listed in listing.files.iter().filter(|listed| listed.id.born.is_none()) {
            let Some(file) = self.files.get(&listed.id).filter(|file| file.is_kept) else { continue };
            let is_at_home = *file.known.path.as_os_str() == *listed.path.as_os_str();
            match (is_at_home && !file.was_away) || file.is_untouched(listed) {
                true => same.insert(listed.id),
                false => others.insert(listed.id),
            };
        }
        for id in others.difference(&same) {
            self.remove(id);
        }
    }

    /// A file that is known with another device, or without its birth or with it, under the same name: the file system was mounted
    /// anew, or the system tells more of it now. The device that it had.
    fn adopt(&mut self, listed: &Listed) -> Option<u64> {
        let id = *self.by_path.get(listed.path.as_path())?;
        let file = self.files.get(&id)?;
        // Where nobody knows when a file came to be, it has to be untouched to be the same.
        let is_told = listed.id.born.is_some() && id.born.is_some();
        let is_same = is_told || file.is_untouched(listed) || file.is_told_by_its_bytes(listed, self.rules.mode);
        if !is_same || !listed.id.may_be(&id) {
            return None;
        }
        let file = self.remove(&id)?;
        self.add(listed.id, file);
        self.changed.insert(listed.id);
        Some(id.device)
    }

    /// Files that are listed under another name and not under their own have that name now.
    fn rename(&mut self, mut elsewhere: Vec<&Listed>) {
        elsewhere.sort_unstable_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
        for listed in elsewhere {
            let Some(file) = self.files.get_mut(&listed.id).filter(|file| file.home != self.turn) else { continue };
            file.home = self.turn;
            let (old, new): (_, Arc<Path>) = (file.known.path.clone(), listed.path.as_path().into());
            file.known.path = new.clone();
            if file.is_kept {
                self.changed.insert(listed.id);
                if self.by_path.get(&old) == Some(&listed.id) {
                    self.by_path.remove(&old);
                }
                self.by_path.insert(new, listed.id);
            }
        }
    }

    /// Forgets what is gone: a file that gets its number later is another one. What could not be looked for is not gone, and what is
    /// missed may have been renamed while its directory was read.
    fn forget(&mut self, listing: &Listing, renumbered: &BTreeSet<u64>, reports: &mut Vec<Report>) {
        let is_hidden = |path: &Path| listing.failed.iter().any(|(failed, _)| path.starts_with(failed));
        let mut gone = Vec::new();
        for (id, file) in self.files.iter_mut().filter(|(_, file)| file.seen != self.turn) {
            let (is_listed, is_old) = (listing.devices.contains(&id.device), renumbered.contains(&id.device));
            if !(is_listed || is_old) || is_hidden(&file.known.path) {
                continue;
            }
            file.was_away = true;
            if listing.glimpsed.contains(&id.inode) {
                file.missed = 0;
                continue;
            }
            file.missed += 1;
            let enough = if listing.quiet.is_still { MISSES } else { MISSES_AMID_CHANGES };
            // Under the old number of its device no other listing looks for it.
            if file.missed >= enough || !is_listed {
                gone.push(*id);
            }
        }
        gone.sort_unstable();
        for id in &gone {
            reports.extend(self.remove(id).and_then(|file| file.left_unread(self.rules.mode)));
        }
    }

    /// Takes what is ready as far as a batch may, those first that came first.
    fn take(&mut self, ready: &[&Listed], look: LookAt<'_>, out: &mut Decision) {
        let candidate = |listed: &&Listed| self.files.get(&listed.id).map(|file| file.candidate(listed));
        let mut candidates: Vec<Candidate> = ready.iter().filter_map(candidate).collect();
        candidates
            .sort_unstable_by(|one, other| (one.turn, one.path.as_os_str()).cmp(&(other.turn, other.path.as_os_str())));
        let Rules { mode, max_files, max_bytes, max_line, .. } = self.rules;
        let mut bytes = 0_u64;
        for candidate in candidates {
            let (room, whole) = (max_bytes.saturating_sub(bytes), mode != FileMode::Tail);
            let is_too_much = whole && bytes > 0 && candidate.size - candidate.from > room;
            if out.pieces.len() == max_files || room == 0 || is_too_much {
                return;
            }
            let Some(file) = self.files.get_mut(&candidate.id) else { continue };
            match look(&candidate, if whole { u64::MAX } else { room }) {
                Look::UpTo(to, mark) if to > candidate.from => {
                    file.take(&candidate, (to, mark), self.turn);
                    self.by_path.insert(candidate.path.clone(), candidate.id);
                    self.changed.insert(candidate.id);
                    bytes = bytes.saturating_add(to - candidate.from);
                    out.pieces.push(Piece::new(&candidate.path, candidate.id, candidate.from, to));
                }
                Look::UpTo(..) | Look::Incomplete => out.reports.extend(file.is_incomplete(&candidate, max_line)),
                Look::Rewritten => {
                    match mode {
                        FileMode::Tail => out.reports.push(file.begin_anew()),
                        FileMode::Settled | FileMode::Renamed => out.reports.extend(file.is_rewritten(&candidate)),
                    }
                    self.changed.insert(candidate.id);
                }
                Look::Moved => file.moves(),
                Look::Unreadable(reason) => out.reports.extend(file.is_unreadable(reason)),
            }
        }
    }
}

fn known_as(listed: &Listed) -> Known {
    Known { path: listed.path.as_path().into(), position: 0, mark: None, size: listed.size, modified: listed.modified }
}
