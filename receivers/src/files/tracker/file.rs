//! What is known of one file, and what a listing says of it.

use super::{Candidate, Rules};
use crate::files::identity::Stamp;
use crate::files::known::Known;
use crate::files::listing::Listed;
use crate::files::options::{FileMode, WhenGrown};
use crate::files::report::Report;
use crate::files::stillness::When;
use std::path::PathBuf;
use std::time::Duration;

/// A file that is there.
#[derive(Debug)]
pub(super) struct File {
    /// What was read of it.
    pub(super) known: Known,
    /// Whether that is written down: it is not while nothing was read.
    pub(super) is_kept: bool,
    /// The listing that had it last.
    pub(super) seen: u64,
    /// How many listings since then could have had it.
    pub(super) missed: u32,
    /// Whether a listing since then could have had it, or had its number only.
    pub(super) was_away: bool,
    /// The listing that had it last under its own name.
    pub(super) home: u64,
    /// The listing at which it came to wait.
    turn: u64,
    /// The listing that had it first.
    found: u64,
    /// Its size and modification time in the listing that had it last, or when it was written down.
    last: (u64, Stamp),
    /// How it was listed last, and since when it is that.
    rest: Option<(u64, Stamp, Duration)>,
    /// It was looked at when it was so long, and no complete record ended there.
    looked: u64,
    told_changed: bool,
    told_unreadable: bool,
    told_long: bool,
}

/// What a listing says of a file.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) is_ready: bool,
    pub(super) is_changed: bool,
    pub(super) report: Option<Report>,
}

impl File {
    fn new(known: Known, is_kept: bool, turn: u64) -> File {
        File {
            last: (known.size, known.modified),
            known,
            is_kept,
            turn,
            found: turn,
            seen: 0,
            missed: 0,
            was_away: false,
            home: 0,
            rest: None,
            looked: 0,
            told_changed: false,
            told_unreadable: false,
            told_long: false,
        }
    }

    /// One that was read, or passed over.
    pub(super) fn read_before(known: Known) -> File {
        File::new(known, true, 0)
    }

    /// One that is seen for the first time.
    pub(super) fn discovered(known: Known, turn: u64) -> File {
        File::new(known, false, turn)
    }

    fn path(&self) -> PathBuf {
        self.known.path.to_path_buf()
    }

    /// Whether it is still of interest under a name that the filter leaves out.
    pub(super) fn is_followed(&self, mode: FileMode) -> bool {
        self.is_kept || mode == FileMode::Tail
    }

    /// Whether it has the size and modification time that it had when it was seen last.
    pub(super) fn is_untouched(&self, listed: &Listed) -> bool {
        self.last == (listed.size, listed.modified)
    }

    /// Whether its bytes will tell if it is the file that was read.
    pub(super) fn is_told_by_its_bytes(&self, listed: &Listed, mode: FileMode) -> bool {
        mode == FileMode::Tail && self.known.mark.is_some() && listed.size >= self.known.position
    }

    /// Takes in how it is now.
    pub(super) fn see(&mut self, listed: &Listed, when: When, rules: &Rules) -> Seen {
        self.last = (listed.size, listed.modified);
        match (rules.mode, self.is_kept) {
            (FileMode::Tail, _) => self.see_growing(listed, when),
            (FileMode::Renamed, false) => {
                self.has_rested(listed, when, None);
                // One without content may be about to get some.
                Seen { is_ready: listed.size > 0, ..Seen::default() }
            }
            (FileMode::Settled, false) => {
                let has_rested = self.has_rested(listed, when, Some(rules.settle));
                Seen { is_ready: has_rested && listed.size > 0, ..Seen::default() }
            }
            (FileMode::Renamed | FileMode::Settled, true) => self.see_again(listed, when, rules),
        }
    }

    fn see_growing(&mut self, listed: &Listed, when: When) -> Seen {
        let mut seen = Seen::default();
        let read = self.known.position;
        if listed.size < read {
            self.begin_anew();
            seen.is_changed = self.is_kept;
            seen.report = Some(Report::CutShort { path: self.path(), read, now: listed.size });
        }
        if listed.size < self.looked {
            self.looked = 0;
        }
        self.has_rested(listed, when, None);
        seen.is_ready = listed.size > self.known.position && listed.size != self.looked;
        seen
    }

