//! The state of an operator against a plain map.

use super::*;
use crate::codec::{CodecError, stable_key_hash};
use crate::durable::{Change as Write, Durability, MemoryStorage, Storage, Table};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Map = BTreeMap<u16, u32>;
type Store = StateStore<u16, u32, Keyed<u16, u32>>;

fn t(n: i64) -> Time {
    Time::from_millis(n * 1000)
}

fn hash(key: u16) -> u64 {
    stable_key_hash(&key, &mut Vec::new()).unwrap()
}

fn store(partitions: usize) -> Store {
    store_keeping(partitions, Duration::from_secs(3))
}

fn store_keeping(partitions: usize, by_products: Duration) -> Store {
    let place =
        move |key: &u16, scratch: &mut Vec<u8>| Ok((stable_key_hash(key, scratch)? % partitions as u64) as usize);
    StateStore::new(StateStoreOptions {
        schema: StateSchema { kind: "test".to_owned(), key: TypeSchema::of::<u16>(), value: TypeSchema::of::<u32>() },
        partitions,
        place: Arc::new(place),
        slide: Duration::from_secs(1),
        by_products: KeepByProducts::For(by_products),
    })
}

fn table() -> Table {
    Table::state("test")
}

fn commit(store: &Store, storage: &MemoryStorage, batch: Time, cutoff: Time) {
    let changes: Vec<Write> = store.changes(batch, cutoff).into_iter().map(|change| change.of_table(table())).collect();
    storage.write(&changes, Durability::Synced).unwrap();
    store.committed(batch, cutoff);
}

fn restart(storage: &MemoryStorage, partitions: usize, committed: Time) -> Result<Store, StateError> {
    let store = store(partitions);
    store.load(&StoredState { storage, table: table(), committed }).map(|()| store)
}

/// Everything in the version of `batch`, checked to be in order and in its place.
fn shown(store: &Store, batch: Time) -> Result<Map, VersionError> {
    let mut all = Map::new();
    for partition in 0..store.partitions() {
        for segment in 0..Store::SEGMENTS {
            let entries = store.view(partition, batch, segment)?;
            assert!(entries.is_sorted_by_key(|(key, _)| hash(*key)));
            for (key, state) in entries {
                assert_eq!(hash(key) as usize % store.partitions(), partition);
                assert_eq!(hash(key) >> 56, segment as u64);
                assert_eq!(all.insert(key, state), None);
            }
        }
    }
    Ok(all)
}

fn emitted(store: &Store, batch: Time) -> Option<Map> {
    let parts = (0..store.partitions()).map(|partition| store.by_product(partition, batch).unwrap());
    parts
        .map(|part| part.map(|part| part.0.clone()))
        .collect::<Option<Vec<_>>>()
        .map(|all| all.into_iter().flatten().collect())
}

#[derive(Debug, Clone)]
enum Op {
    Set(u16, u32),
    Remove(u16),
    /// Adds to every state, removes what then is a multiple of 3, and leaves multiples of 5 alone.
    Each(u32),
}

fn apply(model: &mut Map, ops: &[Op]) {
    for op in ops {
        match *op {
            Op::Set(key, state) => drop(model.insert(key, state)),
            Op::Remove(key) => drop(model.remove(&key)),
            Op::Each(more) => {
                model.values_mut().filter(|state| **state % 5 != 0).for_each(|state| *state = state.wrapping_add(more));
                model.retain(|_, state| *state % 3 != 0 || *state % 5 == 0);
            }
        }
    }
}

fn each(more: u32) -> impl Fn(&u16, &u32, u32) -> Change<u32> {
    move |_, state, _| match state.wrapping_add(more) {
        _ if state % 5 == 0 => Change::Keep,
        new if new % 3 == 0 && new % 5 != 0 => Change::Remove,
        new => Change::Set(new),
    }
}

