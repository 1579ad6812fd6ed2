//! Windows with an inverse function against recomputation, on random inputs and with faults on the way.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Scripted, TestInput, TestRun};
use waterwheel_runtime::durable::MemoryStorage;

type Pair = (u8, i64);
type Batch = Option<Vec<Pair>>;
type Windows = Vec<Vec<Pair>>;

/// A record on which the program panics, every time.
const POISON: i64 = 666;

fn scripts() -> impl Strategy<Value = Vec<Batch>> {
    let record = (0..8u8, -3..6i64);
    let batch = prop_oneof![
        1 => Just(None),
        2 => Just(Some(Vec::new())),
        5 => proptest::collection::vec(record, 1..12).prop_map(Some),
    ];
    proptest::collection::vec(batch, 1..28)
}

/// Length and slide, in batches.
fn windows() -> impl Strategy<Value = (usize, usize)> {
    (1..14usize, 1..7usize)
}

fn batches_of(n: usize) -> Duration {
    seconds(n as u64)
}

/// What the window of `batches` up to `end` has: its sums, and 0 for whatever was in an earlier one.
fn recomputed(batches: &[Batch], (length, slide): (usize, usize), end: usize) -> Vec<Pair> {
    let window = |end: usize| batches.iter().take(end).skip(end.saturating_sub(length)).flatten().flatten().copied();
    let seen: BTreeSet<u8> = (slide..=end).step_by(slide).flat_map(window).map(|(key, _)| key).collect();
    let mut sums: BTreeMap<u8, i64> = seen.into_iter().map(|key| (key, 0)).collect();
    for (key, value) in window(end) {
        *sums.entry(key).or_default() += value;
    }
    sums.into_iter().collect()
}

fn expected(batches: &[Batch], window: (usize, usize)) -> Windows {
    (window.1..=batches.len()).step_by(window.1).map(|end| recomputed(batches, window, end)).collect()
}

fn sorted(mut windows: Windows) -> Windows {
    windows.iter_mut().for_each(|window| window.sort_unstable());
    windows
}

fn filtered(windows: Windows, keep: impl Fn(i64) -> bool) -> Windows {
    windows.into_iter().map(|window| window.into_iter().filter(|(_, sum)| keep(*sum)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// W-1
    #[test]
    fn oracle_an_inverse_window_is_the_recomputed_one(
        batches in scripts(), (length, slide) in windows(), cores in 1..4usize, partitions in 1..4usize,
    ) {
        let run = |options: InverseWindow<u8, i64>| {
            let test = TestRun::new().cores(cores).partitions(3);
            test.run(batches.clone(), |pairs| {
                let (length, slide) = (batches_of(length), batches_of(slide));
                pairs.reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, length, slide, options)
            }).map(sorted).unwrap()
        };
        let expected = expected(&batches, (length, slide));
        prop_assert_eq!(&run(InverseWindow::from(partitions)), &expected);
        // One filter drops keys that have left, the other keeps them; both drop keys that are in the window.
        for keep in [|sum| sum % 3 != 0, |sum| sum < 4] {
            let found = run(InverseWindow::new().partitioner(partitions).filter(move |_, sum| keep(*sum)));
            prop_assert_eq!(found, filtered(expected.clone(), keep));
        }
    }

    /// Every function fails now and then, in a task that is tried again: what it had done so far is not done twice.
    #[test]
    fn oracle_a_task_that_fails_half_way_leaves_no_trace(
        batches in scripts(), (length, slide) in windows(), faults in proptest::collection::btree_set(0..400usize, 3),
    ) {
        let calls = Arc::new(AtomicUsize::new(0));
        let call = move || {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            assert!(!faults.contains(&call), "call {call} was to fail");
        };
        let (again, third) = (call.clone(), call.clone());
        let found = TestRun::new().run(batches.clone(), |pairs| {
            let f = move |a, b| { call(); a + b };
            let inverse = move |a, b| { again(); a - b };
            let options = InverseWindow::new().partitioner(2).filter(move |_, sum| { third(); *sum != 0 });
            pairs.reduce_by_key_and_window_inverse_with(f, inverse, batches_of(length), batches_of(slide), options)
        }).unwrap();
        prop_assert_eq!(sorted(found), filtered(expected(&batches, (length, slide)), |sum| sum != 0));
    }

    /// A batch that cannot be computed is skipped, and with it whatever would have entered then; the window goes on without.
    /// W-4
    #[test]
    fn oracle_what_a_skipped_slide_would_have_brought_is_in_no_window(
        batches in scripts(), (length, slide) in (1..9usize, 1..4usize), poisoned in proptest::collection::btree_set(0..28usize, 0..4),
    ) {
        // Slides of whole windows or by single units; others enter unit by unit, between the slides.
        let length = if length > slide { length.next_multiple_of(slide) } else { length };
        let mut input = batches.clone();
        for (number, batch) in input.iter_mut().enumerate() {
            if poisoned.contains(&number) {
                *batch = Some(vec![(0, POISON)]);
            }
        }
        let covered = slide.min(length);
        let poisonous = |end: usize| (end - covered..end).any(|batch| poisoned.contains(&batch));
        let mut left = batches.clone();
        for end in (slide..=batches.len()).step_by(slide).filter(|end| poisonous(*end)) {
            left.iter_mut().take(end).skip(end - slide).for_each(|batch| *batch = None);
        }
        let ends = (slide..=batches.len()).step_by(slide).filter(|end| !poisonous(*end));
        let expected: Windows = ends.map(|end| recomputed(&left, (length, slide), end)).collect();

        let skip = TestRun::new().configure(|config| config.with_failure_policy(FailurePolicy::Skip));
        let found = skip.run(input, |pairs| {
            let clean = pairs.map(|(key, value)| { assert_ne!(value, POISON, "as asked"); (key, value) });
            clean.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, batches_of(length), batches_of(slide))
        }).unwrap();
        prop_assert_eq!(sorted(found), expected);
    }
}

