//! Random batches, time-outs, failures and retries against a model.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Scripted, TestRun};

/// What a record asks for, by its value: 0 nothing, up to 5 to be added, 6 to remove the state.
const REMOVE: i64 = 6;

/// Key and value.
type Record = (u8, i64);

/// What the function is seen to be called with: key, value, state before, whether it times out.
type Call = (u8, Option<i64>, Option<i64>, bool);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    No,
    /// The function panics at a call of this number, once.
    Once(usize),
    /// It panics at every call, so that the batch is given up.
    Always,
}

#[derive(Debug, Clone)]
struct Script {
    batches: Vec<(Option<Vec<Record>>, Trouble)>,
    timeout: Option<u64>,
    initial: BTreeMap<u8, i64>,
}

fn scripts() -> impl Strategy<Value = Script> {
    let records = proptest::collection::vec((0..8u8, 0..=REMOVE), 0..10);
    let records = prop_oneof![1 => Just(None), 6 => records.prop_map(Some)];
    let trouble = prop_oneof![
        6 => Just(Trouble::No),
        1 => (0..12usize).prop_map(Trouble::Once),
        1 => Just(Trouble::Always),
    ];
    let batches = proptest::collection::vec((records, trouble), 1..24);
    let initial = proptest::collection::btree_map(0..10u8, 0..9i64, 0..4);
    (batches, proptest::option::of(0..5u64), initial).prop_map(|(batches, timeout, initial)| Script {
        batches,
        timeout,
        initial,
    })
}

/// The states as they should be: sum and time of the last data, in seconds.
#[derive(Clone, Default)]
struct Model(BTreeMap<u8, (i64, u64)>);

impl Model {
    /// The calls for the data of a batch and those for time-outs.
    fn batch(&mut self, batch: u64, records: &[Record], timeout: Option<u64>) -> (Vec<Call>, BTreeSet<Call>) {
        let mut calls = Vec::new();
        for &(key, value) in records {
            let known = self.0.get(&key).copied();
            calls.push((key, Some(value), known.map(|(sum, _)| sum), false));
            match (value, known) {
                (REMOVE, _) => drop(self.0.remove(&key)),
                (0, None) => {}
                (_, known) => drop(self.0.insert(key, (known.map_or(0, |(sum, _)| sum) + value, batch))),
            }
        }
        let over = |last: u64| timeout.is_some_and(|idle| last + idle < batch);
        let gone = self.0.iter().filter(|(_, (_, last))| over(*last));
        let gone: BTreeSet<Call> = gone.map(|(key, (sum, _))| (*key, None, Some(*sum), true)).collect();
        self.0.retain(|_, (_, last)| !over(*last));
        (calls, gone)
    }

    fn states(&self) -> Vec<(u8, i64)> {
        self.0.iter().map(|(key, (sum, _))| (*key, *sum)).collect()
    }
}

/// Calls of the function so far, for those batches that are to fail.
#[derive(Default)]
struct Troubles {
    calls: BTreeMap<i64, usize>,
    done: BTreeSet<i64>,
}

fn spec(script: &Script) -> StateSpec<u8, i64, i64, Call> {
    let troubles: Vec<Trouble> = script.batches.iter().map(|(_, trouble)| *trouble).collect();
    let seen = Arc::new(Mutex::new(Troubles::default()));
    let spec = StateSpec::function_with_time(move |batch: Time, key: &u8, value, state: &mut State<'_, i64>| {
        let number = batch.millis() / 1000 - 1;
        let fails = {
            let mut seen = seen.lock().unwrap();
            let Troubles { calls, done } = &mut *seen;
            let call = calls.entry(number).or_default();
            *call += 1;
            match troubles[number as usize] {
                Trouble::Once(at) => *call > at && done.insert(number),
                Trouble::Always => true,
                Trouble::No => false,
            }
        };
        assert!(!fails, "in trouble");
        let before = state.get_option().copied();
        match value {
            Some(REMOVE) => state.remove(),
            Some(n) if n > 0 => state.update(before.unwrap_or(0) + n),
            _ => assert_eq!(value.is_none(), state.is_timing_out()),
        }
        Some((*key, value, before, state.is_timing_out()))
    });
    match script.timeout {
        Some(idle) => spec.timeout(seconds(idle)),
        None => spec,
    }
}

type Seen = (BTreeMap<u64, Vec<Call>>, BTreeMap<u64, Vec<(u8, i64)>>);

fn run(script: &Script, cores: usize, partitions: usize) -> Seen {
    let input: Vec<_> = script.batches.iter().map(|(records, _)| records.clone()).collect();
    let batches = input.len() as u64;
    let run = TestRun::new().cores(cores).configure(|config| config.with_failure_policy(FailurePolicy::Skip));
    let (mut test, (mapped, snapshots)) = run
        .start(|ssc| {
            let initial = ssc.parallelize(script.initial.clone(), 2);
            let spec = spec(script).num_partitions(partitions).initial_state(initial);
            let mapped = ssc.input_stream(Scripted::new(input)).map_with_state(spec);
            (mapped.probe(), mapped.state_snapshots().probe())
        })
        .unwrap();
    test.advance(batches).unwrap();
    test.stop().unwrap();
    fn by_batch<T>(seen: Vec<(Time, Option<Vec<T>>)>) -> BTreeMap<u64, Vec<T>> {
        let batch = |(time, records): (Time, Option<Vec<T>>)| Some((time.millis() as u64 / 1000, records?));
        seen.into_iter().filter_map(batch).collect()
    }
    (by_batch(mapped.timed()), by_batch(snapshots.timed()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// S-2
    ///
    /// S-3
    #[test]
    fn oracle_calls_and_states_are_those_of_a_model(script in scripts(), cores in 1..3usize, partitions in 1..4usize) {
        let (mapped, snapshots) = run(&script, cores, partitions);
        // Initial states are as old as the first batch that is not given up.
        let begin = |batch| Model(script.initial.iter().map(|(key, sum)| (*key, (*sum, batch))).collect());
        let (mut model, mut begun) = (begin(1), false);
        for (batch, (records, trouble)) in (1..).zip(&script.batches) {
            if !begun {
                model = begin(batch);
            }
            let before = model.clone();
            let (calls, gone) = model.batch(batch, records.as_deref().unwrap_or_default(), script.timeout);
            if matches!(trouble, Trouble::Always) && calls.len() + gone.len() > 0 {
                model = before;
                prop_assert_eq!(mapped.get(&batch), None);
                continue;
            }
            begun = true;
            let mut found = mapped[&batch].clone();
            if partitions == 1 {
                prop_assert_eq!(&found[..calls.len()], &calls, "batch {}", batch);
                prop_assert_eq!(&found[calls.len()..].iter().copied().collect::<BTreeSet<_>>(), &gone, "batch {}", batch);
            }
            let mut expected: Vec<Call> = calls.into_iter().chain(gone).collect();
            expected.sort();
            found.sort();
            prop_assert_eq!(found, expected, "batch {}", batch);
            let mut states = snapshots[&batch].clone();
            states.sort();
            prop_assert_eq!(states, model.states(), "batch {}", batch);
        }
    }
}
