//! The four steps, each done once, twice, and after the database was closed and opened again.

use crate::{Home, id, name, prepare, records, time, whole};
use std::sync::mpsc::channel;
use std::time::Duration;
use waterwheel::prelude::*;
use waterwheel_sqlite::SqliteOutput;
use waterwheel_sqlite::rusqlite::Connection;

#[test]
fn what_is_prepared_is_not_visible_and_what_is_committed_is_in_order_of_partitions() {
    let home = Home::new();
    let output = home.output();
    prepare(&output, 1);
    assert_eq!((home.visible(), home.staged()), (vec![], 2));
    output.commit(&name(), time(1)).unwrap();
    assert_eq!((home.visible(), home.staged()), (whole(1), 0));
}

#[test]
fn every_step_may_be_done_again_and_after_the_database_was_opened_again() {
    let home = Home::new();
    for _ in 0..2 {
        prepare(&home.output(), 1);
        prepare(&home.output(), 2);
    }
    assert_eq!(home.staged(), 4);
    for _ in 0..2 {
        home.output().commit(&name(), time(1)).unwrap();
        assert_eq!((home.visible(), home.staged()), (whole(1), 2));
    }
    for _ in 0..2 {
        home.output().abort(&name(), time(2)).unwrap();
        assert_eq!((home.visible(), home.staged()), (whole(1), 0));
    }
    prepare(&home.output(), 3);
    for _ in 0..2 {
        home.output().recover(&name(), Some(time(3))).unwrap();
        assert_eq!((home.visible(), home.staged()), ([whole(1), whole(3)].concat(), 0));
    }
}

#[test]
fn an_attempt_replaces_what_the_one_before_has_prepared_even_by_nothing() {
    let home = Home::new();
    let output = home.output();
    output.prepare(&id(1, 0), vec![(1, 7); 2000]).unwrap();
    output.prepare(&id(1, 0), records(1, 0)).unwrap();
    output.prepare(&id(1, 1), vec![(1, 7)]).unwrap();
    output.prepare(&id(1, 1), vec![]).unwrap();
    output.commit(&name(), time(1)).unwrap();
    assert_eq!((home.visible(), home.staged()), (records(1, 0), 0));
}

#[test]
fn recovery_commits_up_to_the_last_batch_that_is_done_in_order_and_deletes_the_rest() {
    let home = Home::new();
    let output = home.output();
    [3, 2, 4, 1].into_iter().for_each(|batch| prepare(&output, batch));
    drop(output);
    home.output().recover(&name(), Some(time(2))).unwrap();
    assert_eq!((home.visible(), home.staged()), ([whole(1), whole(2)].concat(), 0));
}

#[test]
fn a_fresh_start_deletes_what_is_staged_and_forgets_the_batches_of_before() {
    let home = Home::new();
    let output = home.output();
    prepare(&output, 5);
    output.commit(&name(), time(5)).unwrap();
    prepare(&output, 6);
    output.recover(&name(), None).unwrap();
    assert_eq!((home.visible(), home.staged()), (whole(5), 0));
    prepare(&output, 1);
    output.commit(&name(), time(1)).unwrap();
    assert_eq!(home.visible(), [whole(5), whole(1)].concat());
}

#[test]
fn outputs_of_one_database_leave_each_other_alone() {
    let home = Home::new();
    let (output, other) = (home.output(), OutputName { operator: "others".into(), ..name() });
    prepare(&output, 1);
    output.prepare(&TransactionId { output: other.clone(), ..id(1, 0) }, vec![(1, 99)]).unwrap();
    output.recover(&name(), None).unwrap();
    assert_eq!(home.staged(), 1);
    output.abort(&name(), time(1)).unwrap();
    output.commit(&name(), time(1)).unwrap();
    assert_eq!((home.visible(), home.staged()), (vec![], 1));
    output.commit(&other, time(1)).unwrap();
    assert_eq!((home.visible(), home.staged()), (vec![(1, 99)], 0));
}

#[test]
fn many_threads_prepare_side_by_side() {
    let home = Home::new();
    let (one, other) = (home.output(), home.output());
    std::thread::scope(|scope| {
        for partition in 0..16 {
            // Half of them on a connection of their own: they wait for each other as processes do.
            let output = if partition % 2 == 0 { &one } else { &other };
            scope.spawn(move || {
                for batch in 1..=3 {
                    output.prepare(&id(batch, partition), records(batch, partition)).unwrap();
                }
            });
        }
    });
    for batch in 1..=3 {
        one.commit(&name(), time(batch)).unwrap();
    }
    let expected = (1..=3).flat_map(|batch| (0..16).flat_map(move |partition| records(batch, partition)));
    assert_eq!(home.visible(), expected.collect::<Vec<_>>());
}

#[test]
fn waiting_for_another_writer_has_an_end() {
    let home = Home::new();
    let output: SqliteOutput<(i64, i64)> = crate::file(&home.path())
        .busy_timeout(Duration::from_millis(20))
        .insert(crate::INSERT, |&(batch, n): &(i64, i64)| (batch, n))
        .unwrap();
    prepare(&output, 1);
    let (taken, is_taken) = channel();
    let (done, is_done) = channel::<()>();
    let path = home.path();
    let writer = std::thread::spawn(move || {
        let other = Connection::open(path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        taken.send(()).unwrap();
        is_done.recv().unwrap();
        other.execute_batch("ROLLBACK").unwrap();
    });
    is_taken.recv().unwrap();
    let error = output.commit(&name(), time(1)).unwrap_err().to_string();
    assert!(error.contains("numbers.db: waiting for the turn to write: database is locked"), "{error}");
    done.send(()).unwrap();
    writer.join().unwrap();
    output.commit(&name(), time(1)).unwrap();
    assert_eq!(home.visible(), whole(1));
}
