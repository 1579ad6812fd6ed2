//! Accumulators: what a task adds counts once, when the task has succeeded.

#![expect(clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestRun, run};

/// Fails the first `times` times it is asked to.
fn failing(times: usize) -> impl Fn() + Clone + Send + Sync + 'static {
    let left = Arc::new(AtomicUsize::new(times));
    move || {
        let failed = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(failed.is_err(), "boom");
    }
}

#[test]
fn every_record_counts_once_on_any_number_of_workers() {
    for cores in [1, 2, 4] {
        let engine = Engine::local(cores).unwrap();
        let count = engine.accumulator("records", 100u64);
        let adding = count.clone();
        engine.parallelize(0..10_000, 7).foreach(move |_| adding.add(1)).unwrap();
        assert_eq!(count.value(), 10_100);
    }
}

/// V-1
#[test]
fn a_task_that_fails_twice_before_it_succeeds_counts_once() {
    let engine = Engine::local(2).unwrap();
    let count = engine.accumulator("records", 0u64);
    let (adding, fail) = (count.clone(), failing(2));
    let tried = Arc::new(AtomicUsize::new(0));
    let trying = tried.clone();
    engine
        .parallelize(0..1000, 4)
        .foreach(move |n| {
            adding.add(1);
            if n == 999 {
                trying.fetch_add(1, Ordering::Relaxed);
                fail();
            }
        })
        .unwrap();
    assert_eq!(tried.load(Ordering::Relaxed), 3, "the task was tried three times");
    assert_eq!(count.value(), 1000);
}

#[test]
fn a_map_side_that_fails_before_it_succeeds_counts_once() {
    let engine = Engine::local(2).unwrap();
    let count = engine.accumulator("records", 0u64);
    let (adding, fail) = (count.clone(), failing(2));
    let pairs = engine.parallelize(0..1000u32, 4).map(move |n| {
        adding.add(1);
        if n == 999 {
            fail();
        }
        (n % 10, n)
    });
    let sums = pairs.reduce_by_key_with(|a, b| a + b, 3);
    assert_eq!(sums.count().unwrap(), 10);
    assert_eq!(sums.count().unwrap(), 10);
    assert_eq!(count.value(), 1000, "the map side is not run again by the second job");
}

/// V-1: merging is done once for all tasks that read it, also if the first of them fails afterwards.
#[test]
fn a_reduce_side_counts_once_even_if_the_task_that_reads_it_fails() {
    for cores in [1, 2, 4] {
        let engine = Engine::local(cores).unwrap();
        let merges = engine.accumulator("merges", 0u64);
        let (adding, fail) = (merges.clone(), failing(2));
        let spread = engine.from_partitions((0..5).map(|part| vec![(0u32, part), (1, part)]).collect());
        let merge = move |a: u32, b: u32| {
            adding.add(1);
            a + b
        };
        let sums = spread.reduce_by_key_with(merge, 4).map(move |pair| {
            fail();
            pair
        });
        assert_eq!(sums.coalesce(1).count().unwrap(), 2);
        assert_eq!(merges.value(), 8, "four for each of two keys");
    }
}

#[test]
fn tasks_of_a_job_that_fails_count_if_they_succeeded() {
    let engine = Engine::local(1).unwrap();
    let count = engine.accumulator("records", 0u64);
    let adding = count.clone();
    let failed = engine.parallelize(0..2, 2).foreach(move |n| {
        adding.add(1);
        assert_eq!(n, 0, "boom");
    });
    assert!(failed.is_err());
    assert_eq!(count.value(), 1);
}

#[test]
fn the_driver_side_adds_at_once_and_may_begin_again() {
    let names = Accumulator::new("names", Vec::new());
    names.add("ada");
    names.add("bob");
    assert_eq!(format!("{names:?}"), r#"names: ["ada", "bob"]"#);
    assert_eq!(names.reset(Vec::new()), ["ada", "bob"]);
    assert!(names.value().is_empty());
}

#[test]
fn a_stream_adds_up_over_its_batches() {
    let count = Accumulator::new("words", 0u64);
    let (adding, fail) = (count.clone(), failing(2));
    let lengths = run([vec!["a", "bb"], vec![], vec!["ccc"]], move |words| {
        words.map(move |word| {
            adding.add(1);
            if word == "ccc" {
                fail();
            }
            word.len()
        })
    });
    assert_eq!(lengths.unwrap(), [vec![1, 2], vec![], vec![3]]);
    assert_eq!(count.value(), 3);
}

#[test]
fn an_operator_that_is_computed_again_counts_again() {
    let engine = Engine::local(1).unwrap();
    let count = engine.accumulator("records", 0u64);
    let adding = count.clone();
    let numbers = engine.parallelize(0..10, 2).map(move |n| {
        adding.add(1);
        n
    });
    let kept = numbers.cache();
    assert_eq!((kept.count().unwrap(), kept.count().unwrap()), (10, 10));
    assert_eq!(count.value(), 10);
    assert_eq!((numbers.count().unwrap(), count.value()), (10, 20));
}

/// A value of the user's that cannot be merged.
#[derive(Debug, Clone, Default)]
struct Broken;

impl Accumulate for Broken {
    type Update = ();

    fn add(&mut self, (): ()) {}

    fn merge(&mut self, _: Broken) {
        panic!("cannot merge")
    }
}

#[test]
fn a_merge_that_panics_fails_the_job_with_the_line_of_the_accumulator() {
    let engine = Engine::local(2).unwrap();
    let line = line!() + 1;
    let broken = engine.accumulator("broken", Broken);
    let failed = engine.parallelize(0..10, 2).foreach(move |_| broken.add(()));
    let error = failed.unwrap_err().to_string();
    assert!(error.starts_with(&format!("accumulator at {}:{line}:", file!())), "{error}");
    assert!(error.contains("panicked in partition") && error.contains("cannot merge"), "{error}");
    assert_eq!(engine.parallelize(0..10, 2).count().unwrap(), 10, "the engine lives on");
}

#[test]
fn a_batch_without_shuffled_records_counts_too() {
    // Computed by the caller of the job, not by a worker.
    let count = Accumulator::new("partitions", 0u64);
    let adding = count.clone();
    let idle = TestRun::new().run([Vec::<(u8, u8)>::new()], move |pairs| {
        pairs.reduce_by_key_with(|a, _| a, 3).map_partitions(move |pairs| {
            adding.add(1);
            pairs
        })
    });
    assert_eq!(idle.unwrap(), [[]]);
    assert_eq!(count.value(), 3);
}

/// The closure of `foreach_partition_with` runs on a thread of its own, and counts like any other.
#[test]
fn what_a_failed_attempt_at_a_write_with_a_resource_added_does_not_count() {
    let engine = Engine::local(2).unwrap();
    let count = engine.accumulator("records", 0u64);
    let (adding, fails) = (count.clone(), AtomicUsize::new(2));
    let pool = ResourcePool::new(|| Ok::<_, std::io::Error>(()));
    let write = move |(): &mut (), records: Vec<i32>, _| {
        records.iter().for_each(|_| adding.add(1));
        match fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            Ok(2) => panic!("no connection"),
            Ok(_) => Err("no such table"),
            Err(_) => Ok(()),
        }
    };
    engine.parallelize(0..10, 1).foreach_partition_with(&pool, write).unwrap();
    assert_eq!(count.value(), 10);
}
