//! One thing goes wrong.

use crate::store::{Fails, PATIENCE, Store, records, start, time, turn};
use std::time::Duration;
use waterwheel_operators::outcome::BoxError;
use waterwheel_operators::prelude::*;

/// The `n`-th call of a kind, from 1, fails in this way.
fn nth(what: &'static str, batch: i64, nth: u32, fails: Fails) -> impl FnMut(&crate::store::Call) -> Option<Fails> {
    let mut calls = 0;
    move |call| {
        let theirs = call.what == what && call.batch == time(batch);
        calls += u32::from(theirs);
        (theirs && calls == nth).then_some(fails)
    }
}

fn both() -> Vec<(Time, Vec<i64>)> {
    vec![(time(1), records(1)), (time(2), records(2))]
}

/// O-11
#[test]
fn a_task_that_fails_before_or_after_it_has_prepared_is_tried_again_and_counts_once() {
    for fails in [Fails::Before, Fails::After, Fails::Panics] {
        let store = Store::default();
        store.script(nth("prepare", 1, 1, fails));
        let (running, clock, _) = start(&store, FailurePolicy::Stop, 1);
        clock.advance(seconds(2));
        assert!(running.wait_for_batches(2, PATIENCE));
        running.stop(Stop::Graceful).unwrap();
        assert_eq!(store.visible(), both(), "{fails:?}");
        assert_eq!(store.told().iter().filter(|call| *call == "prepare 1000-0").count(), 2, "{fails:?}");
    }
}

