//! A program of streams that writes to a database.

use crate::Home;
use std::sync::atomic::{AtomicU32, Ordering};
use waterwheel::prelude::*;
use waterwheel::testkit::{TestRun, run};

#[test]
fn tasks_that_fail_and_are_tried_again_write_every_record_once() {
    let home = Home::new();
    let calls = AtomicU32::new(0);
    let fails_often = move |&(batch, n): &(i64, i64)| {
        assert!(!calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(7), "fails now and then");
        (batch, n)
    };
    let output = crate::file(&home.path()).insert(crate::INSERT, fails_often).unwrap();
    let script: Vec<Vec<(i64, i64)>> = (1..=5).map(|batch| (0..4).map(|n| (batch, n)).collect()).collect();
    let expected = script.concat();
    run(script, |numbers| {
        numbers.transactional_output("numbers", output);
        numbers
    })
    .unwrap();
    assert_eq!((home.visible(), home.staged()), (expected, 0));
}

#[test]
fn a_batch_that_is_skipped_leaves_nothing_and_a_refusal_names_the_line() {
    let home = Home::new();
    let script = vec![vec![(1, 0), (1, 1000)], vec![(2, 0), (2, 1)]];
    let skip = TestRun::new().configure(|config| config.with_failure_policy(FailurePolicy::Skip));
    skip.run(script.clone(), |numbers| {
        numbers.transactional_output("numbers", home.output());
        numbers
    })
    .unwrap();
    assert_eq!((home.visible(), home.staged()), (vec![(2, 0), (2, 1)], 0));

    let mut line = 0;
    let error = run(script, |numbers| {
        line = line!() + 1;
        numbers.transactional_output("numbers", home.output());
        numbers
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains(&format!("transactional_output at {}:{line}:", file!())), "{error}");
    assert!(error.contains("partition 1 of batch 1000 ms") && error.contains("CHECK constraint failed"), "{error}");
}
