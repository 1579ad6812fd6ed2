//! Whatever goes wrong, however often, and wherever the process dies: what is visible in the end is every batch once, in order.

use crate::store::{Call, Fails, Store, records, start, time, turn};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;

/// How many batches have to be seen.
const BATCHES: i64 = 6;

/// More processes than any script needs, since a script ends.
const PROCESSES: usize = 100;

fn fails() -> impl Strategy<Value = Option<Fails>> {
    prop_oneof![
        6 => Just(None),
        2 => Just(Some(Fails::Before)),
        2 => Just(Some(Fails::After)),
        1 => Just(Some(Fails::Panics)),
        2 => Just(Some(Fails::DiesBefore)),
        2 => Just(Some(Fails::DiesAfter)),
    ]
}

fn policy() -> impl Strategy<Value = FailurePolicy> {
    let retry = FailurePolicy::Retry { attempts: 2, delay: Duration::ZERO };
    prop_oneof![Just(FailurePolicy::Stop), Just(FailurePolicy::Skip), Just(retry)]
}

/// The last batch that a checkpoint directory would know as done after `calls`, when it knew `before` at their begin: that of
/// the last commit, since a batch is committed when it is recorded and not before.
fn recorded(calls: &[Call], before: Option<Time>) -> Option<Time> {
    calls.iter().filter(|call| call.what == "commit").map(|call| call.batch).max().max(before)
}

/// Runs processes one after the other, each from where the last one ended, until all batches are done.
fn run(script: Vec<Option<Fails>>, policy: FailurePolicy) -> Store {
    let (store, mut committed) = (Store::default(), None);
    let script = Arc::new(Mutex::new(script.into_iter()));
    store.script(move |_| script.lock().unwrap().next().flatten());
    for _ in 0..PROCESSES {
        let first = committed.map_or(1, |batch: Time| batch.millis() / 1000 + 1);
        let told = store.calls().len();
        if let Some(committed) = committed {
            // What a context does that has a checkpoint directory.
            let clock = ManualClock::new(committed);
            store.process(&clock);
            let name = OutputName { pipeline: "test".into(), operator: "numbers".into() };
            let recovered = std::panic::catch_unwind(|| store.recover(&name, Some(committed)));
            if !matches!(recovered, Ok(Ok(()))) {
                continue;
            }
        }
        if first > BATCHES {
            return store;
        }
        let (running, clock, _) = start(&store, policy, first);
        let last = || recorded(&store.calls()[told..], committed);
        turn(&running, &clock, || store.dead() || last() >= Some(time(BATCHES)));
        let _ = running.stop(Stop::Immediate);
        committed = last();
    }
    panic!("{PROCESSES} processes have not been enough");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// O-10
    #[test]
    fn every_record_is_visible_once_and_in_order_whatever_fails_and_wherever_the_process_dies(
        script in vec(fails(), 0..40),
        policy in policy(),
    ) {
        let store = run(script, policy);
        let visible: Vec<_> = store.visible().into_iter().filter(|(batch, _)| *batch <= time(BATCHES)).collect();
        // A batch that was skipped is not there at all; what it was skipped for is in the script.
        let skipped: BTreeSet<Time> =
            store.calls().into_iter().filter(|call| call.what == "abort").map(|call| call.batch).collect();
        let seen: BTreeSet<Time> = visible.iter().map(|(batch, _)| *batch).collect();
        let all: Vec<_> = (1..=BATCHES).map(|batch| (time(batch), records(batch))).collect();
        let expected: Vec<_> =
            all.into_iter().filter(|(batch, _)| seen.contains(batch) || !skipped.contains(batch)).collect();
        prop_assert_eq!(&visible, &expected);
        prop_assert!(policy == FailurePolicy::Skip || skipped.is_empty());
    }
}
