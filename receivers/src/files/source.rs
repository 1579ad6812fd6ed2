//! The directories of a stream as a source that can read again what it has read.

use super::boundary::{self, RecordEnd};
use super::dataset::{FileSet, Reading};
use super::disk::Facts;
use super::identity::open;
use super::known;
use super::listing::{Asks, Listed, Lister, Listing};
use super::options::FileMode;
use super::range::FileRange;
use super::stillness::When;
use super::tracker::{Candidate, Look, Rules, Tracker};
use crate::decode::Decoder;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::rdd::{Parallelize, Rdd};
use waterwheel_operators::record::Data;
use waterwheel_operators::{BatchInputs, ReplayableStream};
use waterwheel_runtime::batch::{MemoryChange, SourceMemory};
use waterwheel_runtime::clock::SharedClock;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::event::InputMetadata;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::{DurationExt, Time};

/// Listings at the first start, at most: until no name changes between two. One may miss a file that is renamed meanwhile, and it would be
/// taken for a new one.
const LISTINGS_AT_START: usize = 5;

/// See the module.
pub(super) struct Files<F> {
    site: Site,
    lister: Lister,
    tracker: Tracker,
    rules: Rules,
    record_end: RecordEnd,
    new_files_only: bool,
    reading: Arc<Reading<F>>,
    clock: SharedClock,
    interval: Duration,
    /// Whether an earlier run has written anything down.
    goes_on: bool,
    /// What could not be looked at in the last listing.
    failed: BTreeSet<PathBuf>,
    changes: Vec<MemoryChange>,
}

/// What a source is made of.
pub(super) struct FilesParts<F> {
    pub(super) site: Site,
    pub(super) lister: Lister,
    pub(super) rules: Rules,
    pub(super) record_end: RecordEnd,
    pub(super) new_files_only: bool,
    pub(super) reading: Reading<F>,
    pub(super) clock: SharedClock,
    pub(super) interval: Duration,
}

impl<F> Files<F> {
    pub(super) fn new(parts: FilesParts<F>) -> Files<F> {
        let FilesParts { site, lister, rules, record_end, new_files_only, reading, clock, interval } = parts;
        Files {
            site,
            lister,
            tracker: Tracker::new(rules),
            rules,
            record_end,
            new_files_only,
            reading: Arc::new(reading),
            clock,
            interval,
            goes_on: false,
            failed: BTreeSet::new(),
            changes: Vec::new(),
        }
    }

    fn list(&mut self) -> (Listing, When) {
        let asks =
            Asks { is_known: &|inode| self.tracker.knows_inode(inode), was_read: &|id| self.tracker.was_read(id) };
        let (listing, when) = self.lister.list(asks, &|| self.clock.monotonic());
        let took = when.ended.saturating_sub(when.began);
        if took > self.interval {
            log::warn!(
                "{}: looking for files took {}, longer than a batch: give it fewer, by directories that are emptied or a longer \
                 interval",
                self.site,
                took.pretty()
            );
        }
        self.tell_failed(&listing);
        (listing, when)
    }

    /// Tells once of what cannot be looked at, and again when it could be in between.
    fn tell_failed(&mut self, listing: &Listing) {
        for (path, error) in listing.failed.iter().filter(|(path, _)| !self.failed.contains(path)) {
            match error.kind() {
                io::ErrorKind::NotFound => {
                    log::warn!("{}: {path:?} does not exist; the stream waits for it", self.site)
                }
                _ => log::warn!("{}: {path:?} cannot be looked at: {error}; the stream goes on without", self.site),
            }
        }
        self.failed = listing.failed.iter().map(|(path, _)| path.clone()).collect();
    }

    /// Collects how the rows have changed.
    fn remember(&mut self, batch: Option<Time>) -> Result<(), JobError> {
        let changes = self.tracker.changes();
        let changes = changes.map_err(|error| self.failed(batch, format!("a file cannot be remembered: {error}")))?;
        self.changes.extend(changes);
        Ok(())
    }

    fn failed(&self, batch: Option<Time>, message: String) -> JobError {
        JobError::Failed { site: self.site, batch, message }
    }
}

