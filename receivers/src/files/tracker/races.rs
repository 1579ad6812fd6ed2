//! Lister and tracker over a disk on which files are renamed, moved, replaced and grow between any two questions, and while names
//! are read: each byte is read once.

use super::*;
use crate::files::disk::{DirectoryStamp, Disk, Entry, Facts, Kind};
use crate::files::listing::{Asks, Lister};
use crate::files::names::is_finished;
use crate::files::options::FileOptions;
use crate::files::pattern::Pattern;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::rc::Rc;
use waterwheel_runtime::codec::stable_hash;

/// The second is in the first.
const DIRECTORIES: [&str; 2] = ["/in", "/in/below"];
/// The filter leaves the last one out.
const NAMES: [&str; 4] = ["a", "b", "c", "d.tmp"];
/// How fine the file system's times are, in milliseconds.
const TICK: u64 = 4;
const SETTLE: u64 = 500;

/// A directory and a name in it, by their places above.
type Name = (usize, usize);

/// What somebody does in the directories.
#[derive(Debug, Clone)]
enum Act {
    /// Over whatever is there, as the others.
    Create(Name, u64),
    Append(Name, u64),
    /// One of those that are there, by its place among them.
    Rename(usize, Name),
    Delete(Name),
    MoveAway(Name),
    MoveBack(Name),
    /// So many milliseconds pass.
    Later(u64),
}

#[derive(Debug, Clone)]
enum Step {
    Act(Act),
    /// A batch looks; meanwhile somebody acts, each time before the question of that number. `crashes` says that the program dies before
    /// what it decided is durable.
    List {
        acts: Vec<(usize, Act)>,
        crashes: bool,
    },
    Restart,
}

#[derive(Debug, Clone, Copy)]
struct Thing {
    id: FileId,
    size: u64,
    modified: u64,
}

/// The disk, and how things on it are.
#[derive(Default)]
struct World {
    mode: FileMode,
    names: BTreeMap<Name, Thing>,
    away: Vec<Thing>,
    /// When names in the directories changed last.
    changed: [u64; 2],
    now: u64,
    created: i64,
    acts: VecDeque<(usize, Act)>,
    asked: usize,
    /// Files that were somewhere else at some moment since the listing began.
    left: BTreeSet<FileId>,
    /// Files of which something was read.
    read: BTreeSet<FileId>,
}

impl World {
    fn act(&mut self, act: &Act) {
        match *act {
            Act::Create(name, size) => {
                let is_used = |inode| self.names.values().chain(&self.away).any(|thing| thing.id.inode == inode);
                // Numbers are used again at once, as file systems do.
                let inode = (10..).find(|inode| !is_used(*inode)).unwrap();
                self.created += 1;
                let id = FileId { device: 1, inode, born: Some(Stamp::new(self.created)) };
                self.put(name, Thing { id, size, modified: self.now });
            }
            Act::Append(name, bytes) => {
                // Whole files do not change while they are read, nor after that: it is what is asked of their writers.
                let is_tail = self.mode == FileMode::Tail;
                let may = |thing: &Thing| is_tail || (self.mode == FileMode::Settled && !self.read.contains(&thing.id));
                let is_listing = self.asked > 0;
                if let Some(thing) = self.names.get_mut(&name).filter(|thing| may(thing) && (is_tail || !is_listing)) {
                    (thing.size, thing.modified) = (thing.size + bytes, self.now);
                }
            }
            Act::Rename(from, to) => {
                let from = self.names.keys().nth(from % self.names.len().max(1)).copied().filter(|from| *from != to);
                if let Some(thing) = from.and_then(|from| self.take(from)) {
                    self.put(to, thing);
                }
            }
            Act::Delete(name) => drop(self.take(name)),
            Act::MoveAway(name) => {
                let thing = self.take(name);
                self.left.extend(thing.map(|thing| thing.id));
                self.away.extend(thing);
            }
            Act::MoveBack(name) => {
                if let Some(thing) = self.away.pop() {
                    self.put(name, thing);
                }
            }
            Act::Later(milliseconds) => self.now += milliseconds,
        }
    }

    fn put(&mut self, name: Name, thing: Thing) {
        self.changed[name.0] = self.now;
        self.names.insert(name, thing);
    }

    fn take(&mut self, name: Name) -> Option<Thing> {
        let taken = self.names.remove(&name)?;
        self.changed[name.0] = self.now;
        Some(taken)
    }

    /// A question is asked; before it, somebody acts.
    fn ask(&mut self) {
        self.asked += 1;
        while let Some((_, act)) = self.acts.pop_front_if(|(at, _)| *at <= self.asked) {
            self.act(&act);
        }
    }

    fn facts(&self, name: Name) -> Option<Facts> {
        let thing = self.names.get(&name)?;
        let modified = Stamp::at(thing.modified.cast_signed(), 1);
        Some(Facts { kind: Kind::File, id: thing.id, size: thing.size, modified })
    }
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<World>>);

