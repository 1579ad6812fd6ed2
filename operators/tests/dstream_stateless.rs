//! Operators that look at one batch at a time, on the data of Spark's `BasicOperationsSuite`.

use waterwheel_operators::Error;
use waterwheel_operators::prelude::Parallelize;
use waterwheel_operators::testkit::{TestRun, run};

type Outcome = Result<(), Error>;

/// `1..4 | 5..8 | 9..12`, what most rows of the suite start from.
fn numbers() -> [Vec<i32>; 3] {
    [(1..=4).collect(), (5..=8).collect(), (9..=12).collect()]
}

fn sorted<T: Ord>(mut batches: Vec<Vec<T>>) -> Vec<Vec<T>> {
    batches.iter_mut().for_each(|batch| batch.sort());
    batches
}

#[test]
fn map_keeps_the_order() -> Outcome {
    let texts = run(numbers(), |numbers| numbers.map(|n| n.to_string()))?;
    assert_eq!(texts, [["1", "2", "3", "4"], ["5", "6", "7", "8"], ["9", "10", "11", "12"]]);
    Ok(())
}

#[test]
fn flat_map_strings_results_together_in_order() -> Outcome {
    let doubled = run(numbers(), |numbers| numbers.flat_map(|n| [n, 2 * n]))?;
    assert_eq!(doubled, [[1, 2, 2, 4, 3, 6, 4, 8], [5, 10, 6, 12, 7, 14, 8, 16], [9, 18, 10, 20, 11, 22, 12, 24]]);
    Ok(())
}

#[test]
fn filter_keeps_the_order() -> Outcome {
    assert_eq!(run(numbers(), |numbers| numbers.filter(|n| n % 2 == 0))?, [[2, 4], [6, 8], [10, 12]]);
    Ok(())
}

#[test]
fn reduce_makes_one_record_of_a_batch_and_none_of_an_empty_one() -> Outcome {
    assert_eq!(run(numbers(), |numbers| numbers.reduce(|a, b| a + b))?, [[10], [26], [42]]);
    assert_eq!(run([vec![1], vec![]], |numbers| numbers.reduce(|a, b| a + b))?, [vec![1], vec![]]);
    Ok(())
}

#[test]
fn reduce_takes_records_in_order_of_partition_and_position() -> Outcome {
    let letters = [["a", "b", "c", "d", "e"].map(String::from).to_vec()];
    assert_eq!(TestRun::new().partitions(3).run(letters, |letters| letters.reduce(|a, b| a + &b))?, [["abcde"]]);
    Ok(())
}

#[test]
fn count_is_one_number_per_batch_and_0_for_an_empty_one() -> Outcome {
    let batches = [vec![], vec![1], vec![1, 2], vec![1, 2, 3], vec![1, 2, 3, 4]];
    assert_eq!(run(batches, |numbers| numbers.count())?, [[0], [1], [2], [3], [4]]);
    Ok(())
}

#[test]
fn count_of_a_dataset_without_partitions_is_0() -> Outcome {
    let counts = run([vec![1]], |numbers| numbers.transform(|dataset| dataset.scope().empty_rdd::<i32>()).count())?;
    assert_eq!(counts, [[0]]);
    Ok(())
}

#[test]
fn count_by_value_counts_equal_records() -> Outcome {
    let batches = [vec![1], vec![1, 1, 1], vec![1, 2], vec![1, 1, 2, 2]];
    let counts = run(batches.clone(), |numbers| numbers.count_by_value())?;
    let expected = [vec![(1, 1)], vec![(1, 3)], vec![(1, 1), (2, 1)], vec![(1, 2), (2, 2)]];
    assert_eq!(sorted(counts), expected);
    let in_one = run(batches, |numbers| numbers.count_by_value_with(1))?;
    assert_eq!(in_one, expected, "one partition holds keys in order of their first appearance");
    Ok(())
}
