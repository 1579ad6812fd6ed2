//! Rows of SPARK_SEMANTICS sections 2, 17 and 18 that need no state. Batches are a second long unless a row says otherwise.

use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestRun, run};

pub(super) type Outcome = Result<(), Error>;
pub(super) type Counts = Vec<(String, i32)>;
type Groups = Vec<(String, Vec<i32>)>;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// `text` is `a:1,a:3 | a:1 | []`.
pub(super) fn pairs(text: &str) -> Vec<Counts> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once(':').unwrap();
        (key.to_owned(), value.parse().unwrap())
    };
    let batch = |batch: &str| match batch.trim() {
        "[]" => Vec::new(),
        batch => batch.split(',').map(|text| pair(text.trim())).collect(),
    };
    text.split('|').map(batch).collect()
}

pub(super) fn sorted(mut batches: Vec<Counts>) -> Vec<Counts> {
    batches.iter_mut().for_each(|batch| batch.sort());
    batches
}

/// `0 | 1 | 2 | 3 | 4 | 5`.
pub(super) fn single() -> Vec<Vec<i32>> {
    (0..6).map(|n| vec![n]).collect()
}

/// The windows of `seconds` every `slide` over the first `batches` batches of `input`.
fn windows(input: Vec<Vec<i32>>, length: u64, slide: u64, batches: usize) -> Result<Vec<Vec<i32>>, Error> {
    TestRun::new().batches(batches).run(input, |numbers| numbers.window(seconds(length), seconds(slide)))
}

/// The sums of each key over windows of `length` every `slide`.
fn sums(input: &str, length: u64, slide: u64) -> Result<Vec<Counts>, Error> {
    let sums =
        run(pairs(input), |pairs| pairs.reduce_by_key_and_window(|a, b| a + b, seconds(length), seconds(slide)))?;
    Ok(sorted(sums))
}

pub(super) const BIG_INPUT: &str =
    "a:1 | a:1,b:1 | a:1,b:1,c:1 | a:1,b:1 | a:1 | [] | a:1 | a:1,b:1 | a:1,b:1,c:1 | a:1,b:1 | a:1 | []";

#[test]
fn basic_window() -> Outcome {
    let expected = [vec![0], vec![0, 1], vec![1, 2], vec![2, 3], vec![3, 4], vec![4, 5]];
    assert_eq!(windows(single(), 2, 1, 6)?, expected);
    Ok(())
}

#[test]
fn tumbling_window() -> Outcome {
    assert_eq!(windows(single(), 2, 2, 6)?, [[0, 1], [2, 3], [4, 5]]);
    Ok(())
}

#[test]
fn larger_window_begins_and_ends_partial() -> Outcome {
    assert_eq!(windows(single(), 4, 2, 8)?, [vec![0, 1], vec![0, 1, 2, 3], vec![2, 3, 4, 5], vec![4, 5]]);
    Ok(())
}

#[test]
fn non_overlapping_window_passes_over_the_batches_between() -> Outcome {
    assert_eq!(windows(single(), 2, 3, 6)?, [[1, 2], [4, 5]]);
    Ok(())
}

/// Java: testWindowWithSlideDuration.
#[test]
fn window_with_slide_duration() -> Outcome {
    let input = (0..6).map(|batch| (batch * 3 + 1..=batch * 3 + 3).collect()).collect();
    let expected = [1..=6, 1..=12, 7..=18, 13..=18].map(Vec::from_iter);
    assert_eq!(windows(input, 4, 2, 8)?, expected);
    Ok(())
}

/// Python: test_window, as counts.
#[test]
fn window_counts_of_growing_batches() -> Outcome {
    let input: Vec<Vec<i32>> = (1..=5).map(|size| (0..size).collect()).collect();
    let half = milliseconds(500);
    let counts =
        TestRun::new().interval(half).batches(7).run(input, |numbers| numbers.window(half * 3, half).count())?;
    assert_eq!(counts, [[1], [3], [6], [9], [12], [9], [5]]);
    Ok(())
}

#[test]
fn a_batch_without_a_dataset_is_not_in_its_windows() -> Outcome {
    let input = [Some(vec![1]), None, None, Some(vec![4])];
    let windows = run(input.clone(), |numbers| numbers.window(seconds(2), SECOND))?;
    assert_eq!(windows, [vec![1], vec![1], vec![], vec![4]]);
    let sums = run(input, |numbers| numbers.reduce_by_window(|a, b| a + b, seconds(2), SECOND))?;
    assert_eq!(sums, [vec![1], vec![1], vec![], vec![4]]);
    Ok(())
}

/// Windows of windows keep duplicates.
#[test]
fn a_window_over_a_window_has_its_records_as_often_as_they_are_in_it() -> Outcome {
    let nested = run(single(), |numbers| numbers.window(seconds(2), SECOND).window(seconds(2), seconds(2)))?;
    assert_eq!(nested, [vec![0, 0, 1], vec![1, 2, 2, 3], vec![3, 4, 4, 5]]);
    Ok(())
}

