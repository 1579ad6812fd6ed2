//! Operators on pairs, on the data of Spark's `BasicOperationsSuite`.

use waterwheel_operators::Error;
use waterwheel_operators::prelude::Partitioner;
use waterwheel_operators::testkit::{TestRun, run};

type Outcome = Result<(), Error>;

/// `a,a,b | "","" | []`, each word with a 1: what the rows on pairs start from.
fn words() -> [Vec<(String, i32)>; 3] {
    [vec!["a", "a", "b"], vec!["", ""], vec![]]
        .map(|batch| batch.into_iter().map(|word| (word.to_owned(), 1)).collect())
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
fn group_by_key_gathers_values_and_the_empty_string_is_a_key() -> Outcome {
    let groups = run(words(), |words| words.group_by_key())?;
    assert_eq!(sets(&groups), [vec![("a", vec![1, 1]), ("b", vec![1])], vec![("", vec![1, 1])], vec![]]);
    Ok(())
}

#[test]
fn grouped_values_come_in_order_of_partition_and_position() -> Outcome {
    let numbers = [(0..100).map(|n| (n % 3, n)).collect::<Vec<_>>()];
    let groups = TestRun::new().partitions(7).run(numbers, |numbers| numbers.group_by_key_with(2))?;
    for (key, values) in &groups[0] {
        assert_eq!(values, &(0..100).filter(|n| n % 3 == *key).collect::<Vec<_>>());
    }
    assert_eq!(groups[0].len(), 3);
    Ok(())
}

#[test]
fn reduce_by_key_reduces_the_values_of_a_batch() -> Outcome {
    let sums = run(words(), |words| words.reduce_by_key(|a, b| a + b))?;
    assert_eq!(sets(&sums), [vec![("a", 2), ("b", 1)], vec![("", 2)], vec![]]);
    Ok(())
}

#[test]
fn map_values_changes_values_and_keeps_keys() -> Outcome {
    let raised = run(words(), |words| words.reduce_by_key(|a, b| a + b).map_values(|n| n + 10))?;
    assert_eq!(sets(&raised), [vec![("a", 12), ("b", 11)], vec![("", 12)], vec![]]);
    Ok(())
}

#[test]
fn flat_map_values_pairs_every_result_with_the_key() -> Outcome {
    let both = run(words(), |words| words.reduce_by_key(|a, b| a + b).flat_map_values(|n| [n, n + 10]))?;
    assert_eq!(sets(&both), [vec![("a", 2), ("a", 12), ("b", 1), ("b", 11)], vec![("", 2), ("", 12)], vec![]]);
    Ok(())
}

#[test]
fn combine_by_key_gives_the_same_with_and_without_combining_before_the_shuffle() -> Outcome {
    for map_side_combine in [true, false] {
        let lists = run(words(), move |words| {
            words.combine_by_key_with(
                |n| vec![n],
                |mut list, n| {
                    list.push(n);
                    list
                },
                |a, b| [a, b].concat(),
                2,
                map_side_combine,
            )
        })?;
        assert_eq!(sets(&lists), [vec![("a", vec![1, 1]), ("b", vec![1])], vec![("", vec![1, 1])], vec![]]);
    }
    Ok(())
}

#[test]
fn combine_by_key_starts_every_key_with_its_first_value() -> Outcome {
    let sums = run(words(), |words| words.combine_by_key(|n| n * 100, |sum, n| sum + n, |a, b| a + b, 1))?;
    // One partition holds ("a"), the other ("a", "b"): two first values of "a" meet.
    assert_eq!(sets(&sums), [vec![("a", 200), ("b", 100)], vec![("", 200)], vec![]]);
    Ok(())
}

#[test]
fn partition_by_puts_every_key_where_the_partitioner_says() -> Outcome {
    let by_length = Partitioner::custom(3, |key: &String| key.len());
    let parts = run(words(), move |words| words.partition_by(by_length.clone()).glom())?;
    let sizes: Vec<Vec<usize>> = parts.iter().map(|batch| batch.iter().map(Vec::len).collect()).collect();
    assert_eq!(sizes, [[0, 3, 0], [2, 0, 0], [0, 0, 0]]);
    Ok(())
}

#[test]
fn pairs_have_as_many_partitions_as_default_parallelism_or_the_call_says() -> Outcome {
    let five = TestRun::new().configure(|config| config.with_default_parallelism(5));
    let partitions = |parts: Vec<Vec<Vec<_>>>| parts.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(partitions(five.run(words(), |words| words.reduce_by_key(|a, b| a + b).glom())?), [5, 5, 5]);
    assert_eq!(partitions(five.run(words(), |words| words.reduce_by_key_with(|a, b| a + b, 3).glom())?), [3, 3, 3]);
    Ok(())
}
