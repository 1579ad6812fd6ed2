//! What a source remembers is written together with what it decided to read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_operators::{BatchInputs, ReplayableStream};
use waterwheel_runtime::batch::{MemoryChange, SourceMemory};
use waterwheel_runtime::durable::{FaultyStorage, MemoryStorage, Storage, Table, WriteOutcome};
use waterwheel_runtime::error::JobError;

/// The numbers from 0 on, one a batch. It remembers the last five, and nothing else: each of them a row.
struct Numbers {
    remembered: BTreeSet<u64>,
    changes: Vec<MemoryChange>,
    /// What it was given back, and the last range, at every start.
    starts: Starts,
    recalled: Option<SourceMemory>,
    /// Whether it remembers from its first start on that it was started.
    marks_start: bool,
}

type Starts = Arc<Mutex<Vec<(Option<Vec<u64>>, Option<u64>)>>>;

const REMEMBERED: usize = 5;

fn key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn numbers_of(memory: &SourceMemory) -> Vec<u64> {
    memory.keys().map(|key| u64::from_be_bytes(key.as_slice().try_into().unwrap())).collect()
}

impl ReplayableStream<u64> for Numbers {
    type Range = u64;

    fn recall(&mut self, memory: SourceMemory) -> Result<(), JobError> {
        self.remembered = numbers_of(&memory).into_iter().collect();
        self.recalled = Some(memory);
        Ok(())
    }

    fn start(&mut self, _: Time, last: Option<u64>) -> Result<(), JobError> {
        self.starts.lock().unwrap().push((self.recalled.as_ref().map(numbers_of), last));
        if self.marks_start && self.remembered.insert(0) {
            self.changes.push(MemoryChange::Put { key: key(0), value: b"started".to_vec() });
        }
        Ok(())
    }

    fn next(&mut self, _: Time) -> Result<u64, JobError> {
        let number = self.remembered.last().map_or(0, |last| last + 1);
        self.remembered.insert(number);
        self.changes.push(MemoryChange::Put { key: key(number), value: b"seen".to_vec() });
        if self.remembered.len() > REMEMBERED
            && let Some(oldest) = self.remembered.pop_first()
        {
            self.changes.push(MemoryChange::Forget { key: key(oldest) });
        }
        Ok(number)
    }

    fn changes(&mut self) -> Vec<MemoryChange> {
        std::mem::take(&mut self.changes)
    }

    fn read(&mut self, range: &u64, inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        Ok(Some(inputs.scope.parallelize([*range], 1)))
    }
}

fn source(starts: &Starts) -> Numbers {
    let (remembered, changes, starts) = (BTreeSet::new(), Vec::new(), starts.clone());
    Numbers { remembered, changes, starts, recalled: None, marks_start: false }
}

fn start(begin: Time, storage: Arc<dyn Storage>, starts: &Starts) -> (TestProgram, Probe<u64>) {
    try_start(begin, storage, source(starts)).unwrap()
}

type Started = Result<(TestProgram, Probe<u64>), Error>;

fn try_start(begin: Time, storage: Arc<dyn Storage>, source: Numbers) -> Started {
    TestRun::new().begin(begin).start(move |ssc| {
        ssc.checkpoint_to(storage);
        ssc.replayable_stream(source).probe()
    })
}

fn t(seconds: i64) -> Time {
    Time::from_millis(seconds * 1000)
}

fn rows(storage: &dyn Storage) -> usize {
    let mut rows = 0;
    let mut count = |_: &[u8], _: &[u8]| {
        rows += 1;
        Ok(())
    };
    storage.scan(&Table::Memory, &[], &mut count).unwrap();
    rows
}

/// K-2
#[test]
fn a_source_is_given_back_what_it_remembered_as_of_its_last_range() {
    let (storage, starts) = (MemoryStorage::default(), Starts::default());
    let (mut first, _) = start(t(0), Arc::new(storage.clone()), &starts);
    first.advance(8).unwrap();
    drop(first);
    assert_eq!(rows(&storage), REMEMBERED, "what is forgotten is deleted");
    let (mut second, probe) = start(t(8), Arc::new(storage.clone()), &starts);
    second.advance(1).unwrap();
    assert_eq!(probe.datasets().last(), Some(&vec![8]));
    second.stop().unwrap();
    let expected = [(Some(vec![]), None), (Some(vec![3, 4, 5, 6, 7]), Some(7))];
    assert_eq!(*starts.lock().unwrap(), expected);
}

