//! User code that fails: it is named with the line that brought it in, tried again, and never takes the engine along.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of these tests fail as the tests do")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waterwheel_operators::prelude::*;

/// Panics, whatever is asked of it.
fn boom<A, B>(_: A) -> B {
    panic!("boom")
}

/// [`boom`] for functions of two arguments.
fn boom2<A, B, C>(_: A, _: B) -> C {
    panic!("boom")
}

/// Checks that `result` is the fault of `operator` in this file at `line`, after all four attempts.
#[track_caller]
fn assert_fault<T: std::fmt::Debug>(result: Result<T, JobError>, operator: &str, line: u32) {
    match result {
        Err(JobError::TaskFailed { attempts: 4, cause: TaskError::Panicked { site, message, .. } }) => {
            assert_eq!((site.operator, site.location.file(), site.location.line()), (operator, file!(), line));
            assert_eq!(message, "boom");
        }
        other => panic!("expected a panic of {operator}, got {other:?}"),
    }
}

/// Checks that jobs with and without shuffles still run.
#[track_caller]
fn assert_works(engine: &Engine) {
    let sums = engine.parallelize((0..100).map(|n| (n % 3, n)), 5).reduce_by_key_with(|a, b| a + b, 3);
    let mut sums = sums.collect().unwrap();
    sums.sort();
    assert_eq!(sums, [(0, 1683), (1, 1617), (2, 1650)]);
}

/// Pairs of which each key is once in each of three partitions: all merging is done on the reduce side.
fn spread(engine: &Engine) -> Rdd<(u32, u32)> {
    engine.from_partitions(vec![vec![(1, 1), (2, 2)], vec![(1, 3), (2, 4)], vec![(1, 5), (2, 6)]])
}

/// Pairs of which each key is in one partition only: all merging is done on the map side.
fn dense(engine: &Engine) -> Rdd<(u32, u32)> {
    engine.from_partitions(vec![vec![(1, 1), (1, 2)], vec![(2, 3), (2, 4)]])
}

/// F-1
#[test]
fn a_panic_in_a_narrow_closure_names_the_operator_and_its_line() {
    let engine = Engine::local(2).unwrap();
    let numbers = engine.parallelize(0..100, 3);
    let pairs = dense(&engine);

    let line = line!() + 1;
    let failing = numbers.map(boom::<i32, i32>);
    assert_fault(failing.collect(), "map", line);

    let line = line!() + 1;
    let failing = numbers.flat_map(boom::<i32, Vec<i32>>);
    assert_fault(failing.collect(), "flat_map", line);

    let line = line!() + 1;
    let failing = numbers.filter(|n| boom(n));
    assert_fault(failing.collect(), "filter", line);

    let line = line!() + 1;
    let failing = numbers.map_partitions(boom::<Vec<i32>, Vec<i32>>);
    assert_fault(failing.collect(), "map_partitions", line);

    let line = line!() + 1;
    let failing = numbers.map_partitions_with_index(boom2::<usize, Vec<i32>, Vec<i32>>);
    assert_fault(failing.collect(), "map_partitions_with_index", line);

    let line = line!() + 1;
    let failing = numbers.key_by(|n| boom::<&i32, i32>(n));
    assert_fault(failing.collect(), "key_by", line);

    let line = line!() + 1;
    let failing = pairs.map_values(boom::<u32, u32>);
    assert_fault(failing.collect(), "map_values", line);

    let line = line!() + 1;
    let failing = pairs.flat_map_values(boom::<u32, Vec<u32>>);
    assert_fault(failing.collect(), "flat_map_values", line);

    assert_works(&engine);
}

#[test]
fn a_panic_in_an_iterator_that_a_closure_returned_names_the_operator_too() {
    let engine = Engine::local(2).unwrap();
    let numbers = engine.parallelize(0..100, 3);

    let line = line!() + 1;
    let failing = numbers.flat_map(|n| (0..n).map(boom::<i32, i32>));
    assert_fault(failing.map(|n| n + 1).collect(), "flat_map", line);

    let line = line!() + 1;
    let failing = numbers.map_partitions(|part| part.into_iter().map(boom::<i32, i32>));
    assert_fault(failing.map(|n| n + 1).collect(), "map_partitions", line);

    let line = line!() + 1;
    let failing = dense(&engine).flat_map_values(|n| (0..n).map(boom::<u32, u32>));
    assert_fault(failing.map(|pair| pair).collect(), "flat_map_values", line);

    assert_works(&engine);
}