/// The order in which a directory has its names.
fn order(name: &OsStr) -> u64 {
    stable_hash(name.as_encoded_bytes())
}

fn gone() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for Fake {
    type Directory = usize;

    fn open(&self, path: &Path) -> io::Result<(usize, DirectoryStamp)> {
        let stamp = self.stamp(path)?;
        Ok((usize::try_from(stamp.inode).unwrap(), stamp))
    }

    /// From name to name, in the order of the directory: what is renamed to where it was read already is missed.
    fn entries(&self, directory: &usize, each: &mut dyn FnMut(Entry)) -> io::Result<()> {
        let mut last = 0;
        loop {
            self.0.borrow_mut().ask();
            let world = self.0.borrow();
            let files = world.names.iter().filter(|((in_directory, _), _)| in_directory == directory);
            let files = files.map(|((_, name), thing)| (OsString::from(NAMES[*name]), thing.id.inode, Kind::File));
            let below = (*directory == 0).then(|| (OsString::from("below"), 1, Kind::Directory));
            let next = files.chain(below).filter(|(name, ..)| order(name) > last).min_by_key(|(name, ..)| order(name));
            let Some((name, inode, kind)) = next else { return Ok(()) };
            last = order(&name);
            each(Entry { name, inode, kind: Some(kind) });
        }
    }

    fn look(&self, directory: &usize, name: &OsStr, _: bool) -> io::Result<Facts> {
        self.0.borrow_mut().ask();
        let name = NAMES.iter().position(|known| OsStr::new(known) == name).unwrap();
        self.0.borrow().facts((*directory, name)).ok_or_else(gone)
    }

    fn stamp(&self, path: &Path) -> io::Result<DirectoryStamp> {
        self.0.borrow_mut().ask();
        let directory = DIRECTORIES.iter().position(|directory| Path::new(directory) == path).ok_or_else(gone)?;
        let at = Stamp::at((self.0.borrow().changed[directory] / TICK).cast_signed(), 1);
        Ok(DirectoryStamp { device: 1, inode: directory as u64, modified: at, changed: at })
    }
}

struct Program {
    disk: Fake,
    rules: Rules,
    lister: Lister<Fake>,
    tracker: Tracker,
    memory: SourceMemory,
    /// How far each file was read, as far as that is durable.
    read: BTreeMap<FileId, u64>,
    /// How many listings in a row each file was somewhere else during.
    away: BTreeMap<FileId, u32>,
}

fn lister(disk: &Fake) -> Lister<Fake> {
    let options = FileOptions::default().recursive(true).mode(disk.0.borrow().mode);
    Lister::new(disk.clone(), Pattern::new(Path::new(DIRECTORIES[0])).unwrap(), &options).looking_again_at(1)
}

impl Program {
    fn new(mode: FileMode) -> Program {
        let disk = Fake::default();
        disk.0.borrow_mut().mode = mode;
        let rules = Rules::of(&FileOptions::default().mode(mode).settle(Duration::from_millis(SETTLE)), 1_000);
        let (lister, tracker) = (lister(&disk), Tracker::new(rules));
        let (memory, read, away) = (SourceMemory::new(), BTreeMap::new(), BTreeMap::new());
        Program { disk, rules, lister, tracker, memory, read, away }
    }

    fn act(&self, act: &Act) {
        self.disk.0.borrow_mut().act(act);
    }

