use super::*;
use crate::window::Windowing;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use waterwheel_runtime::codec::CodecError;
use waterwheel_runtime::durable::{Change, Durability, MemoryStorage, Storage, Table};
use waterwheel_runtime::state::{
    KeepByProducts, StateOperator, StateSchema, StateStore, StateStoreOptions, StoredState, TypeSchema,
};
use waterwheel_runtime::time::{Time, seconds};

type Store<V> = StateStore<u8, Held<V>, Unit<u8, V>>;

/// What happens at the end of a unit.
#[derive(Debug, Clone)]
enum Step<V> {
    /// Its records enter.
    Slide(Vec<(u8, V)>),
    /// As above, once the first attempt at every partition has failed when all was done.
    SecondAttempt(Vec<(u8, V)>),
    /// Its records enter, and are taken back with the batch that brought them.
    TakenBack(Vec<(u8, V)>),
    /// There is no batch: the program is down, or several became one.
    Missing,
    /// Nothing enters, for the program ends after the last commit, and goes on with so many partitions.
    Restart(usize),
}

/// A window in a store, that commits whatever it makes.
struct Window<V> {
    inverse: Inverse<u8, V>,
    sliding: Sliding,
    store: Store<V>,
    storage: MemoryStorage,
    committed: Time,
}

fn table() -> Table {
    Table::state("window")
}

fn store<V: Record>(sliding: Sliding, partitions: usize) -> Store<V> {
    let partitioner = Partitioner::<u8>::hash(partitions);
    StateStore::new(StateStoreOptions {
        schema: StateSchema { kind: "test".to_owned(), key: TypeSchema::of::<u8>(), value: TypeSchema::of::<V>() },
        partitions,
        place: Arc::new(move |key, scratch| partitioner.partition(key, scratch)),
        slide: sliding.unit,
        by_products: KeepByProducts::For(sliding.length()),
    })
}

impl<V: Record> Window<V> {
    fn new(inverse: Inverse<u8, V>, sliding: Sliding, partitions: usize) -> Window<V> {
        let (store, storage) = (store(sliding, partitions), MemoryStorage::default());
        Window { inverse, sliding, store, storage, committed: Time::ZERO }
    }

    /// Makes the version of `time`, failing at its end as often as `failures` says.
    fn make(&self, time: Time, records: &[(u8, V)], failures: usize) {
        let partitioner = Partitioner::<u8>::hash(self.store.partitions());
        for partition in 0..self.store.partitions() {
            let mine = |key: &u8| partitioner.partition(key, &mut Vec::new()).unwrap() == partition;
            // The reduction of a unit has each key once.
            let mut unit: BTreeMap<u8, V> = BTreeMap::new();
            for (key, value) in records.iter().filter(|(key, _)| mine(key)).cloned() {
                let value = match unit.remove(&key) {
                    Some(before) => (self.inverse.f)(before, value),
                    None => value,
                };
                unit.insert(key, value);
            }
            for attempt in 0..=failures {
                let done = self.store.advance(
                    partition,
                    time,
                    |version| {
                        let unit = Unit::of(unit.clone()).unwrap();
                        let unit =
                            self.inverse.slide(self.sliding, version, unit).map_err(|error| error.to_string())?;
                        if attempt < failures { Err("as asked".to_owned()) } else { Ok(unit) }
                    },
                    |error: CodecError| error.to_string(),
                );
                assert_eq!(done.is_err(), attempt < failures, "{done:?}");
            }
        }
    }

    fn commit(&mut self, time: Time) {
        let changes: Vec<Change> =
            self.store.changes(time, time).into_iter().map(|change| change.of_table(table())).collect();
        self.storage.write(&changes, Durability::Synced).unwrap();
        drop(self.store.committed(time, time));
        self.committed = time;
    }

    fn restart(&mut self, partitions: usize) {
        self.store = store(self.sliding, partitions);
        let stored = StoredState { storage: &self.storage, table: table(), committed: self.committed };
        self.store.load(&stored).unwrap();
    }

    fn view(&self, time: Time) -> Vec<(u8, V)> {
        let partitions = 0..self.store.partitions();
        let segments =
            partitions.flat_map(|partition| (0..Store::<V>::SEGMENTS).map(move |segment| (partition, segment)));
        let entries = segments.flat_map(|(partition, segment)| self.store.view(partition, time, segment).unwrap());
        let shown = entries.filter(|(key, held)| self.inverse.shows(key, &held.value));
        let mut shown: Vec<(u8, V)> = shown.map(|(key, held)| (key, held.value)).collect();
        shown.sort_by_key(|(key, _)| *key);
        shown
    }

