//! The tracker against a world of files and restarts: every byte is read once, and in order.

use super::*;
use crate::files::options::FileOptions;
use crate::files::stillness::Quiet;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// What happens between two listings, or to one.
#[derive(Debug, Clone)]
enum Step {
    Create {
        path: usize,
        size: u64,
        modified: i64,
    },
    Append {
        path: usize,
        bytes: u64,
        modified: i64,
    },
    /// Over whatever is there.
    Rename {
        from: usize,
        to: usize,
    },
    Delete {
        path: usize,
    },
    /// Out of sight.
    Hide {
        path: usize,
    },
    /// Back again, where there is room.
    Show,
    /// A listing, so many seconds later. `denied` is a directory that cannot be read, `changes` says that names changed meanwhile, and
    /// `missed` is a file that is there and is not listed then, since it was being renamed, but perhaps for its number. `crashes` says
    /// that the program dies before what it decided is durable.
    List {
        seconds: u64,
        denied: Option<usize>,
        changes: bool,
        missed: Option<(usize, bool)>,
        crashes: bool,
    },
    /// The program ends after what it decided was durable.
    Restart,
}

const DIRECTORIES: [&str; 2] = ["/in/a", "/in/b"];
const PATHS: usize = 6;
const SETTLE: u64 = 2;

fn path(number: usize) -> PathBuf {
    Path::new(DIRECTORIES[number % 2]).join(number.to_string())
}