/// Opens a candidate to see up to where it can be read. That it can be opened is found out here, too, where the others go on.
fn look_at(rules: &Rules, record_end: RecordEnd, candidate: &Candidate, room: u64) -> Look {
    let Candidate { id, path, from, mark, looked, size, modified, .. } = candidate;
    let looked_at = || {
        let file = open(path)?;
        let now = Facts::of(&file)?;
        let has_moved = now.id != *id || now.size < *size;
        // One that is to have come to rest has not when it is different now.
        let must_rest = rules.mode == FileMode::Settled || (rules.mode == FileMode::Renamed && *from > 0);
        if has_moved || (must_rest && (now.size, now.modified) != (*size, *modified)) {
            return Ok(Look::Moved);
        }
        if !rules.may_grow() {
            return Ok(Look::UpTo(*size, None));
        }
        if mark.is_some_and(|before| boundary::mark(&file, *from).is_ok_and(|now| now != before)) {
            return Ok(Look::Rewritten);
        }
        let end = match rules.mode {
            FileMode::Tail => record_end.find(&file, *from, *looked, *size, room)?,
            FileMode::Settled | FileMode::Renamed => Some(*size),
        };
        end.map_or(Ok(Look::Incomplete), |end| Ok(Look::UpTo(end, Some(boundary::mark(&file, end)?))))
    };
    looked_at().unwrap_or_else(|error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => Look::Moved,
        _ => Look::Unreadable(error.to_string()),
    })
}

/// Up to where a file is passed over, and what the bytes before that are, if it may grow.
fn end_of(rules: &Rules, record_end: RecordEnd, listed: &Listed) -> (u64, Option<u64>) {
    let end = |file: File| {
        let end = match rules.mode {
            // The line that is being written is read as a whole.
            FileMode::Tail => record_end.find(&file, 0, 0, listed.size, u64::MAX)?.unwrap_or(0),
            FileMode::Settled | FileMode::Renamed => listed.size,
        };
        Ok((end, Some(boundary::mark(&file, end)?)))
    };
    match rules.may_grow() {
        true => open(&listed.path).and_then(end).unwrap_or((listed.size, None)),
        false => (listed.size, None),
    }
}

impl<T, D, F> ReplayableStream<T> for Files<F>
where
    T: Data,
    D: Decoder<Item = T>,
    F: Fn(&Path) -> D + Send + Sync + 'static,
{
    type Range = FileRange;

    fn recall(&mut self, memory: SourceMemory) -> Result<(), JobError> {
        self.goes_on |= !memory.is_empty();
        let recalled = self.tracker.recall(&memory);
        recalled.map_err(|reason| self.failed(None, format!("what is known of files cannot be understood: {reason}")))
    }

    fn start(&mut self, _: Time, last: Option<FileRange>) -> Result<(), JobError> {
        if self.goes_on || last.is_some() || !self.new_files_only {
            return Ok(());
        }
        let (rules, record_end) = (self.rules, self.record_end);
        let mut count = 0;
        for _ in 0..LISTINGS_AT_START {
            let (listing, _) = self.list();
            count += self.tracker.pass_over(&listing, &mut |listed| end_of(&rules, record_end, listed));
            if listing.quiet.is_same {
                break;
            }
        }
        log::info!("{}: {count} files are there already and passed over", self.site);
        // Durable with the start: what comes from here on is new, also to a run after one that had no batch.
        self.remember(None)?;
        self.changes.push(known::started());
        Ok(())
    }

    fn next(&mut self, batch: Time) -> Result<FileRange, JobError> {
        let (listing, when) = self.list();
        let (rules, record_end) = (self.rules, self.record_end);
        let mut look = |candidate: &Candidate, room| look_at(&rules, record_end, candidate, room);
        let decision = self.tracker.decide(&listing, when, &mut look);
        for report in &decision.reports {
            log::warn!("{}: {report}", self.site);
        }
        self.remember(Some(batch))?;
        Ok(FileRange { pieces: decision.pieces })
    }

    fn changes(&mut self) -> Vec<MemoryChange> {
        std::mem::take(&mut self.changes)
    }

    fn read(&mut self, range: &FileRange, inputs: &BatchInputs) -> Result<Option<Rdd<T>>, JobError> {
        if range.pieces.is_empty() {
            return Ok(Some(inputs.scope.empty_rdd()));
        }
        let id = inputs.scope.core().next_rdd();
        let files = FileSet { id, tasks: range.tasks(), reading: self.reading.clone() };
        Ok(Some(Rdd::new(Arc::new(files), inputs.scope.clone())))
    }

    fn describe(&self, range: &FileRange) -> InputMetadata {
        InputMetadata::of(&range.pieces)
    }
}