/// Advances all partitions; `fails` has the work fail at its end.
fn advance(store: &Store, batch: Time, ops: &[Op], fails: bool) -> Result<(), String> {
    for partition in 0..store.partitions() {
        let mine = |key: u16| hash(key) as usize % store.partitions() == partition;
        let work = |version: &mut Changing<'_, u16, u32, Keyed<u16, u32>>| {
            let mut set = Vec::new();
            for op in ops {
                match *op {
                    Op::Set(key, state) if mine(key) => {
                        version.set(hash(key), key, state);
                        set.push((key, state));
                    }
                    Op::Remove(key) if mine(key) => drop(version.remove(hash(key), &key)),
                    Op::Each(more) => version.update_each(each(more)),
                    Op::Set(..) | Op::Remove(_) => {}
                }
            }
            if fails { Err("failed".to_owned()) } else { Ok(Keyed(set)) }
        };
        store.advance(partition, batch, work, |error: CodecError| error.to_string())?;
    }
    Ok(())
}

fn set_by(ops: &[Op]) -> Map {
    ops.iter().filter_map(|op| if let Op::Set(key, state) = op { Some((*key, *state)) } else { None }).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Version(Vec<Op>),
    Fail(Vec<Op>),
    Panic(Vec<Op>),
    TakeBack,
    Commit,
    Crash(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..40u16, 0..100u32).prop_map(|(key, state)| Op::Set(key, state)),
        3 => (0..40u16).prop_map(Op::Remove),
        1 => (0..4u32).prop_map(Op::Each),
    ];
    proptest::collection::vec(op, 0..12)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => ops().prop_map(Step::Version),
        1 => ops().prop_map(Step::Fail),
        1 => ops().prop_map(Step::Panic),
        1 => Just(Step::TakeBack),
        5 => Just(Step::Commit),
        1 => (1..5usize).prop_map(Step::Crash),
    ];
    proptest::collection::vec(step, 0..40)
}

/// What should be: states and by-products by batch.
#[derive(Clone, Default)]
struct Model {
    /// `None` is a batch that was given up.
    versions: BTreeMap<Time, Option<(Map, Map)>>,
    committed: Option<Time>,
}

impl Model {
    fn state(&self, batch: Time) -> Map {
        let made = self.versions.range(..=batch).rev().find_map(|(_, version)| version.as_ref());
        made.map(|(state, _)| state.clone()).unwrap_or_default()
    }

    fn newest(&self) -> i64 {
        self.versions.keys().next_back().map_or(0, |newest| newest.millis() / 1000)
    }