#[test]
fn reduce_by_key_and_window_basic_reduction() -> Outcome {
    assert_eq!(sums("a:1,a:3", 2, 1)?, pairs("a:4"));
    Ok(())
}

#[test]
fn reduce_by_key_and_window_key_already_in_window_and_new_value_added() -> Outcome {
    assert_eq!(sums("a:1 | a:1", 2, 1)?, pairs("a:1 | a:2"));
    Ok(())
}

#[test]
fn reduce_by_key_and_window_new_key_added() -> Outcome {
    assert_eq!(sums("a:1 | a:1,b:1", 2, 1)?, pairs("a:1 | a:2,b:1"));
    Ok(())
}

#[test]
fn reduce_by_key_and_window_key_removed_from_window() -> Outcome {
    assert_eq!(sums("a:1 | a:1 | [] | []", 2, 1)?, pairs("a:1 | a:2 | a:1 | []"));
    Ok(())
}

#[test]
fn reduce_by_key_and_window_larger_slide_time() -> Outcome {
    assert_eq!(sums("a:1 | a:2 | a:3 | a:4 | a:5 | a:6 | [] | []", 4, 2)?, pairs("a:3 | a:10 | a:18 | a:11"));
    Ok(())
}

#[test]
fn reduce_by_key_and_window_big_test() -> Outcome {
    let once = "a:1 | a:2,b:1 | a:2,b:2,c:1 | a:2,b:2,c:1 | a:2,b:1 | a:1";
    assert_eq!(sums(BIG_INPUT, 2, 1)?, pairs(&format!("{once} | {once}")));
    Ok(())
}

/// What Spark's inverse form gets wrong (7, 49, 385, 3072) when the slide is longer than the window.
#[test]
fn reduce_by_key_and_window_slide_longer_than_the_window() -> Outcome {
    let powers: Vec<String> = (0..12).map(|n| format!("a:{}", 1 << n)).collect();
    assert_eq!(sums(&powers.join("|"), 2, 3)?, pairs("a:6 | a:48 | a:384 | a:3072"));
    Ok(())
}

/// Python: test_reduce_by_key_and_window_with_none_invFunc: distinct keys with a count above 0, 5 s every second.
#[test]
fn reduce_by_key_and_window_over_half_second_batches() -> Outcome {
    let input: Vec<Vec<i32>> = (1..=6).map(|size| (0..size).collect()).collect();
    let counted = TestRun::new().interval(milliseconds(500)).batches(13).run(input, |numbers| {
        let ones = numbers.map(|n| (n, 1));
        ones.reduce_by_key_and_window(|a, b| a + b, seconds(5), SECOND).filter(|(_, n)| *n > 0).count()
    })?;
    assert_eq!(counted, [[2], [4], [6], [6], [6], [6]]);
    Ok(())
}

#[test]
fn reduce_by_window_has_one_record_per_window_and_none_for_an_empty_one() -> Outcome {
    let input = [vec![1, 2], vec![3], vec![], vec![], vec![4]];
    let sums = run(input, |numbers| numbers.reduce_by_window(|a, b| a + b, seconds(2), SECOND))?;
    assert_eq!(sums, [vec![3], vec![6], vec![3], vec![], vec![4]]);
    Ok(())
}

fn grouped(input: &str) -> Result<Vec<Groups>, Error> {
    let mut groups = run(pairs(input), |pairs| pairs.group_by_key_and_window(seconds(2), SECOND))?;
    groups.iter_mut().for_each(|batch| batch.sort());
    Ok(groups)
}

#[test]
fn group_by_key_and_window_has_every_value_of_the_window() -> Outcome {
    let ones = |counts: &str| -> Vec<Groups> {
        let group = |(key, count): (String, i32)| (key, vec![1; usize::try_from(count).unwrap()]);
        pairs(counts).into_iter().map(|batch| batch.into_iter().map(group).collect()).collect()
    };
    let once = "a:1 | a:2,b:1 | a:2,b:2,c:1 | a:2,b:2,c:1 | a:2,b:1 | a:1";
    assert_eq!(grouped(BIG_INPUT)?, ones(&format!("{once} | {once}")));
    Ok(())
}

/// Python: test_group_by_key_and_window: values in the order of their batches.
#[test]
fn group_by_key_and_window_has_values_in_order_of_time() -> Outcome {
    let input: Vec<Vec<(String, i32)>> = (0..5).map(|n| vec![("a".to_owned(), n)]).collect();
    let half = milliseconds(500);
    let groups = TestRun::new()
        .interval(half)
        .batches(7)
        .run(input, |pairs| pairs.group_by_key_and_window(half * 3, half).map(|(_, values)| values))?;
    let expected: [&[i32]; 7] = [&[0], &[0, 1], &[0, 1, 2], &[1, 2, 3], &[2, 3, 4], &[3, 4], &[4]];
    assert_eq!(groups, expected.map(|values| vec![values.to_vec()]));
    Ok(())
}
