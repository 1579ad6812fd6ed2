//! Jobs that cannot run say so, each with its name: nobody waits for a worker that is waiting itself, or for one that is gone.

#![expect(clippy::panic, reason = "the helpers of these tests fail as the tests do")]

use waterwheel_operators::prelude::*;

/// The operator of an [`JobError::InsideTask`] or [`JobError::EngineStopped`].
fn refused<T: std::fmt::Debug>(result: Result<T, JobError>) -> (&'static str, &'static str) {
    match result {
        Err(JobError::InsideTask { site }) => ("inside a task", site.operator),
        Err(JobError::EngineStopped { site }) => ("engine stopped", site.operator),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// What every operator that runs a job says when it cannot.
fn refusals(numbers: &Rdd<u32>) -> Vec<(&'static str, &'static str)> {
    let pairs = numbers.map(|n| (n, n));
    vec![
        refused(numbers.collect()),
        refused(numbers.count()),
        refused(numbers.take(1)),
        refused(numbers.first()),
        refused(numbers.is_empty()),
        refused(numbers.reduce(|a, b| a + b)),
        refused(numbers.fold(0, |a, b| a + b)),
        refused(numbers.aggregate(0, |a, b| a + b, |a, b| a + b)),
        refused(numbers.max()),
        refused(numbers.min()),
        refused(numbers.top(1)),
        refused(numbers.take_ordered(1)),
        refused(numbers.foreach(drop)),
        refused(numbers.foreach_partition(drop)),
        refused(numbers.count_by_value()),
        refused(pairs.count_by_key()),
        refused(numbers.zip_with_index()),
        refused(numbers.sort_by(|n| *n, true, 2)),
        refused(pairs.sort_by_key(true, 2)),
        refused(pairs.reduce_by_key(|a, b| a + b).cache().collect()),
    ]
}

const ACTIONS: [&str; 20] = [
    "collect",
    "count",
    "take",
    "first",
    "is_empty",
    "reduce",
    "fold",
    "aggregate",
    "max",
    "min",
    "top",
    "take_ordered",
    "foreach",
    "foreach_partition",
    "count_by_value",
    "count_by_key",
    "zip_with_index",
    "sort_by",
    "sort_by_key",
    "collect",
];

/// F-9
#[test]
fn an_action_inside_a_task_is_refused_and_waits_for_nobody() {
    let engine = Engine::local(1).unwrap();
    let other = engine.parallelize(0..10u32, 2);
    let tried = engine.parallelize([()], 1).flat_map(move |()| refusals(&other)).collect().unwrap();
    assert_eq!(tried, ACTIONS.map(|action| ("inside a task", action)));
}

#[test]
fn an_engine_tells_nothing_of_itself_inside_a_task() {
    let engine = Engine::local(1).unwrap();
    let core = engine.core().clone();
    let told = engine.parallelize([()], 1).map(move |()| core.snapshot()).collect().unwrap();
    assert_eq!(told, [None]);
}

#[test]
fn an_action_after_its_engine_was_dropped_is_refused() {
    let engine = Engine::local(2).unwrap();
    let numbers = engine.parallelize(0..10u32, 2);
    let kept = numbers.cache();
    kept.count().unwrap();
    drop(engine);
    assert_eq!(refusals(&numbers), ACTIONS.map(|action| ("engine stopped", action)));
    assert_eq!(refusals(&kept), ACTIONS.map(|action| ("engine stopped", action)));
}