#[test]
fn the_innermost_of_fused_operators_is_the_one_that_is_named() {
    let engine = Engine::local(1).unwrap();
    let before = engine.parallelize(0..100, 1).map(|n| n + 1).cache();
    let line = line!() + 1;
    let failing = before.map(boom::<i32, i32>);
    assert_fault(failing.filter(|n| *n > 0).flat_map(|n| [n]).count(), "map", line);
}

#[test]
fn a_panic_on_either_side_of_a_shuffle_names_the_operator_and_its_line() {
    let engine = Engine::local(2).unwrap();
    let (dense, spread) = (dense(&engine), spread(&engine));

    let line = line!() + 1;
    let failing = dense.reduce_by_key_with(boom2, 2);
    assert_fault(failing.collect(), "reduce_by_key", line);

    let line = line!() + 1;
    let failing = spread.reduce_by_key_with(boom2, 2);
    assert_fault(failing.collect(), "reduce_by_key", line);

    let line = line!() + 1;
    let failing = dense.combine_by_key(boom::<u32, u32>, boom2, boom2, 2);
    assert_fault(failing.collect(), "combine_by_key", line);

    let line = line!() + 1;
    let failing = dense.combine_by_key(|n| n, boom2, boom2, 2);
    assert_fault(failing.collect(), "combine_by_key", line);

    let line = line!() + 1;
    let failing = spread.combine_by_key(|n| n, |a, _| a, boom2, 2);
    assert_fault(failing.collect(), "combine_by_key", line);

    let line = line!() + 1;
    let failing = dense.combine_by_key_with(boom::<u32, u32>, boom2, boom2, 2, false);
    assert_fault(failing.collect(), "combine_by_key_with", line);

    let line = line!() + 1;
    let failing = dense.aggregate_by_key_with(0, boom2, boom2, 2);
    assert_fault(failing.collect(), "aggregate_by_key", line);

    let line = line!() + 1;
    let failing = spread.fold_by_key(0, boom2);
    assert_fault(failing.collect(), "fold_by_key", line);

    assert_works(&engine);
}

#[test]
fn a_panic_on_a_reduce_side_that_lies_with_another_worker_is_told_the_same() {
    let engine = Engine::local(4).unwrap();
    let line = line!() + 1;
    let failing = spread(&engine).reduce_by_key_with(boom2, 8);
    assert_fault(failing.coalesce(1).collect(), "reduce_by_key", line);
    assert_works(&engine);
}

#[test]
fn a_panic_in_a_partitioner_names_the_operator_that_it_was_given_to() {
    let engine = Engine::local(2).unwrap();
    let pairs = dense(&engine);
    let partitioner = || Partitioner::custom(2, |key: &u32| boom(key));

    let line = line!() + 1;
    let failing = pairs.partition_by(partitioner());
    assert_fault(failing.collect(), "partition_by", line);

    let line = line!() + 1;
    let failing = pairs.reduce_by_key_with(|a, b| a + b, partitioner());
    assert_fault(failing.collect(), "reduce_by_key", line);

    let line = line!() + 1;
    let failing = pairs.group_by_key_with(partitioner());
    assert_fault(failing.collect(), "group_by_key", line);

    let line = line!() + 1;
    let failing = pairs.keys().distinct_with(partitioner());
    assert_fault(failing.collect(), "distinct", line);

    assert_works(&engine);
}

#[test]
fn a_panic_in_the_key_of_a_sort_fails_the_sort() {
    let engine = Engine::local(2).unwrap();
    let numbers = engine.parallelize(0..100, 3);

    let line = line!() + 1;
    let sampled = numbers.sort_by(|n| boom::<&i32, i32>(n), true, 2);
    assert_fault(sampled, "sort_by", line);

    // A single partition needs no sample, so that the key is first asked for by the job on the result.
    let line = line!() + 1;
    let sorted = numbers.sort_by(|n| boom::<&i32, i32>(n), true, 1);
    assert_fault(sorted.unwrap().collect(), "sort_by", line);

    assert_works(&engine);
}

