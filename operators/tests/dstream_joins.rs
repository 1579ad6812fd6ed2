//! Operators that bring the pairs of two streams together, on the data of Spark's `BasicOperationsSuite`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Debug;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Script, TestRun, run2};

type Outcome = Result<(), Error>;

/// Batches of words, each paired with `value`.
fn with<V: Copy, const N: usize>(value: V, batches: [&[&str]; N]) -> [Vec<(String, V)>; N] {
    batches.map(|words| words.iter().map(|word| ((*word).to_owned(), value)).collect())
}

/// `a,b | a,"" | "" | []`, each word with a 1.
fn ones() -> [Vec<(String, i32)>; 4] {
    with(1, [&["a", "b"], &["a", ""], &[""], &[]])
}

/// `a,b | b,"" | [] | ""`, each word with an x.
fn exes() -> [Vec<(String, char)>; 4] {
    with('x', [&["a", "b"], &["b", ""], &[], &[""]])
}

/// `batches` of which the last has no dataset.
fn ending<V: Data, const N: usize>(batches: [Vec<(String, V)>; N]) -> impl Script<Record = (String, V)> {
    let last = N - 1;
    (0..).zip(batches).map(move |(number, batch)| (number < last).then_some(batch)).collect::<Vec<_>>()
}

/// Batches as sets: sorted, and with keys that are easy to write.
fn sets<V: Ord + Clone>(batches: &[Vec<(String, V)>]) -> Vec<Vec<(&str, V)>> {
    let sorted = batches.iter().map(|batch| {
        let mut batch: Vec<_> = batch.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        batch.sort();
        batch
    });
    sorted.collect()
}

#[test]
fn cogroup_has_the_values_of_both_sides_and_empty_lists_where_a_side_has_none() -> Outcome {
    let this = with(1, [&["a", "a", "b"], &["a", ""], &[""], &[]]);
    let that = with('x', [&["a", "a", "b"], &["b", ""], &[], &[]]);
    let groups = run2(this, that, |this, that| this.cogroup(&that))?;
    let expected = [
        vec![("a", (vec![1, 1], vec!['x', 'x'])), ("b", (vec![1], vec!['x']))],
        vec![("", (vec![1], vec!['x'])), ("a", (vec![1], vec![])), ("b", (vec![], vec!['x']))],
        vec![("", (vec![1], vec![]))],
        vec![],
    ];
    assert_eq!(sets(&groups), expected);
    Ok(())
}

/// Row `test_cogroup etc.` of the Python suites.
#[test]
fn cogroup_of_numbers() -> Outcome {
    let groups = run2([vec![(1, 1), (2, 1), (3, 1)]], [vec![(1, 2)]], |this, that| this.cogroup_with(&that, 1))?;
    assert_eq!(groups, [[(1, (vec![1], vec![2])), (2, (vec![1], vec![])), (3, (vec![1], vec![]))]]);
    Ok(())
}

#[test]
fn join_has_the_keys_of_both_sides() -> Outcome {
    let joined = run2(ones(), exes(), |this, that| this.join(&that))?;
    assert_eq!(sets(&joined), [vec![("a", (1, 'x')), ("b", (1, 'x'))], vec![("", (1, 'x'))], vec![], vec![]]);
    Ok(())
}

#[test]
fn left_outer_join_has_every_key_of_this_side() -> Outcome {
    let joined = run2(ones(), exes(), |this, that| this.left_outer_join(&that))?;
    let expected = [
        vec![("a", (1, Some('x'))), ("b", (1, Some('x')))],
        vec![("", (1, Some('x'))), ("a", (1, None))],
        vec![("", (1, None))],
        vec![],
    ];
    assert_eq!(sets(&joined), expected);
    Ok(())
}

#[test]
fn right_outer_join_has_every_key_of_the_other_side() -> Outcome {
    let joined = run2(ones(), exes(), |this, that| this.right_outer_join(&that))?;
    let expected = [
        vec![("a", (Some(1), 'x')), ("b", (Some(1), 'x'))],
        vec![("", (Some(1), 'x')), ("b", (None, 'x'))],
        vec![],
        vec![("", (None, 'x'))],
    ];
    assert_eq!(sets(&joined), expected);
    Ok(())
}

