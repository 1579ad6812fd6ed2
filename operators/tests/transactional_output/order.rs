//! Which step comes when.

use crate::store::{Fails, PATIENCE, Store, records, start, time};
use std::sync::mpsc::channel;
use std::time::Duration;
use waterwheel_operators::outcome::BoxError;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestRun, run};

/// O-10
#[test]
fn a_batch_is_prepared_by_its_tasks_and_committed_when_it_is_recorded_before_the_next_one() {
    let store = Store::default();
    let (running, clock, _) = start(&store, FailurePolicy::Stop, 1);
    for batch in 1..=2 {
        clock.advance(seconds(1));
        assert!(running.wait_for_batches(batch, PATIENCE));
    }
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(
        store.told(),
        [
            "recover 0",
            "prepare 1000-0",
            "prepare 1000-1",
            "commit 1000",
            "prepare 2000-0",
            "prepare 2000-1",
            "commit 2000"
        ]
    );
    assert_eq!(store.visible(), [(time(1), records(1)), (time(2), records(2))]);
}

#[test]
fn a_batch_is_completed_when_it_is_visible() {
    let store = Store::default();
    let (running, clock, _) = start(&store, FailurePolicy::Stop, 1);
    let (sender, visible) = channel();
    let theirs = store.clone();
    running.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            let _ = sender.send((info.batch, theirs.visible().len()));
        }
    });
    clock.advance(seconds(3));
    for batch in 1..=3 {
        let (completed, seen) = visible.recv_timeout(PATIENCE).unwrap();
        assert!(completed == time(batch) && seen >= usize::try_from(batch).unwrap(), "{completed}: {seen}");
    }
    running.stop(Stop::Graceful).unwrap();
}

#[test]
fn a_stream_without_a_dataset_in_a_batch_prepares_and_commits_nothing() {
    let store = Store::default();
    let theirs = store.clone();
    run([Some(vec![1, 2]), None, Some(vec![3])], |numbers| {
        numbers.transactional_output("numbers", theirs);
        numbers
    })
    .unwrap();
    assert!(!store.told().iter().any(|call| call.contains("2000")), "{:?}", store.told());
    assert_eq!(store.visible(), [(time(1), vec![1, 2]), (time(3), vec![3])]);
}

#[test]
fn each_of_two_outputs_is_judged_by_its_own_outcome() {
    let (good, bad) = (Store::default(), Store::default());
    bad.script(|call| (call.what == "prepare" && call.partition == 1).then_some(Fails::Before));
    let (ours, theirs) = (good.clone(), bad.clone());
    let test = TestRun::new().configure(|config| config.with_failure_policy(FailurePolicy::Skip));
    // They are called alike, in programs of two names: the store looks at that.
    let run = test.run([vec![1, 2], vec![3, 4]], |numbers| {
        numbers.transactional_output("numbers", ours);
        numbers.map(|n| n * 10).transactional_output("numbers ", Renamed(theirs));
        numbers
    });
    run.unwrap();
    assert_eq!(good.visible(), [(time(1), vec![1, 2]), (time(2), vec![3, 4])]);
    assert!(bad.visible().is_empty() && bad.prepared().is_empty(), "{:?}", bad.prepared());
    let given_up = bad.told().into_iter().filter(|call| !call.starts_with("prepare")).collect::<Vec<_>>();
    assert_eq!(given_up, ["recover 0", "abort 1000", "abort 2000"]);
    assert!(!good.told().iter().any(|call| call.starts_with("abort")));
}

/// Has a store think that it is called `numbers`.
struct Renamed(Store);

impl TransactionalOutput<i64> for Renamed {
    fn prepare(&self, id: &TransactionId, records: Vec<i64>) -> Result<(), BoxError> {
        let output = OutputName { operator: "numbers".into(), ..id.output.clone() };
        self.0.prepare(&TransactionId { output, ..id.clone() }, records)
    }

    fn commit(&self, name: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.0.commit(name, batch)
    }

    fn abort(&self, name: &OutputName, batch: Time) -> Result<(), BoxError> {
        self.0.abort(name, batch)
    }

    fn recover(&self, name: &OutputName, last: Option<Time>) -> Result<(), BoxError> {
        self.0.recover(name, last)
    }
}

#[test]
fn a_name_that_is_empty_or_taken_is_told_by_start() {
    let config = Config::local("test").with_handle_signals(false);
    let ssc = StreamingContext::new(config, seconds(1)).unwrap();
    let numbers = ssc.input_stream(waterwheel_operators::testkit::Scripted::new([vec![1]]));
    numbers.transactional_output("numbers", Store::default());
    let line = line!() + 1;
    numbers.transactional_output("numbers", Store::default());
    numbers.transactional_output(" ", Store::default());
    let error = ssc.start().err().unwrap().to_string();
    let place = format!("transactional_output at {}:{line}:", file!());
    assert!(error.contains(&place) && error.contains("the name \"numbers\" is that of"), "{error}");
    assert!(error.contains("a name needs at least one letter"), "{error}");
}

/// While a commit is under way the engine computes the next batch, and does not commit it.
#[test]
fn a_commit_that_takes_its_time_holds_up_the_next_commit_and_a_stop_waits_for_it() {
    let store = Store::default();
    let (entered, inside) = channel();
    let (let_go, gate) = channel::<()>();
    let mut first = true;
    store.script(move |call| {
        if call.what == "commit" && std::mem::take(&mut first) {
            entered.send(()).unwrap();
            gate.recv_timeout(PATIENCE).unwrap();
        }
        None
    });
    let (running, clock, _) = start(&store, FailurePolicy::Stop, 1);
    clock.advance(seconds(2));
    inside.recv_timeout(PATIENCE).unwrap();
    assert!(!running.wait_for_batches(1, Duration::ZERO));
    running.request_stop(Stop::Graceful);
    let_go.send(()).unwrap();
    running.await_termination().unwrap();
    assert_eq!(store.visible(), [(time(1), records(1)), (time(2), records(2))]);
}
