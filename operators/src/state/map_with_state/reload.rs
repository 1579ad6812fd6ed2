//! What is stored is all that is needed to go on: states, their times, and so their time-outs.

use super::kernel::{Mapper, Timed};
use super::spec::StateSpec;
use super::state::State;
use crate::rdd::Partitioner;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use waterwheel_runtime::clock::ManualClock;
use waterwheel_runtime::codec::decode;
use waterwheel_runtime::durable::{Durability, MemoryStorage, Storage, Table};
use waterwheel_runtime::error::TaskError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{CancelToken, TaskContext};
use waterwheel_runtime::state::{
    Changing, Emitted, KeepByProducts, StateOperator, StateSchema, StateStore, StateStoreOptions, StoredState,
    TypeSchema,
};
use waterwheel_runtime::time::{Time, seconds};

/// Key, value (`None` for a time-out), sum before.
type Call = (u8, Option<u32>, Option<u32>);

/// The operator with its states, as a process has it.
struct Process {
    mapper: Mapper<u8, u32, u32, Call>,
    store: StateStore<u8, Timed<u32>, Emitted<Call>>,
    partitioner: Partitioner<u8>,
}

fn t(batch: i64) -> Time {
    Time::from_millis(batch * 1000)
}

impl Process {
    fn new(partitions: usize, idle: u64) -> Process {
        let spec = StateSpec::function(|key: &u8, n: Option<u32>, sum: &mut State<'_, u32>| {
            let before = sum.get_option().copied();
            match n {
                Some(0) => sum.remove(),
                Some(n) => sum.update(before.unwrap_or(0) + n),
                None => {}
            }
            (*key, n, before)
        });
        let partitioner = Partitioner::hash(partitions);
        let theirs = partitioner.clone();
        let (kind, key, value) = ("map_with_state".to_owned(), TypeSchema::of::<u8>(), TypeSchema::of::<u32>());
        let store = StateStore::new(StateStoreOptions {
            schema: StateSchema { kind, key, value },
            partitions,
            place: Arc::new(move |key: &u8, scratch: &mut Vec<u8>| theirs.partition(key, scratch)),
            slide: seconds(1),
            by_products: KeepByProducts::WithVersions,
        });
        let mapper = Mapper::new(Site::here("map_with_state"), &spec.timeout(seconds(idle)), partitions);
        Process { mapper, store, partitioner }
    }

    /// Runs a batch and returns the calls of the function, sorted.
    fn batch(&self, batch: i64, records: &[(u8, u32)]) -> Vec<Call> {
        let mut calls = Vec::new();
        for partition in 0..self.store.partitions() {
            let place = |key: &u8| self.partitioner.partition(key, &mut Vec::new()).unwrap();
            let theirs: Vec<_> = records.iter().filter(|(key, _)| place(key) == partition).copied().collect();
            let clock = Arc::new(ManualClock::new(Time::ZERO));
            let task = TaskContext::new(partition, Some(t(batch)), clock, CancelToken::default());
            let version = |states: &mut Changing<'_, u8, Timed<u32>, Emitted<Call>>| {
                self.mapper.version(partition, states, Vec::new(), &theirs, &task)
            };
            self.store.advance::<TaskError>(partition, t(batch), version, |error| panic!("{error}")).unwrap();
            let emitted = self.store.by_product(partition, t(batch)).unwrap().unwrap();
            calls.extend_from_slice(&emitted.0);
        }
        calls.sort();
        calls
    }

    fn commit(&self, batch: i64, storage: &MemoryStorage) {
        let changes = self.store.changes(t(batch), t(batch)).into_iter();
        let changes: Vec<_> = changes.map(|change| change.of_table(Table::state("sums"))).collect();
        storage.write(&changes, Durability::Synced).unwrap();
        self.store.committed(t(batch), t(batch));
    }

    fn load(&self, batch: i64, storage: &MemoryStorage) {
        let stored = StoredState { storage, table: Table::state("sums"), committed: t(batch) };
        self.store.load(&stored).unwrap();
    }

    fn states(&self, batch: i64) -> BTreeMap<u8, Timed<u32>> {
        let segments = (0..self.store.partitions()).flat_map(|p| (0..256).map(move |segment| (p, segment)));
        segments.flat_map(|(p, segment)| self.store.view(p, t(batch), segment).unwrap()).collect()
    }
}

#[test]
fn a_key_times_out_after_a_restart_when_it_would_have_without() {
    let storage = MemoryStorage::default();
    let before = Process::new(2, 3);
    assert_eq!(before.batch(1, &[(7, 5), (8, 1)]), [(7, Some(5), None), (8, Some(1), None)]);
    before.commit(1, &storage);
    assert_eq!(before.batch(2, &[(8, 1)]), [(8, Some(1), Some(1))]);
    before.commit(2, &storage);

    let after = Process::new(2, 3);
    after.load(2, &storage);
    assert_eq!(after.states(2)[&7], Timed { state: 5, last: t(1) });
    assert!(after.batch(3, &[]).is_empty() && after.batch(4, &[]).is_empty());
    assert_eq!(after.batch(5, &[]), [(7, None, Some(5))]);
    assert_eq!(after.batch(6, &[]), [(8, None, Some(2))]);
    assert!(after.states(6).is_empty());
}

/// Stored states have one form; a change of it needs a new format.
#[test]
fn the_stored_form_of_a_state_is_the_state_and_its_time() {
    let bytes = waterwheel_runtime::codec::encode(&Timed { state: "x".to_owned(), last: t(1) }).unwrap();
    assert_eq!(decode::<(String, i64)>(&bytes, 64).unwrap(), ("x".to_owned(), 1000));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Restarts, onto other numbers of partitions, too, change nothing of what is called and what is kept.
    #[test]
    fn oracle_restarts_change_nothing(
        batches in proptest::collection::vec(
            (proptest::collection::vec((0..20u8, 0..4u32), 0..12), proptest::option::weighted(0.3, 1..4usize)), 1..30),
        idle in 0..5u64,
    ) {
        let storage = MemoryStorage::default();
        let (undisturbed, mut process) = (Process::new(1, idle), Process::new(2, idle));
        for (batch, (records, restart)) in (1..).zip(batches) {
            prop_assert_eq!(undisturbed.batch(batch, &records), process.batch(batch, &records));
            process.commit(batch, &storage);
            undisturbed.store.committed(t(batch), t(batch));
            prop_assert_eq!(undisturbed.states(batch), process.states(batch));
            if let Some(partitions) = restart {
                process = Process::new(partitions, idle);
                process.load(batch, &storage);
                prop_assert_eq!(undisturbed.states(batch), process.states(batch));
            }
        }
    }
}