#[test]
fn a_panic_in_the_closure_of_an_action_names_the_action_and_its_line() {
    let engine = Engine::local(2).unwrap();
    let numbers = engine.parallelize(0..100, 3);

    let line = line!() + 1;
    let failed = numbers.foreach(boom::<i32, ()>);
    assert_fault(failed, "foreach", line);

    let line = line!() + 1;
    let failed = numbers.foreach_partition(boom::<Vec<i32>, ()>);
    assert_fault(failed, "foreach_partition", line);

    let line = line!() + 1;
    let failed = numbers.reduce(boom2);
    assert_fault(failed, "reduce", line);

    let line = line!() + 1;
    let failed = numbers.fold(0, boom2);
    assert_fault(failed, "fold", line);

    let line = line!() + 1;
    let failed = numbers.aggregate(0, boom2, boom2::<i32, i32, i32>);
    assert_fault(failed, "aggregate", line);

    assert_works(&engine);
}

/// A record that cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Incomparable(u8);

impl PartialOrd for Incomparable {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Incomparable {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        panic!("boom")
    }
}

#[test]
fn a_panic_in_a_comparison_names_the_action_in_the_tasks_and_on_the_drivers_side() {
    let engine = Engine::local(2).unwrap();
    let in_a_task = engine.parallelize([1, 2].map(Incomparable), 1);
    let across = engine.parallelize([1, 2].map(Incomparable), 2);

    let line = line!() + 1;
    let failed = in_a_task.top(1);
    assert_fault(failed, "top", line);

    let line = line!() + 1;
    let failed = across.max();
    let Err(JobError::Panicked { site, batch: None, message }) = failed else { panic!("{failed:?}") };
    assert_eq!((site.operator, site.location.line(), message.as_str()), ("max", line, "boom"));

    assert_works(&engine);
}

/// Panics the first `times` times that it is called.
fn failing(times: usize) -> impl Fn() + Clone + Send + Sync + 'static {
    let calls = Arc::new(AtomicUsize::new(0));
    move || {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        assert!(call >= times, "call {call} fails");
    }
}

/// F-2
#[test]
fn a_closure_that_fails_three_times_succeeds() {
    let engine = Engine::local(2).unwrap();
    let numbers = engine.parallelize(0..6, 1);

    let fail = failing(3);
    let mapped = numbers.map(move |n| {
        fail();
        n
    });
    assert_eq!(mapped.collect().unwrap(), [0, 1, 2, 3, 4, 5]);

    let fail = failing(3);
    let add = move |a, b| {
        fail();
        a + b
    };
    assert_eq!(numbers.fold(0, add).unwrap(), 15);

    let fail = failing(3);
    let partitioner = Partitioner::custom(2, move |n: &i32| {
        fail();
        *n as usize
    });
    assert_eq!(numbers.distinct_with(partitioner).collect().unwrap(), [0, 2, 4, 1, 3, 5]);

    let fail = failing(3);
    let key = move |n: &i32| {
        fail();
        -n
    };
    let sorted = numbers.sort_by(key, true, 2).unwrap();
    assert_eq!(sorted.collect().unwrap(), [5, 4, 3, 2, 1, 0]);

    let (seen, fail) = (Arc::new(AtomicUsize::new(0)), failing(3));
    let counter = seen.clone();
    let counting = numbers.foreach(move |_| {
        fail();
        counter.fetch_add(1, Ordering::Relaxed);
    });
    counting.unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 6);
}

/// D-3
#[test]
fn a_merge_that_fails_on_the_map_side_is_tried_again_without_losing_or_doubling_a_record() {
    let engine = Engine::local(2).unwrap();
    let fail = failing(3);
    let merge = move |a, b| {
        fail();
        a + b
    };
    let mut sums = dense(&engine).reduce_by_key_with(merge, 2).collect().unwrap();
    sums.sort();
    assert_eq!(sums, [(1, 3), (2, 7)]);
}

