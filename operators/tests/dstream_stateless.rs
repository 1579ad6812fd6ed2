//! Operators that look at one batch at a time, on the data of Spark's `BasicOperationsSuite`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waterwheel_operators::prelude::*;
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

#[test]
fn glom_makes_a_list_of_each_partition() -> Outcome {
    let lists = run(numbers(), |numbers| numbers.glom())?;
    assert_eq!(lists, [[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]);
    Ok(())
}

#[test]
fn map_partitions_applies_its_function_once_per_partition() -> Outcome {
    let sums = run(numbers(), |numbers| numbers.map_partitions(|part| [part.into_iter().sum::<i32>()]))?;
    assert_eq!(sums, [[3, 7], [11, 15], [19, 23]]);
    Ok(())
}

#[test]
fn map_partitions_with_index_tells_the_partition() -> Outcome {
    let marked = run(numbers(), |numbers| {
        numbers.map_partitions_with_index(|partition, part| part.into_iter().map(move |n| (partition, n)))
    })?;
    assert_eq!(marked[0], [(0, 1), (0, 2), (1, 3), (1, 4)]);
    Ok(())
}

/// Rows "repartition (more partitions)" and "(fewer partitions)".
#[test]
fn repartition_makes_exactly_that_many_partitions_and_keeps_every_record() -> Outcome {
    let hundreds = || [1..=100, 101..=200, 201..=300].map(Vec::from_iter);
    for (from, to) in [(2, 5), (5, 2), (2, 0)] {
        let parts = TestRun::new().partitions(from).run(hundreds(), move |numbers| numbers.repartition(to).glom())?;
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [to.max(1); 3]);
        let flat = parts.into_iter().map(|batch| batch.into_iter().flatten().collect()).collect();
        assert_eq!(sorted(flat), hundreds());
    }
    Ok(())
}

#[test]
fn persisted_streams_compute_each_batch_once_and_keep_nothing_when_all_has_ended() -> Outcome {
    for level in [StorageLevel::MemoryOnly, StorageLevel::MemoryOnlySer, StorageLevel::DiskOnly] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let sums = run(numbers(), move |numbers| {
            let slow = numbers.map(move |n| {
                counted.fetch_add(1, Ordering::SeqCst);
                n
            });
            slow.persist(level).persist(level);
            slow.foreach_rdd(|dataset| dataset.count().map(drop));
            slow.reduce(|a, b| a + b)
        })?;
        assert_eq!((sums, calls.load(Ordering::SeqCst)), (vec![vec![10], vec![26], vec![42]], 12), "{level}");
    }
    Ok(())
}
