//! Operators on several streams and on whole datasets, on the data of Spark's `BasicOperationsSuite`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ops::RangeInclusive;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Script, TestRun, run, run2};

type Outcome = Result<(), Error>;

/// `1..4 | 101..104 | 201..204`.
fn hundreds() -> [Vec<i32>; 3] {
    ranges([1..=4, 101..=104, 201..=204])
}

fn ranges<const N: usize>(ranges: [RangeInclusive<i32>; N]) -> [Vec<i32>; N] {
    ranges.map(Vec::from_iter)
}

/// `1..4 | 101..104 | 201..204 | -`: no dataset in the fourth batch.
fn ending() -> impl Script<Record = i32> {
    hundreds().into_iter().map(Some).chain([None]).collect::<Vec<_>>()
}

/// What ended a run in its fourth batch, for want of a dataset.
#[track_caller]
fn assert_names_the_missing_parent<T: std::fmt::Debug>(outcome: Result<T, Error>, operator: &str, line: u32) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(&format!("{operator} at {}:{line}:", file!())), "{error}");
    assert!(error.contains("in batch 4000 ms") && error.contains("has no dataset in this batch"), "{error}");
}

#[test]
fn union_has_this_streams_records_first() -> Outcome {
    let both = run(hundreds(), |numbers| numbers.union(&numbers.map(|n| n + 4)))?;
    assert_eq!(both, ranges([1..=8, 101..=108, 201..=208]));
    Ok(())
}

#[test]
fn union_has_the_partitions_of_both() -> Outcome {
    let parts = run2([vec![1, 2]], [vec![3, 4]], |first, second| first.union(&second).glom())?;
    assert_eq!(parts, [[[1], [2], [3], [4]]]);
    Ok(())
}

#[test]
fn union_with_a_stream_that_has_no_dataset_fails_the_batch() {
    let line = line!() + 1;
    let outcome = run(ending(), |numbers| numbers.union(&numbers.map(|n| n + 4)));
    assert_names_the_missing_parent(outcome, "union", line);
}

#[test]
fn union_of_a_context_takes_any_number_of_streams_in_order() -> Outcome {
    let all =
        run(hundreds(), |numbers| numbers.context().union(&[numbers, numbers.map(|n| n + 4), numbers.map(|n| n + 8)]))?;
    assert_eq!(all, ranges([1..=12, 101..=112, 201..=212]));
    let one = run(hundreds(), |numbers| numbers.context().union(&[numbers]))?;
    assert_eq!(one, hundreds());
    Ok(())
}

#[test]
fn transform_makes_a_dataset_of_each_batch_s() -> Outcome {
    let texts =
        run(ranges([1..=4, 5..=8, 9..=12]), |numbers| numbers.transform(|dataset| dataset.map(|n| n.to_string())))?;
    assert_eq!(texts, [["1", "2", "3", "4"], ["5", "6", "7", "8"], ["9", "10", "11", "12"]]);
    Ok(())
}

#[test]
fn transform_may_do_something_else_in_each_batch() -> Outcome {
    let chosen = run(hundreds(), |numbers| {
        numbers.transform_with_time(|dataset, time| match time.millis() {
            2000 => dataset.filter(|n| n % 2 == 0),
            _ => dataset,
        })
    })?;
    assert_eq!(chosen, [vec![1, 2, 3, 4], vec![102, 104], vec![201, 202, 203, 204]]);
    Ok(())
}

#[test]
fn transform_may_run_actions() -> Outcome {
    let shares = run([vec![1, 3], vec![]], |numbers| {
        numbers.transform(|dataset| -> Result<_, JobError> {
            let total: i32 = dataset.collect()?.into_iter().sum();
            Ok(dataset.map(move |n| f64::from(n) / f64::from(total)))
        })
    })?;
    assert_eq!(shares, [vec![0.25, 0.75], vec![]]);
    Ok(())
}

/// Row "transform with NULL": what a function of ours can do instead is to fail.
#[test]
fn transform_that_fails_ends_the_run_with_its_error() {
    let line = line!() + 1;
    let outcome = run(hundreds(), |numbers| numbers.transform(|_| Err::<Rdd<i32>, _>("no dataset today")));
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(&format!("transform at {}:{line}:", file!())), "{error}");
    assert!(error.contains("no dataset today") && error.contains("in batch 1000 ms"), "{error}");
}

#[test]
fn transform_of_a_stream_that_has_no_dataset_fails_the_batch() {
    let line = line!() + 1;
    let outcome = run(ending(), |numbers| numbers.transform(|dataset| dataset));
    assert_names_the_missing_parent(outcome, "transform", line);
}

#[test]
fn transform_of_a_context_gets_the_datasets_in_the_order_of_the_arguments() -> Outcome {
    let all = run(hundreds(), |numbers| {
        let streams = [numbers, numbers.map(|n| n + 4), numbers.map(|n| n + 8)];
        numbers.context().transform(&streams, |mut datasets, time| {
            assert_eq!(time.millis() % 1000, 0);
            let rest = datasets.split_off(1);
            datasets.remove(0).union_all(rest)
        })
    })?;
    assert_eq!(all, ranges([1..=12, 101..=112, 201..=212]));
    Ok(())
}

/// Row `test_transform` of the Python suites.
#[test]
fn transform_of_a_context_may_put_them_in_another_order() -> Outcome {
    let turned = run([vec![1]], |one| {
        one.context().transform(&[one, one.map(|n| n + 1), one.map(|n| n + 2)], |datasets, _| {
            datasets[1].union_all(vec![datasets[2].clone(), datasets[0].clone()])
        })
    })?;
    assert_eq!(turned, [[2, 3, 1]]);
    Ok(())
}

#[test]
fn transform_of_a_context_fails_the_batch_in_which_a_stream_has_no_dataset() {
    let line = line!() + 2;
    let outcome = run(ending(), |numbers| {
        numbers.context().transform(&[numbers, numbers.map(|n| n + 4)], |mut datasets, _| datasets.remove(0))
    });
    assert_names_the_missing_parent(outcome, "transform", line);
}

#[test]
fn other_operators_have_no_dataset_when_their_stream_has_none() -> Outcome {
    let input = || [Some(vec![1, 2]), None, Some(vec![])];
    assert_eq!(run(input(), |numbers| numbers.map(|n| n + 1).filter(|_| true))?, [vec![2, 3], vec![]]);
    assert_eq!(run(input(), |numbers| numbers.count())?, [[2], [0]]);
    assert_eq!(
        run(input(), |numbers| numbers.map(|n| (n, 1)).reduce_by_key_with(|a, b| a + b, 1))?[0],
        [(1, 1), (2, 1)]
    );
    Ok(())
}

#[test]
fn a_batch_that_runs_past_the_script_is_empty() -> Outcome {
    assert_eq!(TestRun::new().batches(3).run([vec![1]], |numbers| numbers)?, [vec![1], vec![], vec![]]);
    Ok(())
}

#[test]
fn a_run_that_does_not_end_says_what_it_waited_for() {
    let (leave, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let short = TestRun::new().deadline(milliseconds(20));
    let outcome = short.run([vec![1], vec![2]], move |numbers| {
        numbers.transform_with_time(move |dataset, time| {
            if time.millis() == 2000 {
                // Ends with the test: the other end is dropped by then.
                let _ = gate.lock().map(|gate| gate.recv_timeout(milliseconds(200)));
            }
            dataset
        })
    });
    drop(leave);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("waited 20ms for batch 2 of 2"), "{error}");
}