#[test]
fn full_outer_join_has_every_key_of_either_side() -> Outcome {
    let joined = run2(ones(), exes(), |this, that| this.full_outer_join(&that))?;
    let expected = [
        vec![("a", (Some(1), Some('x'))), ("b", (Some(1), Some('x')))],
        vec![("", (Some(1), Some('x'))), ("a", (Some(1), None)), ("b", (None, Some('x')))],
        vec![("", (Some(1), None))],
        vec![("", (None, Some('x')))],
    ];
    assert_eq!(sets(&joined), expected);
    Ok(())
}

#[test]
fn transform_with_makes_a_dataset_of_those_of_two_streams() -> Outcome {
    let joined = run2(ones(), exes(), |this, that| this.transform_with(&that, |this, that, _| this.join(&that)))?;
    assert_eq!(sets(&joined), [vec![("a", (1, 'x')), ("b", (1, 'x'))], vec![("", (1, 'x'))], vec![], vec![]]);
    Ok(())
}

#[test]
fn transform_with_is_told_the_batch_time_and_may_fail() {
    let line = line!() + 2;
    let outcome = run2(ones(), exes(), |this, that| {
        this.transform_with(&that, |this, _, time| match time.millis() {
            3000 => Err("not on the third".to_owned()),
            _ => Ok(this),
        })
    });
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(&format!("transform_with at {}:{line}:", file!())), "{error}");
    assert!(error.contains("not on the third") && error.contains("in batch 3000 ms"), "{error}");
}

/// Checks that a fourth batch in which a parent has no dataset ended the run, by the name of the operator and its line.
#[track_caller]
fn assert_misses_a_parent<T: Debug>(outcome: Result<T, Error>, operator: &str, line: u32) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(&format!("{operator} at {}:{line}:", file!())), "{error}");
    assert!(error.contains("in batch 4000 ms") && error.contains("has no dataset in this batch"), "{error}");
}

/// Row "transformWith with input stream return None", for both parents and every operator of two streams.
#[test]
fn a_batch_in_which_a_parent_has_no_dataset_fails() {
    let line = line!() + 1;
    let joined = run2(ending(ones()), ending(exes()), |this, that| this.transform_with(&that, |a, b, _| a.join(&b)));
    assert_misses_a_parent(joined, "transform_with", line);

    let line = line!() + 1;
    let joined = run2(ending(ones()), exes(), |this, that| this.join(&that));
    assert_misses_a_parent(joined, "join", line);

    let line = line!() + 1;
    let joined = run2(ones(), ending(exes()), |this, that| this.left_outer_join(&that));
    assert_misses_a_parent(joined, "left_outer_join", line);

    let line = line!() + 1;
    let joined = run2(ones(), ending(exes()), |this, that| this.right_outer_join(&that));
    assert_misses_a_parent(joined, "right_outer_join", line);

    let line = line!() + 1;
    let joined = run2(ending(ones()), exes(), |this, that| this.full_outer_join(&that));
    assert_misses_a_parent(joined, "full_outer_join", line);

    let line = line!() + 1;
    let joined = run2(ones(), ending(exes()), |this, that| this.cogroup(&that));
    assert_misses_a_parent(joined, "cogroup", line);
}

#[test]
fn joined_streams_have_the_partitions_of_a_side_or_of_the_call_or_by_default() -> Outcome {
    fn count<T>(batches: Vec<Vec<T>>) -> Vec<usize> {
        batches.iter().map(Vec::len).collect()
    }
    let five = TestRun::new().configure(|config| config.with_default_parallelism(5));
    assert_eq!(count(five.run2(ones(), exes(), |this, that| this.join(&that).glom())?), [5; 4]);
    assert_eq!(count(five.run2(ones(), exes(), |this, that| this.join_with(&that, 3).glom())?), [3; 4]);
    let one_in_place = five.run2(ones(), exes(), |this, that| this.partition_by(2).join(&that).glom())?;
    assert_eq!(count(one_in_place), [2; 4]);
    Ok(())
}