    /// What the window shows after each step that brought it forward, with the end of its unit.
    fn run(&mut self, steps: &[Step<V>]) -> Vec<(Time, Vec<(u8, V)>)> {
        let mut shown = Vec::new();
        let mut time = Time::ZERO;
        for step in steps {
            if let Step::Restart(partitions) = step {
                self.restart(*partitions);
                continue;
            }
            time += self.sliding.unit;
            match step {
                Step::Slide(records) => self.make(time, records, 0),
                Step::SecondAttempt(records) => self.make(time, records, 1),
                Step::TakenBack(records) => {
                    self.make(time, records, 0);
                    self.store.take_back(time);
                    self.commit(time);
                    continue;
                }
                Step::Missing | Step::Restart(_) => continue,
            }
            shown.push((time, self.view(time)));
            self.commit(time);
        }
        shown
    }
}

fn sums(filter: Option<fn(i64) -> bool>) -> Inverse<u8, i64> {
    let filter = filter.map(|keep| Arc::new(move |_: &u8, sum: &i64| keep(*sum)) as Filter<u8, i64>);
    Inverse { f: Arc::new(|a, b| a + b), inverse: Arc::new(|a, b| a - b), filter }
}

fn sliding((length, slide): (u64, u64)) -> Sliding {
    Sliding::of(Windowing { length: seconds(length), slide: seconds(slide), step: seconds(1) })
}

/// What each window recomputed from its units has, and 0 for every key that was there before.
fn recomputed(steps: &[Step<i64>], sliding: Sliding) -> Vec<(Time, Vec<(u8, i64)>)> {
    let (mut units, mut seen, mut shown) = (Vec::new(), BTreeSet::new(), Vec::new());
    let ends = (1..).map(|n: u32| Time::ZERO + sliding.unit * n);
    for (end, step) in ends.zip(steps.iter().filter(|step| !matches!(step, Step::Restart(_)))) {
        if let Step::Slide(records) | Step::SecondAttempt(records) = step {
            units.push((end, records));
            seen.extend(records.iter().map(|(key, _)| *key));
            let mut sums: BTreeMap<u8, i64> = seen.iter().map(|key| (*key, 0)).collect();
            let inside = units.iter().filter(|(unit, _)| *unit > end - sliding.length());
            inside.flat_map(|(_, records)| *records).for_each(|(key, value)| *sums.entry(*key).or_default() += value);
            shown.push((end, sums.into_iter().collect()));
        }
    }
    shown
}