    /// One that was read as a whole.
    fn see_again(&mut self, listed: &Listed, when: When, rules: &Rules) -> Seen {
        let mut seen = Seen::default();
        if (listed.size, listed.modified) == (self.known.size, self.known.modified) {
            return seen;
        }
        if rules.when_grown == WhenGrown::Read && listed.size > self.known.position {
            seen.is_ready = self.has_rested(listed, when, Some(rules.settle));
        } else {
            seen.report = self.tell_changed(listed.size);
        }
        seen
    }

    /// Whether it has been as it is listed for at least `settle`, as an earlier listing had it.
    fn has_rested(&mut self, listed: &Listed, when: When, settle: Option<Duration>) -> bool {
        match self.rest {
            Some((size, modified, since)) if (size, modified) == (listed.size, listed.modified) => {
                settle.is_some_and(|settle| when.began.saturating_sub(since) >= settle)
            }
            _ => {
                self.rest = Some((listed.size, listed.modified, when.ended));
                false
            }
        }
    }

    /// What of it may be read.
    pub(super) fn candidate(&self, listed: &Listed) -> Candidate {
        let from = self.known.position;
        Candidate {
            id: listed.id,
            path: self.known.path.clone(),
            from,
            mark: self.known.mark,
            looked: self.looked.max(from),
            size: listed.size,
            modified: listed.modified,
            turn: (self.turn, self.found),
        }
    }

    /// It is read up to `to`.
    pub(super) fn take(&mut self, candidate: &Candidate, (to, mark): (u64, Option<u64>), turn: u64) {
        let Candidate { size, modified, .. } = *candidate;
        self.known = Known { path: self.known.path.clone(), position: to, mark, size, modified };
        // Behind those that wait already.
        (self.is_kept, self.turn, self.looked) = (true, turn + 1, 0);
        (self.told_changed, self.told_unreadable, self.told_long) = (false, false, false);
    }

    /// No record of it is complete.
    pub(super) fn is_incomplete(&mut self, candidate: &Candidate, max_line: u64) -> Option<Report> {
        self.looked = candidate.size;
        let bytes = candidate.size - candidate.from;
        let is_news = bytes > max_line && !std::mem::replace(&mut self.told_long, true);
        is_news.then(|| Report::LongLine { path: self.path(), at: candidate.from, bytes })
    }

    /// Nothing of it was read, as it is now.
    pub(super) fn begin_anew(&mut self) -> Report {
        let read = std::mem::take(&mut self.known.position);
        (self.known.mark, self.looked) = (None, 0);
        Report::Rewritten { path: self.path(), read }
    }

    /// It was written anew after it was read as a whole. As it is now it is not read, nor looked at again.
    pub(super) fn is_rewritten(&mut self, candidate: &Candidate) -> Option<Report> {
        (self.known.size, self.known.modified) = (candidate.size, candidate.modified);
        self.tell_changed(candidate.size)
    }

    fn tell_changed(&mut self, now: u64) -> Option<Report> {
        let is_news = !std::mem::replace(&mut self.told_changed, true);
        is_news.then(|| Report::Changed { path: self.path(), read: self.known.position, now })
    }

    /// It was not what was listed when it was looked at.
    pub(super) fn moves(&mut self) {
        self.rest = None;
    }

    /// It cannot be opened.
    pub(super) fn is_unreadable(&mut self, reason: String) -> Option<Report> {
        let is_news = !std::mem::replace(&mut self.told_unreadable, true);
        is_news.then(|| Report::Unreadable { path: self.path(), reason })
    }

    /// What is to be told of it when it is gone.
    pub(super) fn left_unread(self, mode: FileMode) -> Option<Report> {
        let bytes = self.last.0.saturating_sub(self.known.position);
        let matters = bytes > 0 && (mode == FileMode::Tail || !self.is_kept);
        matters.then(|| Report::GoneUnread { path: self.path(), bytes })
    }
}