    fn check(&self, store: &Store, back: i64) {
        let (newest, committed) = (self.newest(), self.committed.map_or(0, |time| time.millis() / 1000));
        for n in (committed - back + 1).max(1)..=newest {
            assert_eq!(shown(store, t(n)), Ok(self.state(t(n))), "batch {n} of {newest}, {committed} committed");
        }
        for n in (committed - 2).max(1)..=newest {
            if let Some(Some((_, set))) = self.versions.get(&t(n)) {
                assert_eq!(emitted(store, t(n)).as_ref(), Some(set), "by-product of batch {n}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Versions are made, fail, panic, are taken back and committed; the process dies and comes back with other partitions.
    #[test]
    fn oracle_versions_and_restarts_are_those_of_a_map(steps in steps(), first in 1..5usize, back in 1..4i64) {
        let (storage, mut store, mut model) = (MemoryStorage::default(), store(first), Model::default());
        for step in steps {
            let next = t(model.newest() + 1);
            match step {
                Step::Version(ops) => {
                    let mut state = model.state(next);
                    apply(&mut state, &ops);
                    advance(&store, next, &ops, false).unwrap();
                    // The last of several.
                    model.versions.insert(next, Some((state, set_by(&ops))));
                }
                Step::Fail(ops) => prop_assert!(advance(&store, next, &ops, true).is_err()),
                Step::Panic(ops) => {
                    let store = &store;
                    let panics = |version: &mut Changing<'_, u16, u32, Keyed<u16, u32>>| -> Result<_, String> {
                        for op in &ops {
                            if let Op::Set(key, state) = op {
                                version.mark(hash(*key), key, 7);
                                version.set(hash(*key), *key, *state);
                            }
                        }
                        version.update_each(|key, _, _| if *key % 2 == 0 { Change::Remove } else { panic!("odd") });
                        panic!("even");
                    };
                    let advanced = || store.advance(0, next, panics, |error| error.to_string());
                    prop_assert!(catch_unwind(AssertUnwindSafe(advanced)).is_err());
                }
                Step::TakeBack => {
                    let last = t(model.newest());
                    if model.committed < Some(last) && !model.versions.is_empty() {
                        store.take_back(last);
                        model.versions.insert(last, None);
                    }
                }
                Step::Commit => {
                    let committed = model.committed.map_or(0, |time| time.millis() / 1000) + 1;
                    if committed <= model.newest() {
                        commit(&store, &storage, t(committed), t(committed - back));
                        model.committed = Some(t(committed));
                    }
                }
                Step::Crash(partitions) => {
                    let committed = model.committed.unwrap_or(Time::ZERO);
                    model.versions.retain(|batch, _| *batch <= committed);
                    store = restart(&storage, partitions, committed).unwrap();
                }
            }
            model.check(&store, back);
        }
    }
}

#[test]
fn every_sequence_of_changes_and_versions_is_that_of_a_map_and_leaves_older_versions_alone() {
    // SPARK_SEMANTICS section 7: three sets of three operations, here with a version after each, and also within one.
    let choices = [
        Op::Set(1, 10),
        Op::Set(2, 20),
        Op::Remove(1),
        Op::Remove(2),
        Op::Set(1, 11),
        Op::Each(1),
        Op::Remove(3),
        Op::Set(3, 30),
    ];
    for sequence in 0..512_usize {
        let ops: Vec<Op> = [0, 3, 6].map(|shift| choices[sequence >> shift & 7].clone()).to_vec();
        let (apart, together) = (store(1), store(1));
        let mut model = Map::new();
        let mut states = Vec::new();
        for (n, op) in (1..).zip(&ops) {
            advance(&apart, t(n), std::slice::from_ref(op), false).unwrap();
            apply(&mut model, std::slice::from_ref(op));
            states.push(model.clone());
            for (n, state) in (1..).zip(&states) {
                assert_eq!(shown(&apart, t(n)).as_ref(), Ok(state), "{ops:?}");
            }
        }
        advance(&together, t(1), &ops, false).unwrap();
        assert_eq!(shown(&together, t(1)).unwrap(), model, "{ops:?}");
        together.take_back(t(1));
        assert_eq!(shown(&together, t(1)).unwrap(), Map::new(), "{ops:?}");
    }
}

#[test]
fn a_version_that_is_gone_or_not_made_is_told() {
    let store = store(1);
    for n in 1..=3 {
        advance(&store, t(n), &[Op::Set(1, n as u32)], false).unwrap();
    }
    store.committed(t(3), t(2));
    assert_eq!(shown(&store, t(3)), Ok(Map::from([(1, 3)])));
    let gone = shown(&store, t(2)).unwrap_err();
    assert_eq!(gone, VersionError::Gone { batch: t(2), oldest: t(3) });
    assert!(gone.to_string().contains("remember"), "{gone}");
    assert_eq!(shown(&store, t(4)), Err(VersionError::NotMade { batch: t(4) }));
}

#[test]
fn marks_are_given_to_the_pass_over_all_keys_once() {
    let store = store(1);
    advance(&store, t(1), &[Op::Set(1, 1), Op::Set(2, 2)], false).unwrap();
    let mut seen = Vec::new();
    let work = |version: &mut Changing<'_, u16, u32, Keyed<u16, u32>>| {
        assert!(version.mark(hash(2), &2, 9) && !version.mark(hash(3), &3, 8));
        for _ in 0..2 {
            version.update_each(|key, _, mark| {
                seen.push((*key, mark));
                Change::Keep
            });
        }
        Ok::<_, String>(Keyed::default())
    };
    store.advance(0, t(2), work, |error| error.to_string()).unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [(1, 0), (1, 0), (2, 0), (2, 9)]);
}

fn written(changes: &[StateChange]) -> usize {
    changes.iter().map(|change| if let StateChange::Put { value, .. } = change { value.len() } else { 0 }).sum()
}

#[test]
fn a_commit_writes_about_twice_what_has_changed_and_a_restart_reads_about_twice_the_state() {
    let (storage, store) = (MemoryStorage::default(), store_keeping(1, Duration::ZERO));
    let all: Vec<Op> = (0..20_000).map(|key| Op::Set(key, 1)).collect();
    advance(&store, t(1), &all, false).unwrap();
    let state = written(&store.changes(t(1), t(1)));
    commit(&store, &storage, t(1), t(1));
    for n in 2..=60 {
        let changed: Vec<Op> = (0..1000).map(|i| Op::Set((i * 17 + n as u16 * 131) % 20_000, n as u32)).collect();
        advance(&store, t(n), &changed, false).unwrap();
        let changes = store.changes(t(n), t(n));
        assert!(written(&changes) < 2 * 1000 * 5 + 2 * 4096, "batch {n} wrote {} bytes", written(&changes));
        storage
            .write(&changes.into_iter().map(|change| change.of_table(table())).collect::<Vec<_>>(), Durability::Synced)
            .unwrap();
        store.committed(t(n), t(n));
    }
    let mut stored = 0;
    storage
        .scan(&table(), &[], &mut |_, value| {
            stored += value.len();
            Ok(())
        })
        .unwrap();
    assert!(stored < 2 * state + 8192, "{stored} bytes for a state of {state}");
    // A state that rests comes to rest: in the end nothing is written at all.
    let quiet = (61..400).find(|n| {
        advance(&store, t(*n), &[], false).unwrap();
        let changes = store.changes(t(*n), t(*n));
        store.committed(t(*n), t(*n));
        changes.is_empty()
    });
    assert!(quiet.is_some());
}

#[test]
fn damage_is_told_and_never_a_wrong_answer() {
    let storage = MemoryStorage::default();
    let first = store(2);
    for n in 1..=5 {
        let ops: Vec<Op> = (0..30).map(|key| Op::Set(key * n as u16, n as u32)).collect();
        advance(&first, t(n), &ops, false).unwrap();
        commit(&first, &storage, t(n), t(n - 2));
    }
    let right = shown(&restart(&storage, 2, t(5)).unwrap(), t(5)).unwrap();
    let mut rows = Vec::new();
    storage
        .scan(&table(), &[], &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            Ok(())
        })
        .unwrap();
    let with = |change: Write| {
        let damaged = MemoryStorage::default();
        let puts = rows.iter().cloned().map(|(key, value)| Write::Put { table: table(), key, value });
        damaged.write(&puts.chain([change]).collect::<Vec<_>>(), Durability::Synced).unwrap();
        restart(&damaged, 2, t(5)).map(|store| shown(&store, t(5)))
    };
    for (key, value) in &rows {
        // Older versions are not part of the newest one: without them it is whole.
        let older = key.get(9).is_some_and(|kind| [2, 3].contains(kind));
        let lost = with(Write::Delete { table: table(), key: key.clone() });
        assert!(lost.is_err() || older && lost.as_ref().is_ok_and(|shown| shown.as_ref() == Ok(&right)), "{key:?}");
        let cut = value[..value.len() - 1].to_vec();
        if !cut.is_empty() {
            assert!(with(Write::Put { table: table(), key: key.clone(), value: cut }).is_err(), "{key:?}");
        }
        let mut longer = key.clone();
        longer.push(7);
        assert!(with(Write::Put { table: table(), key: longer, value: value.clone() }).is_err() || key.len() < 9);
    }
    assert!(restart(&storage, 2, t(4)).is_err(), "state of a batch that is not committed");
    let message = with(Write::Delete { table: table(), key: vec![0] }).err().unwrap().to_string();
    assert!(message.contains("no layout"), "{message}");
}
