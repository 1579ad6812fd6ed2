//! Random records with faults and crashes: whatever was answered is found again, and nothing that was not asked for.

use crate::block::{BlockInfo, Horizon, Ledger, LedgerEvent, LogRecord, When};
use crate::durable::journal::Journal;
use crate::durable::*;
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const NAMES: [&str; 2] = ["clicks", "orders"];

#[derive(Debug, Clone)]
enum Step {
    /// A block of one of the streams; reported to the ledger, or cut off before that.
    Add {
        name: usize,
        report: bool,
    },
    Allocate,
    /// The oldest batch that is not done; keeping so many batches.
    Commit {
        now: bool,
        keep: i64,
    },
    Flush,
    /// The next program has its streams in the other order.
    Crash {
        swap: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<(Step, WriteOutcome)>> {
    let step = prop_oneof![
        6 => (0..2_usize, prop::bool::weighted(0.9)).prop_map(|(name, report)| Step::Add { name, report }),
        4 => Just(Step::Allocate),
        5 => (any::<bool>(), 0..3_i64).prop_map(|(now, keep)| Step::Commit { now, keep }),
        1 => Just(Step::Flush),
        1 => any::<bool>().prop_map(|swap| Step::Crash { swap }),
    ];
    let outcome = prop_oneof![
        20 => Just(WriteOutcome::Done),
        2 => Just(WriteOutcome::Failed),
        1 => Just(WriteOutcome::DoneButReportedFailed),
        1 => Just(WriteOutcome::NotDoneAndTimedOut),
    ];
    vec((step, outcome), 0..120)
}

/// A record in the model: its events by stream name, and whether it is durable.
struct Entry {
    events: Vec<LedgerEvent>,
    /// Up to where the source of a stream came with it, by the stream's position in `NAMES`.
    reached: Vec<(usize, u64)>,
    durable: bool,
}

/// A context without its actors, beside a list of what it was answered.
struct World<'a> {
    open: &'a dyn Fn() -> Arc<dyn Storage>,
    storage: FaultyStorage,
    journal: Journal,
    ledger: Ledger,
    /// The program's numbers of the names.
    numbers: [StreamId; 2],
    next_blocks: BTreeMap<StreamId, u64>,
    log: Vec<Entry>,
    last_batch: i64,
}

fn numbers(swap: bool) -> [StreamId; 2] {
    if swap { [StreamId(1), StreamId(0)] } else { [StreamId(0), StreamId(1)] }
}

impl<'a> World<'a> {
    fn start(open: &'a dyn Fn() -> Arc<dyn Storage>) -> World<'a> {
        let inner = open();
        let streams: Vec<_> = NAMES.iter().zip(numbers(false)).map(|(name, id)| (name.to_string(), id)).collect();
        let Opened { journal, recovered, .. } = resume(inner.clone(), "test", &streams).unwrap();
        assert!(recovered.is_none());
        meta(&journal).store(&*inner).unwrap();
        World {
            open,
            storage: FaultyStorage::new(inner),
            journal: journal.with_least_events(8),
            ledger: Ledger::new(),
            numbers: numbers(false),
            next_blocks: BTreeMap::new(),
            log: Vec::new(),
            last_batch: 0,
        }
    }

    fn step(&mut self, step: Step, outcome: WriteOutcome) {
        match step {
            Step::Add { name, report } => {
                let stream = self.numbers[name];
                let sequence = self.next_blocks.entry(stream).or_default();
                let id = BlockId { stream, sequence: *sequence };
                *sequence += 1;
                let rows = block_rows(self.journal.streams().block_outward(id).unwrap(), b"records".to_vec());
                self.storage.write(&rows, Durability::Ordered).unwrap();
                if report {
                    let event = LedgerEvent::BlockAdded { block: BlockInfo { id, records: 1, bytes: 7 } };
                    // Two of three blocks say where they are.
                    let position = id.sequence.to_be_bytes().as_slice().into();
                    let reached = if !id.sequence.is_multiple_of(3) { vec![(stream, position)] } else { vec![] };
                    self.append(LogRecord { reached, ..LogRecord::of(event) }, outcome);
                }
            }
            Step::Allocate => {
                self.last_batch += 1;
                if let Some(event) = self.ledger.plan_allocation(Time::from_millis(self.last_batch)) {
                    self.append(LogRecord::of(event), outcome);
                }
            }
            Step::Commit { now, keep } => {
                let Some(batch) = self.ledger.pending_batches().next().map(|pending| pending.batch) else { return };
                let before = Time::from_millis(batch.millis() + 1 - keep);
                let (events, freed) = self.ledger.plan_commit(batch, &Horizon::at(before));
                let value = batch.millis().to_be_bytes().to_vec();
                let changes = vec![Change::Put { table: Table::state("s"), key: b"last".to_vec(), value }];
                let when = if now { When::Now } else { When::WithNextCommit };
                self.append(LogRecord { events, changes, freed, when, ..LogRecord::default() }, outcome);
            }
            Step::Flush => self.append(LogRecord::default(), outcome),
            Step::Crash { swap } => self.crash(swap),
        }
    }

    /// What the tracker and its log do with a record.
    fn append(&mut self, record: LogRecord, outcome: WriteOutcome) {
        let (events, when) = (record.events.clone(), record.when);
        let by_name: Vec<_> = events.iter().map(|event| self.named(event)).collect();
        let name = |stream| self.numbers.iter().position(|number| *number == stream).unwrap();
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
        let reached: Vec<_> = record.reached.iter().map(|(stream, at)| (name(*stream), number(at))).collect();
        let flushes = when == When::Now
            && (events.is_empty() || events.iter().any(|event| matches!(event, LedgerEvent::BatchDone { .. })));
        let Some(mut planned) = self.journal.plan(record).unwrap() else {
            events.iter().for_each(|event| self.ledger.apply(event).unwrap());
            self.log.push(Entry { events: by_name, reached, durable: false });
            return;
        };
        let changes = std::mem::take(&mut planned.changes);
        self.storage.script([outcome]);
        let written = self.storage.write(&changes, Durability::Synced);
        if matches!(outcome, WriteOutcome::Done | WriteOutcome::DoneButReportedFailed) {
            self.log.push(Entry { events: by_name, reached, durable: true });
            if flushes {
                self.log.iter_mut().for_each(|entry| entry.durable = true);
            }
        }
        match written {
            Ok(()) => {
                self.journal.confirm(planned).unwrap();
                events.iter().for_each(|event| self.ledger.apply(event).unwrap());
            }
            Err(StorageError::NotWritten { .. }) => self.journal.abandon(planned, changes),
            // Nobody knows: the context ends here.
            Err(_) => self.crash(false),
        }
    }

    /// An event with streams by their position in `NAMES`.
    fn named(&self, event: &LedgerEvent) -> LedgerEvent {
        let names: Vec<_> = self.numbers.iter().enumerate().map(|(at, id)| (NAMES[at].to_owned(), *id)).collect();
        let stored = BTreeMap::from([(NAMES[0].to_owned(), 0), (NAMES[1].to_owned(), 1)]);
        StreamTable::new(stored, &names).event_outward(event).unwrap()
    }

    /// Everything in memory is gone. What is found again is what was answered, and no more than what was asked for.
    fn crash(&mut self, swap: bool) {
        self.storage = FaultyStorage::new(Arc::new(MemoryStorage::default()));
        let inner = (self.open)();
        self.numbers = numbers(swap);
        // The order of names in the program decides nothing.
        let mut streams: Vec<_> = NAMES.iter().zip(self.numbers).map(|(name, id)| (name.to_string(), id)).collect();
        streams.sort_by_key(|(_, id)| *id);
        let Opened { journal, recovered, .. } = resume(inner.clone(), "test", &streams).unwrap();
        let recovered = recovered.unwrap();

        self.log.retain(|entry| entry.durable);
        let mut expected = Ledger::new();
        for event in self.log.iter().flat_map(|entry| &entry.events) {
            expected.apply(event).unwrap();
        }
        let numbers = self.numbers;
        let expected = expected.renamed(|name| numbers.get(name.0 as usize).copied(), |_| true);
        assert_eq!(recovered.ledger, expected);
        let positions = self.log.iter().flat_map(|entry| &entry.reached);
        let positions = positions.map(|(name, at)| (numbers[*name], at.to_be_bytes().to_vec()));
        assert_eq!(recovered.positions, positions.collect::<BTreeMap<_, _>>(), "the last of each stream");
        let done = self.log.iter().flat_map(|entry| &entry.events).filter_map(|event| match event {
            LedgerEvent::BatchDone { batch } => Some(*batch),
            _ => None,
        });
        assert_eq!(recovered.last_committed, done.max());
        let state = inner.get(&Table::state("s"), b"last").unwrap();
        let state = state.map(|bytes| Time::from_millis(i64::from_be_bytes(bytes.try_into().unwrap())));
        assert_eq!(state, recovered.last_committed, "state is that of the last committed batch");
        assert_eq!((recovered.check_blocks(), &recovered.abandoned[..]), (Ok(()), &[][..]));
        let known: BTreeSet<BlockId> = recovered.ledger.all_blocks().map(|info| info.id).collect();
        for id in &known {
            assert!(recovered.next_blocks[&id.stream] > id.sequence);
        }
        assert_eq!(stored_data(&*inner) - recovered.orphans, known.len(), "the data of freed blocks is gone");

        meta(&journal).store(&*inner).unwrap();
        self.next_blocks = recovered.next_blocks;
        self.journal = journal.with_least_events(8);
        self.storage = FaultyStorage::new(inner);
        self.ledger = recovered.ledger;
    }
}

fn stored_data(storage: &dyn Storage) -> usize {
    let mut stored = 0;
    let mut count = |_: &[u8], _: &[u8]| {
        stored += 1;
        Ok(())
    };
    storage.scan(&Table::Blocks, keys::BLOCK_DATA, &mut count).unwrap();
    stored
}

fn block_rows(block: BlockId, data: Vec<u8>) -> [Change; 2] {
    let put = |key, value| Change::Put { table: Table::Blocks, key, value };
    [put(keys::block_data(block), data), put(keys::block_index(block), Vec::new())]
}

fn meta(journal: &Journal) -> Meta {
    Meta {
        application: "test".to_owned(),
        zero: Time::ZERO,
        interval: Duration::from_millis(1),
        streams: journal.streams().stored().clone(),
        operators: Vec::new(),
        set_aside: vec![],
        inputs: BTreeMap::new(),
        settings: BTreeMap::new(),
    }
}

fn run(open: &dyn Fn() -> Arc<dyn Storage>, steps: Vec<(Step, WriteOutcome)>) {
    let mut world = World::start(open);
    for (step, outcome) in steps {
        world.step(step, outcome);
    }
    world.step(Step::Flush, WriteOutcome::Done);
    let ledger = world.ledger.clone();
    world.crash(world.numbers[0] == StreamId(1));
    assert_eq!(world.ledger, ledger);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_is_found_again(steps in steps()) {
        let storage = MemoryStorage::default();
        run(&|| Arc::new(storage.clone()), steps);
    }
}

#[cfg(feature = "rocksdb")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_is_found_again_in_a_directory(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let open = || -> Arc<dyn Storage> {
            let directory = directory::CheckpointDirectory::open(dir.path(), "test", Time::ZERO).unwrap();
            Arc::new(RocksStorage::open(directory, RocksOptions { write_buffers: 1 << 20 }).unwrap())
        };
        run(&open, steps);
    }
}