fn steps<V: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = V> + Clone + 'static,
) -> impl Strategy<Value = Vec<Step<V>>> {
    let records = proptest::collection::vec((0..9u8, value), 0..7);
    let step = prop_oneof![
        6 => records.clone().prop_map(Step::Slide),
        1 => records.clone().prop_map(Step::SecondAttempt),
        1 => records.prop_map(Step::TakenBack),
        1 => Just(Step::Missing),
        1 => (1..5usize).prop_map(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

fn windows() -> impl Strategy<Value = (u64, u64)> {
    (1..14u64, 1..6u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each case runs three windows; a restart reads and writes hundreds of segments.
    #[test]
    fn oracle_the_window_is_the_recomputed_one_whatever_happens(
        window in windows(), steps in steps(-3..6i64), partitions in 1..4usize,
    ) {
        let expected = recomputed(&steps, sliding(window));
        let all = Window::new(sums(None), sliding(window), partitions).run(&steps);
        prop_assert_eq!(&all, &expected);
        // The first forgets keys that have left, the second keeps them; both hide keys that are in the window.
        for keep in [(|sum| sum % 3 != 0) as fn(i64) -> bool, |sum| sum < 4] {
            let shown = Window::new(sums(Some(keep)), sliding(window), partitions).run(&steps);
            let filtered = |(end, sums): &(Time, Vec<(u8, i64)>)| {
                (*end, sums.iter().copied().filter(|(_, sum)| keep(*sum)).collect())
            };
            prop_assert_eq!(shown, expected.iter().map(filtered).collect::<Vec<_>>());
        }
    }

    /// Floats tell every other order of the functions' calls.
    /// W-3
    #[test]
    fn oracle_a_run_with_restarts_gives_the_same_floats_bit_for_bit(
        window in windows(), steps in steps(-1e6..1e6f64), partitions in 1..4usize,
    ) {
        let run = |steps: &[Step<f64>]| {
            let sums = Inverse { f: Arc::new(|a, b| a + b), inverse: Arc::new(|a, b| a - b), filter: None };
            let shown = Window::new(sums, sliding(window), partitions).run(steps);
            let bits = |(end, sums): (Time, Vec<(u8, f64)>)| {
                (end, sums.into_iter().map(|(key, sum)| (key, sum.to_bits())).collect::<Vec<_>>())
            };
            shown.into_iter().map(bits).collect::<Vec<_>>()
        };
        let undisturbed: Vec<Step<f64>> = steps.iter().filter(|step| !matches!(step, Step::Restart(_))).cloned().collect();
        prop_assert_eq!(run(&steps), run(&undisturbed));
    }
}

/// Only a filter says that a key may be forgotten, and then nothing is kept of it, in memory or in the storage.
/// W-2
#[test]
fn a_key_is_forgotten_when_it_is_in_no_unit_and_the_filter_does_not_show_it() {
    let keys = |filter: Option<fn(i64) -> bool>| {
        let mut window = Window::new(sums(filter), sliding((2, 1)), 1);
        let keys = [vec![(1, 5), (2, -2)], vec![(2, 2)], vec![], vec![]].map(|records| {
            window.run(&[Step::Restart(1)]);
            let time = window.committed + seconds(1);
            window.make(time, &records, 0);
            window.commit(time);
            window.store.keys(0)
        });
        window.restart(1);
        assert_eq!(window.store.keys(0), keys[3], "as stored");
        keys
    };
    assert_eq!(keys(None), [2, 2, 2, 2]);
    assert_eq!(keys(Some(|sum| sum != 0)), [2, 2, 1, 0], "the sum of 2 is 0 after 2 s, when it is still in the window");
    assert_eq!(keys(Some(|sum| sum == 0)), [2, 2, 2, 2], "shown when they have left");
}

/// Tasks of later batches run while a commit is under way.
#[test]
fn a_slide_that_was_given_up_is_not_made_while_that_is_committed() {
    let mut window = Window::new(sums(None), sliding((2, 1)), 1);
    window.run(&[Step::Slide(vec![(1, 5)])]);
    let time = Time::ZERO + seconds(2);
    window.store.take_back(time);
    drop(window.store.changes(time, time));
    window.make(time, &[(1, 100)], 0);
    drop(window.store.committed(time, time));
    window.make(time, &[(1, 100)], 0);
    assert_eq!(window.view(time), [(1, 5)]);
}

/// A key that is equal to another and encoded differently is the mistake of a program, not a wrong count.
#[test]
fn a_key_that_leaves_without_having_entered_is_an_error() {
    let mut window = Window::new(sums(None), sliding((1, 1)), 1);
    window.run(&[Step::Slide(vec![(1, 5)])]);
    let lost = window.store.advance(
        0,
        Time::ZERO + seconds(2),
        |version| {
            let hash = Unit::of([(1u8, 0i64)]).unwrap().entries()[0].hash;
            assert!(version.remove(hash, &1));
            window.inverse.slide(window.sliding, version, Unit::of([]).unwrap()).map_err(|error| error.to_string())
        },
        |error| error.to_string(),
    );
    assert!(lost.unwrap_err().contains("a key leaves the window that is not in it"));
}

/// Seconds that a window keeps of what entered, wherever it was last.
#[test]
fn units_are_kept_until_they_have_left() {
    let mut window = Window::new(sums(None), sliding((3, 1)), 1);
    let slide = || Step::Slide(vec![(1, 1)]);
    window.run(&[slide(), slide(), slide(), slide(), slide()]);
    let kept = |window: &Window<i64>| -> Vec<i64> {
        let there = |second: &i64| window.store.by_product(0, Time::from_millis(second * 1000)).unwrap().is_some();
        (1..=5).filter(there).collect()
    };
    assert_eq!(kept(&window), [3, 4, 5]);
    window.restart(1);
    assert_eq!(kept(&window), [3, 4, 5]);
    let late = Time::ZERO + seconds(9);
    window.commit(late);
    assert_eq!(kept(&window), [3, 4, 5], "batches went by without this window: it has to take out yet what has left");
    window.make(late + Duration::from_secs(1), &[], 0);
    assert_eq!(window.view(late + Duration::from_secs(1)), [(1, 0)]);
}