/// K-2: whichever write is the last one, and whether or not it is there.
#[test]
fn after_a_write_that_fails_in_whatever_way_the_range_and_the_memory_agree() {
    let outcomes = [WriteOutcome::Failed, WriteOutcome::DoneButReportedFailed, WriteOutcome::NotDoneAndTimedOut];
    for outcome in outcomes {
        for writes in 0..16 {
            let (memory, starts) = (MemoryStorage::default(), Starts::default());
            let faulty = FaultyStorage::new(Arc::new(memory.clone()));
            let (mut first, _) = start(t(0), Arc::new(faulty.clone()), &starts);
            first.advance(6).unwrap();
            faulty.script(std::iter::repeat_n(WriteOutcome::Done, writes).chain([outcome]));
            let died = (0..8).find(|_| first.advance(1).is_err());
            assert!(died.is_some(), "{outcome:?} of write {writes} was not noticed");
            drop(first);
            let (mut second, probe) = start(t(20), Arc::new(memory), &starts);
            second.advance(1).unwrap();
            let (remembered, last) = starts.lock().unwrap().last().cloned().unwrap();
            let last = last.unwrap();
            let expected: Vec<u64> = (last + 1 - REMEMBERED.min(6) as u64..=last).collect();
            assert_eq!(remembered, Some(expected), "{outcome:?} of write {writes}");
            assert!(probe.datasets().concat().contains(&(last + 1)), "and it goes on behind both");
            second.stop().unwrap();
        }
    }
}

/// K-2: with the start itself, for those that remember something from then on.
#[test]
fn what_a_source_remembers_when_it_starts_is_known_to_the_next_run_though_no_batch_came() {
    let (storage, starts) = (MemoryStorage::default(), Starts::default());
    let marking = || Numbers { marks_start: true, ..source(&starts) };
    let (first, _) = try_start(t(0), Arc::new(storage.clone()), marking()).unwrap();
    drop(first);
    let (mut second, probe) = try_start(t(0), Arc::new(storage.clone()), marking()).unwrap();
    second.advance(1).unwrap();
    assert_eq!(probe.datasets().last(), Some(&vec![1]));
    second.stop().unwrap();
    assert_eq!(*starts.lock().unwrap(), [(Some(vec![]), None), (Some(vec![0]), None)]);
}

/// K-2: what the first start has said would else be said differently by the next one.
#[test]
fn no_batch_is_read_when_what_a_source_remembers_when_it_starts_cannot_be_written() {
    for outcome in [WriteOutcome::Failed, WriteOutcome::DoneButReportedFailed, WriteOutcome::NotDoneAndTimedOut] {
        let mut told = Vec::new();
        for writes in 0..6 {
            let starts = Starts::default();
            let faulty = FaultyStorage::new(Arc::new(MemoryStorage::default()));
            faulty.script(std::iter::repeat_n(WriteOutcome::Done, writes).chain([outcome]));
            let marking = Numbers { marks_start: true, ..source(&starts) };
            let Ok((mut test, probe)) = try_start(t(0), Arc::new(faulty), marking) else { continue };
            let ended = test.advance(1).err().map(|error| error.to_string());
            told.extend(ended.filter(|_| probe.datasets().is_empty()));
        }
        assert!(
            told.iter().any(|error| error.contains("what sources remember of their start")),
            "{outcome:?}: {told:?}"
        );
    }
}

#[test]
fn sources_do_not_see_each_others_memory() {
    let (storage, starts) = (MemoryStorage::default(), Starts::default());
    let run = |begin: Time, batches: u64| {
        let (one, other, storage) = (source(&starts), source(&starts), storage.clone());
        let started = TestRun::new().begin(begin).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(storage));
            let other = ssc.replayable_stream(other).named("other");
            ssc.replayable_stream(one).named("a").union(&other).probe()
        });
        let (mut test, _) = started.unwrap();
        test.advance(batches).unwrap();
        test.stop().unwrap();
    };
    run(t(0), 2);
    assert_eq!(rows(&storage), 4);
    run(t(2), 1);
    let starts = starts.lock().unwrap();
    assert_eq!(starts[2..], [(Some(vec![0, 1]), Some(1)), (Some(vec![0, 1]), Some(1))]);
}