    fn restart(&mut self) {
        self.lister = lister(&self.disk);
        self.tracker = Tracker::new(self.rules);
        self.tracker.recall(&self.memory).unwrap();
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Act(act) => self.act(act),
            Step::List { acts, crashes } => self.list(acts.clone(), *crashes),
            Step::Restart => self.restart(),
        }
    }

    fn list(&mut self, mut acts: Vec<(usize, Act)>, crashes: bool) {
        acts.sort_by_key(|(at, _)| *at);
        let world = self.disk.0.clone();
        {
            let world = &mut *world.borrow_mut();
            world.left = world.away.iter().map(|thing| thing.id).collect();
            world.acts = acts.into();
        }
        let now = || Duration::from_millis(world.borrow().now);
        let asks =
            Asks { is_known: &|inode| self.tracker.knows_inode(inode), was_read: &|id| self.tracker.was_read(id) };
        let (listing, when) = self.lister.list(asks, &now);
        let left = std::mem::take(&mut world.borrow_mut().left);
        self.away.retain(|id, _| left.contains(id));
        for id in left {
            *self.away.entry(id).or_default() += 1;
        }
        let mode = self.rules.mode;
        let mut look = |candidate: &Candidate, _: u64| {
            let name = |directory: &str, name: &str| Path::new(directory).join(name) == *candidate.path;
            let names = (0..2).flat_map(|directory| (0..NAMES.len()).map(move |number| (directory, number)));
            let found = names.filter(|(directory, number)| name(DIRECTORIES[*directory], NAMES[*number]));
            let facts = found.filter_map(|name| world.borrow().facts(name)).find(|facts| facts.id == candidate.id);
            match facts {
                Some(facts) if mode == FileMode::Tail && facts.size >= candidate.size => tens(candidate),
                Some(facts) if facts.size == candidate.size => Look::UpTo(candidate.size, None),
                _ => Look::Moved,
            }
        };
        let decision = self.tracker.decide(&listing, when, &mut look);
        world.borrow_mut().asked = 0;
        let mut read = self.read.clone();
        // Whoever is still known is in the tracker, whoever is not has left.
        read.retain(|id, _| {
            let is_known = self.tracker.files.contains_key(id);
            let is_there = world.borrow().names.values().any(|thing| thing.id == *id);
            let has_left = !is_there || self.away.get(id).is_some_and(|listings| *listings >= MISSES);
            assert!(is_known || has_left, "{id:?} is forgotten and was there all the while");
            is_known
        });
        for piece in &decision.pieces {
            let position = read.entry(piece.id).or_default();
            assert_eq!(piece.from, *position, "{piece:?}: nothing is read twice or left out");
            *position = piece.to;
        }
        if crashes {
            return self.restart();
        }
        world.borrow_mut().read.extend(read.keys());
        self.read = read;
        for change in self.tracker.changes().unwrap() {
            match change {
                MemoryChange::Put { key, value } => drop(self.memory.insert(key, value)),
                MemoryChange::Forget { key } => drop(self.memory.remove(&key)),
            }
        }
    }

    /// Whatever is there is read in the end, and nothing else is remembered.
    fn come_to_rest(&mut self) {
        for _ in 0..8 {
            self.act(&Act::Later(1_000));
            self.list(Vec::new(), false);
        }
        let world = self.disk.0.borrow();
        for ((_, name), thing) in &world.names {
            let read = self.read.get(&thing.id).copied();
            if is_finished(Path::new(NAMES[*name])) || (read.is_some() && self.rules.mode == FileMode::Tail) {
                let complete = if self.rules.mode == FileMode::Tail { thing.size / 10 * 10 } else { thing.size };
                assert_eq!(read.unwrap_or(0), complete, "{thing:?}");
            }
        }
        let is_there = |id: &FileId| world.names.values().any(|thing| thing.id == *id);
        assert!(self.read.keys().all(is_there), "what is gone is forgotten");
        assert_eq!(self.memory.len(), self.read.len());
    }
}

/// Records of ten bytes.
fn tens(candidate: &Candidate) -> Look {
    match candidate.size / 10 * 10 {
        end if end > candidate.from => Look::UpTo(end, None),
        _ => Look::Incomplete,
    }
}

fn act() -> impl Strategy<Value = Act> {
    let name = || (0..DIRECTORIES.len(), 0..NAMES.len());
    prop_oneof![
        3 => (name(), 0..60_u64).prop_map(|(name, size)| Act::Create(name, size)),
        2 => (name(), 1..40_u64).prop_map(|(name, bytes)| Act::Append(name, bytes)),
        12 => (0..4_usize, name()).prop_map(|(from, to)| Act::Rename(from, to)),
        1 => name().prop_map(Act::Delete),
        1 => name().prop_map(Act::MoveAway),
        1 => name().prop_map(Act::MoveBack),
        2 => prop_oneof![0..10_u64, 0..2_000_u64].prop_map(Act::Later),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => act().prop_map(Step::Act),
        1 => Just(Step::Act(Act::Later(1_000))),
        6 => (prop::collection::vec((1..16_usize, act()), 0..6), prop::bool::weighted(0.1))
            .prop_map(|(acts, crashes)| Step::List { acts, crashes }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn each_byte_is_read_once_whatever_is_renamed_while_directories_are_read(
        mode in prop_oneof![Just(FileMode::Settled), Just(FileMode::Renamed), Just(FileMode::Tail)],
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut program = Program::new(mode);
        for step in &steps {
            program.take(step);
        }
        program.come_to_rest();
    }
}

/// From the directory that is read last into the one that was read first, and back between two listings.
#[test]
fn a_file_that_is_moved_behind_the_back_of_every_listing_is_not_forgotten() {
    for mode in [FileMode::Settled, FileMode::Renamed, FileMode::Tail] {
        let mut program = Program::new(mode);
        program.act(&Act::Create((1, 0), 20));
        for _ in 0..3 {
            program.act(&Act::Later(1_000));
            program.list(Vec::new(), false);
        }
        let id = *program.read.first_key_value().unwrap().0;
        // The first directory is opened, its two names are read, and what is behind them is not asked for: the second one is opened.
        let moved = (4, Act::Rename(0, (0, 1)));
        for _ in 1..MISSES_AMID_CHANGES {
            program.act(&Act::Later(1_000));
            program.list(vec![moved.clone()], false);
            assert!(program.tracker.files[&id].missed > 0, "the listing has to miss it");
            program.act(&Act::Rename(0, (1, 0)));
        }
        program.come_to_rest();
        assert_eq!(program.read.into_values().collect::<Vec<_>>(), [20]);
    }
}
