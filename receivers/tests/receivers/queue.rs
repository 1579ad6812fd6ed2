//! `queue_stream` and `constant_stream`.

use crate::support::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

/// Two datasets are queued for every batch, of which each batch takes one.
/// I-7
#[test]
fn one_at_a_time_takes_one_dataset_per_batch() {
    let (ssc, clock) = manual_context(config());
    let queue = RddQueue::new();
    let taken = batches(ssc.queue_stream(&queue, true));
    let running = ssc.start().unwrap();

    let mut numbers = 1..=5;
    for n in 1..=5 {
        for number in numbers.by_ref().take(2) {
            queue.push_records(running.engine(), [number], 1);
        }
        run_batch(&running, &clock, n);
    }
    assert_same(taken.try_iter(), [[1], [2], [3], [4], [5]].map(Vec::from));
    assert!(queue.is_empty());
}

/// I-7
#[test]
fn all_at_once_takes_what_is_queued_in_its_order() {
    let (ssc, clock) = manual_context(config());
    let queue = RddQueue::new();
    let (taken, told) = (batches(ssc.queue_stream(&queue, false)), events(&ssc));
    let running = ssc.start().unwrap();

    for (batch, numbers) in [(1, 1..=3), (2, 4..=5)] {
        numbers.for_each(|number| queue.push_records(running.engine(), [number], 2));
        run_batch(&running, &clock, batch);
    }
    assert_same(taken.try_iter(), [vec![1, 2, 3], vec![4, 5]]);
    for expected in [3, 2] {
        let records = wait_for(&told, |event| match event {
            Event::BatchCompleted(batch) => Some(batch.num_records()),
            _ => None,
        });
        assert_eq!(records, expected);
    }
}

#[test]
fn empty_queue_is_an_empty_dataset_or_none_or_the_default() {
    let (ssc, clock) = manual_context(config());
    let default = ssc.engine().parallelize([7], 1);
    let empty = batches(ssc.queue_stream::<i32>(RddQueue::new(), true));
    let nothing = batches(ssc.queue_stream_or::<i32>(RddQueue::new(), true, WhenEmpty::Nothing));
    let defaults: Vec<_> = [true, false]
        .into_iter()
        .map(|one_at_a_time| {
            let queue = vec![ssc.engine().parallelize([1], 1)];
            batches(ssc.queue_stream_or(queue, one_at_a_time, WhenEmpty::Default(default.clone())))
        })
        .collect();
    let running = ssc.start().unwrap();
    for n in 1..=3 {
        run_batch(&running, &clock, n);
    }
    assert_same(empty.try_iter(), [vec![], vec![], vec![]]);
    assert_same(nothing.try_iter(), []);
    for batches in defaults {
        assert_same(batches.try_iter(), [vec![1], vec![7], vec![7]]);
    }
}

#[test]
fn queue_of_the_programs_own_is_read() {
    let (ssc, clock) = manual_context(config());
    let queue = Arc::new(Mutex::new(VecDeque::new()));
    let taken = batches(ssc.queue_stream(queue.clone(), true));
    let running = ssc.start().unwrap();
    queue.lock().unwrap().push_back(running.engine().parallelize(1..=3, 2).map(|n: i32| n * n));
    run_batch(&running, &clock, 1);
    assert_same(taken.try_iter(), [vec![1, 4, 9]]);
}

#[test]
fn any_thread_may_push_while_the_program_runs() {
    let (ssc, clock) = manual_context(config());
    let queue = RddQueue::new();
    let taken = batches(ssc.queue_stream(&queue, false));
    let running = ssc.start().unwrap();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let (queue, engine) = (queue.clone(), running.engine());
            threads.spawn(move || (0..25).for_each(|n| queue.push_records(engine, [thread * 25 + n], 1)));
        }
    });
    run_batch(&running, &clock, 1);
    let mut all = taken.try_recv().unwrap();
    all.sort_unstable();
    assert_same(all, 0..100);
}

/// A dataset was made outside of any batch; what fails in it names the batch that it became part of.
#[test]
fn queued_dataset_belongs_to_its_batch() {
    let (ssc, clock) = manual_context(config().with_task_max_failures(1));
    let queue = RddQueue::from(vec![ssc.engine().parallelize([1], 1).map(|_| -> i32 { panic!("of the first batch") })]);
    let _ = batches(ssc.queue_stream(queue, true));
    let running = ssc.start().unwrap();
    clock.advance(seconds(1));
    let error = running.await_termination().unwrap_err().to_string();
    assert!(error.contains("of the first batch") && error.contains("1000 ms"), "{error}");
}

#[test]
fn constant_stream_has_its_dataset_in_every_batch() {
    let (ssc, clock) = manual_context(config());
    let same = batches(ssc.constant_stream(ssc.engine().parallelize(1..=3, 2)));
    let running = ssc.start().unwrap();
    for n in 1..=3 {
        run_batch(&running, &clock, n);
    }
    assert_same(same.try_iter(), [vec![1, 2, 3], vec![1, 2, 3], vec![1, 2, 3]]);
}