#[test]
fn a_merge_that_fails_on_the_reduce_side_gets_its_buckets_from_a_new_map_side() {
    for cores in [1, 2, 4] {
        let engine = Engine::local(cores).unwrap();
        let mapped = Arc::new(AtomicUsize::new(0));
        let counter = mapped.clone();
        let pairs = spread(&engine).map(move |pair| {
            counter.fetch_add(1, Ordering::Relaxed);
            pair
        });
        let fail = failing(3);
        let merge = move |a, b| {
            fail();
            a + b
        };
        let mut sums = pairs.reduce_by_key_with(merge, 2).collect().unwrap();
        sums.sort();
        assert_eq!(sums, [(1, 9), (2, 12)]);
        assert!(mapped.load(Ordering::Relaxed) > 6, "the failed merge had used up its buckets");
    }
}

#[test]
fn jobs_that_share_a_shuffle_all_survive_that_its_merges_fail() {
    let engine = Engine::local(3).unwrap();
    for _ in 0..20 {
        let fail = failing(3);
        let merge = move |a, b| {
            fail();
            a + b
        };
        let sums = spread(&engine).reduce_by_key_with(merge, 2);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut found = sums.collect().unwrap();
                    found.sort();
                    assert_eq!(found, [(1, 9), (2, 12)]);
                });
            }
        });
    }
}

#[test]
fn every_target_of_a_shuffle_in_the_middle_has_attempts_of_its_own() {
    // Each key fails three times, so that the middle stage fails far more often than the one task of the last may.
    let engine = Engine::local(2).unwrap();
    let keys = 12;
    let fails: Vec<_> = (0..keys).map(|_| failing(3)).collect();
    let partitions = vec![(0..keys).map(|key| (key, key)).collect::<Vec<_>>(); 2];
    let merge = move |a: usize, b: usize| {
        fails[a]();
        a + b
    };
    let sums = engine.from_partitions(partitions).reduce_by_key_with(merge, Partitioner::custom(keys, |key| *key));
    let gathered = sums.repartition(1).values().collect().unwrap();
    assert_eq!(gathered.iter().sum::<usize>(), keys * (keys - 1));
}

#[test]
fn a_shuffle_in_the_middle_that_never_succeeds_fails_with_its_own_fault() {
    let engine = Engine::local(2).unwrap();
    let line = line!() + 1;
    let failing = spread(&engine).reduce_by_key_with(boom2, 4);
    assert_fault(
        failing.map(|(key, sum)| (sum, key)).group_by_key_with(3).coalesce(1).collect(),
        "reduce_by_key",
        line,
    );
    assert_works(&engine);
}

/// F-6
#[test]
fn nothing_is_held_of_a_job_that_failed_once_its_last_task_has_ended() {
    let engine = Engine::local(1).unwrap();
    let failed = spread(&engine).group_by_key_with(3).map(boom::<(u32, Vec<u32>), u32>).collect();
    assert!(failed.is_err());
    // The one worker does one thing after another: what was left of the failed job comes before this.
    assert_works(&engine);
    let snapshot = engine.snapshot().unwrap();
    assert_eq!((snapshot.shuffles, snapshot.blocks.blocks), (0, 0));
}

#[test]
fn a_task_over_nothing_is_tried_as_often_as_any_other_and_not_again_once_it_succeeded() {
    for (allowed, fails, expected) in [(1, 1, 1), (4, 4, 4), (4, 2, 5)] {
        let options = EngineOptions { cores: 1, task_max_failures: allowed, ..EngineOptions::default() };
        let engine = Engine::start(options).unwrap();
        let nothing = engine.empty_rdd::<(u32, u32)>().reduce_by_key_with(|a, b| a + b, 3);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let outcome = nothing.foreach_partition(move |_| {
            assert!(counted.fetch_add(1, Ordering::SeqCst) >= fails, "boom");
        });
        assert_eq!(calls.load(Ordering::SeqCst), expected, "{allowed} allowed, {fails} fail");
        assert_eq!(outcome.is_ok(), fails < expected, "{outcome:?}");
    }
}
