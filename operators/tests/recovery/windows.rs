//! Windows without state read the batches before a restart again.

use crate::source::Numbers;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestRun, assert_same_records};
use waterwheel_runtime::durable::MemoryStorage;

/// Batches of records.
type Batches<T> = Vec<Vec<T>>;

/// What the windows of a program hold in 12 batches, with a restart after each of `ends`.
fn windows(ends: &[u64]) -> (Batches<u64>, Batches<(u64, u64)>) {
    let storage = MemoryStorage::default();
    let (mut plain, mut sums) = (Vec::new(), Vec::new());
    let mut done = 0;
    for end in ends.iter().copied().chain([12]) {
        let begin = Time::from_millis(done as i64 * 1000);
        let theirs = storage.clone();
        let (mut test, (window, reduced)) = TestRun::new()
            .begin(begin)
            .start(move |ssc| {
                ssc.checkpoint_to(Arc::new(theirs));
                let numbers = ssc.replayable_stream(Numbers::new(2).0);
                let pairs = numbers.map(|n| (n % 3, n));
                let reduced = pairs.reduce_by_key_and_window_with(|a, b| a + b, seconds(7), seconds(2), 2);
                (numbers.window(seconds(3), seconds(1)).probe(), reduced.probe())
            })
            .unwrap();
        test.advance(end - done).unwrap();
        drop(test);
        plain.extend(window.datasets());
        sums.extend(reduced.datasets());
        done = end;
    }
    (plain, sums)
}

///
#[test]
fn windows_that_reach_back_before_a_restart_hold_what_they_would_have_held_without() {
    let undisturbed = windows(&[]);
    assert_eq!(undisturbed.0[4], [4, 5, 6, 7, 8, 9]);
    for ends in [vec![1], vec![5], vec![4, 6], vec![3, 4, 5, 9], (1..12).collect()] {
        assert_eq!(windows(&ends), undisturbed, "restarts after {ends:?}");
    }
}

/// The state of a window with an inverse is made of parts that another length or slide has no use for.
#[test]
fn a_window_with_an_inverse_of_another_length_or_slide_is_refused_by_name_and_stays_as_it_was() {
    let storage = MemoryStorage::default();
    let start = |begin: i64, length: u64, slide: u64| {
        let theirs = storage.clone();
        TestRun::new().begin(Time::from_millis(begin * 1000)).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            let pairs = ssc.replayable_stream(Numbers::new(2).0).map(|n| (n % 3, n));
            let (length, slide) = (Duration::from_secs(length), Duration::from_secs(slide));
            let sums = pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, length, slide);
            sums.named("sums").probe()
        })
    };
    let (mut first, _) = start(0, 6, 2).unwrap();
    first.advance(4).unwrap();
    first.stop().unwrap();
    for (length, slide) in [(8, 2), (4, 2), (6, 3)] {
        let refused = start(4, length, slide).err().unwrap().to_string();
        assert!(refused.contains("\"sums\""), "{refused}");
    }
    let (mut again, sums) = start(4, 6, 2).unwrap();
    again.advance(2).unwrap();
    // Batches 1 to 6 have the numbers 0 to 11.
    assert_same_records(sums.datasets().pop().unwrap(), [(0, 18), (1, 22), (2, 26)]);
    again.stop().unwrap();
}