fn step() -> impl Strategy<Value = Step> {
    let paths = 0..PATHS;
    prop_oneof![
        3 => (paths.clone(), 0..60_u64, any::<i64>()).prop_map(|(path, size, modified)| Step::Create { path, size, modified }),
        3 => (paths.clone(), 1..40_u64, any::<i64>()).prop_map(|(path, bytes, modified)| Step::Append { path, bytes, modified }),
        1 => (paths.clone(), paths.clone()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => paths.clone().prop_map(|path| Step::Delete { path }),
        1 => paths.clone().prop_map(|path| Step::Hide { path }),
        1 => Just(Step::Show),
        6 => list(paths),
        1 => Just(Step::Restart),
    ]
}

fn list(paths: std::ops::Range<usize>) -> impl Strategy<Value = Step> {
    let denied = prop::option::weighted(0.2, 0..2_usize);
    // The same file is missed again and again.
    let missed = prop::option::weighted(0.5, (prop_oneof![Just(0), paths], any::<bool>()));
    (0..4_u64, denied, any::<bool>(), missed, prop::bool::weighted(0.2)).prop_map(
        |(seconds, denied, changes, missed, crashes)| Step::List { seconds, denied, changes, missed, crashes },
    )
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Thing {
    id: FileId,
    size: u64,
    modified: i64,
}

struct World {
    rules: Rules,
    tracker: Tracker,
    memory: SourceMemory,
    files: BTreeMap<usize, Thing>,
    hidden: Vec<Thing>,
    /// How far each file was read, and where it was seen last, as far as that is durable.
    read: BTreeMap<FileId, (u64, usize)>,
    /// How each file was in the listings of this run, and since when.
    rest: BTreeMap<FileId, (u64, i64, u64)>,
    /// How many listings of this run in a row could have had a file and did not.
    misses: BTreeMap<FileId, u32>,
    now: u64,
    created: u64,
}

/// Records of ten bytes.
fn look(rules: &Rules, candidate: &Candidate, room: u64) -> Look {
    if rules.mode != FileMode::Tail {
        return Look::UpTo(candidate.size, None);
    }
    let near = (candidate.from.saturating_add(room)).min(candidate.size) / 10 * 10;
    let end = if near > candidate.from { near } else { candidate.from + 10 };
    if end <= candidate.size { Look::UpTo(end, None) } else { Look::Incomplete }
}

impl World {
    fn new(rules: Rules) -> World {
        World {
            rules,
            tracker: Tracker::new(rules),
            memory: SourceMemory::new(),
            files: BTreeMap::new(),
            hidden: Vec::new(),
            read: BTreeMap::new(),
            rest: BTreeMap::new(),
            misses: BTreeMap::new(),
            now: 0,
            created: 0,
        }
    }

    fn restart(&mut self) {
        self.tracker = Tracker::new(self.rules);
        self.tracker.recall(&self.memory).unwrap();
        self.rest.clear();
        self.misses.clear();
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Create { path, size, modified } => {
                // Numbers are used again at once, as file systems do.
                let inode = (0..).find(|inode| self.things().all(|thing| thing.id.inode != *inode)).unwrap();
                self.created += 1;
                let born = Some(Stamp::new(self.created.cast_signed()));
                let id = FileId { device: 1, inode, born };
                self.files.insert(path, Thing { id, size, modified });
            }
            Step::Append { path, bytes, modified } => {
                // In a whole file nothing changes once it was read: that is what is asked of its writer.
                let is_read = |thing: &Thing| self.read.get(&thing.id).is_some_and(|(read, _)| *read > 0);
                let may_grow = self.rules.mode == FileMode::Tail || self.rules.when_grown == WhenGrown::Read;
                if let Some(thing) = self.files.get_mut(&path).filter(|thing| may_grow || !is_read(thing)) {
                    (thing.size, thing.modified) = (thing.size + bytes, modified);
                }
            }
            Step::Rename { from, to } => {
                if let Some(thing) = self.files.remove(&from) {
                    self.files.insert(to, thing);
                }
            }
            Step::Delete { path } => drop(self.files.remove(&path)),
            Step::Hide { path } => self.hidden.extend(self.files.remove(&path)),
            Step::Show => {
                if let Some(path) = (0..PATHS).find(|path| !self.files.contains_key(path)) {
                    self.files.extend(self.hidden.pop().map(|thing| (path, thing)));
                }
            }
            Step::List { seconds, denied, changes, missed, crashes } => {
                self.now += seconds;
                self.list(denied, !changes, missed.filter(|_| changes), crashes);
            }
            Step::Restart => self.restart(),
        }
    }

    fn things(&self) -> impl Iterator<Item = &Thing> {
        self.files.values().chain(&self.hidden)
    }

    fn list(&mut self, denied: Option<usize>, is_still: bool, missed: Option<(usize, bool)>, crashes: bool) {
        let is_missed = |number: &usize, thing: &Thing| {
            // So often in a row that it is not to be feared.
            let is_last = self.misses.get(&thing.id).is_some_and(|misses| misses + 1 == MISSES_AMID_CHANGES);
            missed.is_some_and(|(missed, _)| missed == *number) && !is_last
        };
        let glimpsed: BTreeSet<u64> = missed
            .filter(|(_, glimpsed)| *glimpsed)
            .and_then(|(number, _)| self.files.get(&number))
            .map(|thing| thing.id.inode)
            .into_iter()
            .collect();
        let is_seen = |number: usize| denied.is_none_or(|denied| number % 2 != denied);
        let seen: Vec<(usize, Thing)> = self
            .files
            .iter()
            .filter(|(number, _)| is_seen(**number))
            .filter(|(number, thing)| !is_missed(number, thing))
            .map(|(number, thing)| (*number, *thing))
            .collect();
        let files = seen.iter().map(|(number, thing)| Listed {
            path: path(*number),
            id: thing.id,
            size: thing.size,
            modified: Stamp::new(thing.modified),
            wanted: true,
        });
        let failed = denied.map(|denied| (PathBuf::from(DIRECTORIES[denied]), io::Error::other("denied")));
        let listing = Listing {
            files: files.collect(),
            failed: failed.into_iter().collect(),
            devices: BTreeSet::from([1]),
            glimpsed: glimpsed.clone(),
            quiet: Quiet { is_same: is_still, is_still },
        };
        let (at, rules) = (Duration::from_secs(self.now), self.rules);
        let mut look = |candidate: &Candidate, room| look(&rules, candidate, room);
        let decision = self.tracker.decide(&listing, When { began: at, ended: at }, &mut look);

        for (_, thing) in &seen {
            let now = (thing.size, thing.modified);
            let rest = self.rest.entry(thing.id).or_insert((now.0, now.1, self.now));
            if (rest.0, rest.1) != now {
                *rest = (now.0, now.1, self.now);
            }
        }
        let mut read = self.read.clone();
        let is_there = |id: &FileId| seen.iter().find(|(_, thing)| thing.id == *id).map(|(number, _)| *number);
        let mut counted = BTreeSet::new();
        let tracked: BTreeSet<FileId> = read.keys().chain(self.rest.keys()).copied().collect();
        for id in tracked {
            let is_hidden = |denied| read.get(&id).is_none_or(|(_, number)| number % 2 == denied);
            if let Some(now) = is_there(&id) {
                read.entry(id).and_modify(|(_, number)| *number = now);
                self.misses.remove(&id);
            } else if !denied.is_some_and(is_hidden) {
                match glimpsed.contains(&id.inode) {
                    true => drop(self.misses.remove(&id)),
                    false => {
                        *self.misses.entry(id).or_default() += 1;
                        counted.insert(id);
                    }
                }
            }
        }
        // What is gone for certain is forgotten: should it come back, it is new.
        let enough = if is_still { MISSES } else { MISSES_AMID_CHANGES };
        let is_gone = |id: &FileId| counted.contains(id) && self.misses.get(id).is_some_and(|misses| *misses >= enough);
        read.retain(|id, _| !is_gone(id));
        self.rest.retain(|id, _| !is_gone(id));
        self.check(&decision.pieces, &seen, &mut read);
        if crashes {
            return self.restart();
        }
        self.read = read;
        for change in self.tracker.changes().unwrap() {
            match change {
                MemoryChange::Put { key, value } => drop(self.memory.insert(key, value)),
                MemoryChange::Forget { key } => drop(self.memory.remove(&key)),
            }
        }
    }

    /// Every piece goes on where the file was read up to, and is no more than a batch may have.
    fn check(&self, pieces: &[Piece], seen: &[(usize, Thing)], read: &mut BTreeMap<FileId, (u64, usize)>) {
        let bytes: u64 = pieces.iter().map(|piece| piece.to - piece.from).sum();
        assert!(pieces.len() <= self.rules.max_files);
        assert!(bytes <= self.rules.max_bytes || self.rules.mode == FileMode::Tail || pieces.len() == 1);
        assert!(bytes <= self.rules.max_bytes + 10 || pieces.len() == 1);
        for piece in pieces {
            let (number, thing) = seen.iter().find(|(_, thing)| thing.id == piece.id).expect("it is there");
            assert_eq!(piece.path(), path(*number));
            let (position, _) = read.entry(piece.id).or_insert((0, *number));
            assert_eq!(piece.from, *position, "{piece:?}: nothing is read twice or left out");
            assert!(piece.to > piece.from && piece.to <= thing.size);
            match self.rules.mode {
                FileMode::Tail => assert!(piece.to.is_multiple_of(10)),
                FileMode::Settled | FileMode::Renamed => assert_eq!(piece.to, thing.size, "it is read as a whole"),
            }
            if self.rules.mode == FileMode::Settled {
                assert!(self.now - self.rest[&piece.id].2 >= SETTLE, "it has come to rest");
            }
            *position = piece.to;
        }
    }

    /// Whatever is there is read in the end.
    fn come_to_rest(&mut self) {
        for _ in 0..200 {
            self.take(&Step::List { seconds: 1, denied: None, changes: false, missed: None, crashes: false });
        }
        for thing in self.files.values() {
            let complete = if self.rules.mode == FileMode::Tail { thing.size / 10 * 10 } else { thing.size };
            assert_eq!(self.read.get(&thing.id).map_or(0, |(read, _)| *read), complete, "{thing:?}");
        }
        assert_eq!(self.memory.len(), self.read.len(), "only what is there is remembered");
        assert!(self.tracker.files.len() <= PATHS && self.tracker.inodes.len() == self.tracker.files.len());
        assert!(self.tracker.by_path.len() <= self.tracker.files.len());
    }
}

proptest! {
    #[test]
    fn every_byte_is_read_once_and_in_order_whatever_happens(
        mode in prop_oneof![Just(FileMode::Settled), Just(FileMode::Renamed), Just(FileMode::Tail)],
        grown in any::<bool>(),
        max_files in 1..4_usize, max_bytes in 1..80_u64,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let when_grown = if grown { WhenGrown::Read } else { WhenGrown::Report };
        let options = FileOptions::default().mode(mode).settle(Duration::from_secs(SETTLE)).when_grown(when_grown);
        let mut world = World::new(Rules { max_files, max_bytes, ..Rules::of(&options, 1_000) });
        for step in &steps {
            world.take(step);
        }
        world.come_to_rest();
    }
}