#[test]
fn an_output_that_is_run_again_by_the_policy_replaces_what_it_had_prepared() {
    let store = Store::default();
    let mut left = 4;
    store.script(move |call| {
        let theirs = call.what == "prepare" && call.partition == 1 && left > 0;
        left -= i32::from(theirs);
        theirs.then_some(Fails::After)
    });
    let policy = FailurePolicy::Retry { attempts: 1, delay: Duration::ZERO };
    let (running, clock, _) = start(&store, policy, 1);
    clock.advance(seconds(2));
    assert!(running.wait_for_batches(2, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(store.visible(), both());
    assert!(!store.told().iter().any(|call| call.starts_with("abort")), "a retry gives nothing up");
}

#[test]
fn a_commit_that_fails_is_tried_again_after_a_pause_of_the_engine_s_clock() {
    for fails in [Fails::Before, Fails::After, Fails::Panics] {
        let store = Store::default();
        store.script(nth("commit", 1, 1, fails));
        let (running, clock, _) = start(&store, FailurePolicy::Stop, 1);
        turn(&running, &clock, || store.visible().len() >= 2 && running.batches_completed() >= 2);
        running.stop(Stop::Graceful).unwrap();
        assert_eq!(store.visible()[..2], both(), "{fails:?}");
        let commits: Vec<_> = store.calls().into_iter().filter(|call| call.what == "commit").collect();
        assert_eq!((commits[0].batch, commits[1].batch, commits[2].batch), (time(1), time(1), time(2)), "{fails:?}");
        assert!(commits[1].at.since(commits[0].at) >= seconds(1), "{fails:?}: {commits:?}");
    }
}

/// O-12
#[test]
fn a_commit_that_always_fails_ends_the_context_and_is_made_up_for_at_the_next_start() {
    for fails in [Fails::Before, Fails::After, Fails::Panics] {
        let store = Store::default();
        store.script(move |call| (call.what == "commit" && call.batch == time(2)).then_some(fails));
        let (running, clock, line) = start(&store, FailurePolicy::Skip, 1);
        turn(&running, &clock, || false);
        let error = running.await_termination().unwrap_err().to_string();
        assert!(error.contains(&format!("transactional_output at {}:{line}:", store_file())), "{error}");
        assert!(error.contains("batch 2000 ms") && error.contains("(attempt 4 of 4); the batch is done"), "{error}");
        assert_eq!(store.told().iter().filter(|call| *call == "commit 2000").count(), 4);
        assert!(!store.told().iter().any(|call| call == "commit 3000"), "nothing is committed past it");
        drop(running);
        // What the checkpoint directory knows: batch 2 is done.
        store.script(|_| None);
        let name = OutputName { pipeline: "test".into(), operator: "numbers".into() };
        store.recover(&name, Some(time(2))).unwrap();
        assert_eq!((store.visible(), store.prepared().len()), (both(), 0), "{fails:?}");
    }
}

/// `store.rs` adds the output.
fn store_file() -> String {
    file!().replace("failing.rs", "store.rs")
}

/// O-13
#[test]
fn a_batch_that_is_skipped_shows_nothing_and_is_given_up_before_it_is_recorded() {
    for fails in [Fails::Before, Fails::After, Fails::Panics] {
        let store = Store::default();
        // Of two partitions one is prepared, the other never.
        store.script(move |call| {
            (call.what == "prepare" && call.batch == time(1) && call.partition == 1).then_some(fails)
        });
        let (running, clock, _) = start(&store, FailurePolicy::Skip, 1);
        clock.advance(seconds(2));
        assert!(running.wait_for_batches(2, PATIENCE));
        running.stop(Stop::Graceful).unwrap();
        assert_eq!((store.visible(), store.prepared().len()), (vec![(time(2), records(2))], 0), "{fails:?}");
        let told = store.told();
        assert!(told.contains(&"abort 1000".to_owned()) && !told.contains(&"commit 1000".to_owned()), "{told:?}");
    }
}

#[test]
fn what_cannot_be_given_up_ends_the_context_with_the_batch_undone() {
    let store = Store::default();
    store.script(|call| match (call.what, call.batch == time(1)) {
        ("prepare", true) if call.partition == 1 => Some(Fails::Before),
        ("abort", true) => Some(Fails::Before),
        _ => None,
    });
    let (running, clock, line) = start(&store, FailurePolicy::Skip, 1);
    turn(&running, &clock, || false);
    let error = running.await_termination().unwrap_err().to_string();
    assert!(error.contains(&format!("transactional_output at {}:{line}:", store_file())), "{error}");
    assert!(error.contains("(attempt 4 of 4); the batch stays undone"), "{error}");
    assert_eq!((running.batches_completed(), store.visible()), (0, vec![]));
    drop(running);
    // The next start gives it up: no batch is recorded.
    store.script(|_| None);
    let (running, clock, _) = start(&store, FailurePolicy::Skip, 1);
    clock.advance(seconds(2));
    assert!(running.wait_for_batches(2, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(store.visible(), both());
}

#[test]
fn a_recovery_that_fails_ends_the_context_before_its_first_batch() {
    for (fails, expected) in [(Fails::Before, "failed: recover of"), (Fails::Panics, "panicked: recover of")] {
        let store = Store::default();
        store.script(move |call| (call.what == "recover").then_some(fails));
        let (running, clock, line) = start(&store, FailurePolicy::Skip, 1);
        clock.advance(seconds(1));
        let error = running.await_termination().unwrap_err().to_string();
        assert!(error.contains(&format!("transactional_output at {}:{line}:", store_file())), "{error}");
        assert!(error.contains(expected), "{error}");
        assert_eq!(store.told(), ["recover 0"]);
    }
}

/// A blocking client of a database may have an event loop inside.
#[test]
fn every_step_may_drive_an_event_loop_of_its_own() {
    struct Looping(Store);
    impl TransactionalOutput<i64> for Looping {
        fn prepare(&self, id: &TransactionId, records: Vec<i64>) -> Result<(), BoxError> {
            actix::System::new().block_on(async { self.0.prepare(id, records) })
        }
        fn commit(&self, name: &OutputName, batch: Time) -> Result<(), BoxError> {
            actix::System::new().block_on(async { self.0.commit(name, batch) })
        }
        fn abort(&self, name: &OutputName, batch: Time) -> Result<(), BoxError> {
            actix::System::new().block_on(async { self.0.abort(name, batch) })
        }
        fn recover(&self, name: &OutputName, at: Option<Time>) -> Result<(), BoxError> {
            actix::System::new().block_on(async { self.0.recover(name, at) })
        }
    }
    let store = Store::default();
    let theirs = store.clone();
    waterwheel_operators::testkit::run([records(1), records(2)], |numbers| {
        numbers.transactional_output("numbers", Looping(theirs));
        numbers
    })
    .unwrap();
    assert_eq!(store.visible(), both());
}