/// A batch that is tried again after all of its attempts have failed finds the state as it was before.
#[test]
fn a_batch_that_is_retried_counts_once() {
    let retry = FailurePolicy::Retry { attempts: 3, delay: Duration::ZERO };
    let numbers = TestInput::new();
    let failures = Arc::new(AtomicUsize::new(0));
    let flaky = failures.clone();
    let (mut test, sums) = TestRun::new()
        .configure(|config| config.with_failure_policy(retry).with_task_max_failures(1))
        .start(|ssc| {
            let pairs = numbers.stream(ssc).map(move |n: i64| {
                let fails = n == 7 && flaky.fetch_add(1, Ordering::Relaxed) < 2;
                assert!(!fails, "as asked");
                (n % 2, n)
            });
            pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(2), seconds(1)).probe()
        })
        .unwrap();
    for batch in [vec![1, 2, 3], vec![4, 7, 9], vec![5], vec![]] {
        numbers.push(batch);
        test.advance(1).unwrap();
    }
    let expected = [vec![(0, 2), (1, 4)], vec![(0, 6), (1, 20)], vec![(0, 4), (1, 21)], vec![(0, 0), (1, 5)]];
    let mut found = sums.datasets();
    found.iter_mut().for_each(|window| window.sort_unstable());
    assert_eq!(found, expected);
    assert_eq!(failures.load(Ordering::Relaxed), 3);
    test.stop().unwrap();
}

/// The window goes on where the run before ended, without its past input, and with another number of partitions.
#[test]
fn a_window_goes_on_after_a_restart() {
    let storage = Arc::new(MemoryStorage::default());
    let run = |begin: i64, partitions: usize, input: Vec<Vec<Pair>>| {
        let test = TestRun::new().begin(Time::from_millis(begin * 1000));
        let storage = storage.clone();
        let found = test.run_program(input.len(), |ssc| {
            ssc.checkpoint_to(storage);
            let pairs = ssc.input_stream(Scripted::new(input));
            let not_zero = InverseWindow::new().filter(|_, sum| *sum != 0).partitioner(partitions);
            pairs.reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, seconds(3), seconds(1), not_zero)
        });
        sorted(found.unwrap())
    };
    let first = run(0, 2, vec![vec![(1, 1)], vec![(1, 2), (2, 5)], vec![(1, 4)]]);
    assert_eq!(first, [vec![(1, 1)], vec![(1, 3), (2, 5)], vec![(1, 7), (2, 5)]]);
    let second = run(3, 3, vec![vec![(3, 1)], vec![], vec![]]);
    assert_eq!(second, [vec![(1, 6), (2, 5), (3, 1)], vec![(1, 4), (3, 1)], vec![(3, 1)]]);
}

/// Its state is made of other units.
#[test]
fn a_window_of_another_length_does_not_go_on_with_the_state_of_this_one() {
    let storage = Arc::new(MemoryStorage::default());
    let run = |begin: i64, length: u64, name: &str| {
        let storage = storage.clone();
        TestRun::new().begin(Time::from_millis(begin * 1000)).run_program(1, |ssc| {
            ssc.checkpoint_to(storage);
            ssc.input_stream(Scripted::new([vec![1, 2]])).count_by_window(seconds(length), seconds(1)).named(name)
        })
    };
    assert_eq!(run(0, 3, "counts").unwrap(), [[2]]);
    let refused = run(1, 4, "counts").unwrap_err().to_string();
    assert!(refused.contains("counts/reduced"), "{refused}");
    assert!(refused.contains("of 3 sec, in units of 1 sec") && refused.contains("of 4 sec"), "{refused}");
    assert_eq!(run(1, 4, "more").unwrap(), [[2]], "under another name it begins anew");
    assert_eq!(run(2, 3, "counts").unwrap(), [[2]], "whose state was given up with that");
}
