//! Spark's rows "slice", "slice - has not been initialized" and "rdd cleanup - map and window".

use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

fn context() -> (StreamingContext, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    let config = Config::local("test").with_cores(1).with_handle_signals(false);
    (StreamingContext::with_clock(config, SECOND, Arc::new(clock.clone())).unwrap(), clock)
}

fn t(seconds: i64) -> Time {
    Time::from_millis(seconds * 1000)
}

fn advance(running: &RunningContext, clock: &ManualClock, batches: u32) {
    let before = running.batches_completed();
    clock.advance(SECOND * batches);
    assert!(running.wait_for_batches(before + u64::from(batches), PATIENCE));
    running.settled_snapshot();
}

/// The records of a slice, batch after batch.
fn records<T: Data>(slice: Result<Vec<Rdd<T>>, SliceError>) -> Vec<T> {
    slice.unwrap().iter().flat_map(|dataset| dataset.collect().unwrap()).collect()
}

#[test]
fn a_slice_has_both_of_its_ends() {
    let (ssc, clock) = context();
    ssc.remember(seconds(10));
    let numbers = ssc.input_stream(Scripted::new((1..=4).map(|n| vec![n])));
    let handle = numbers.handle();
    numbers.foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    advance(&running, &clock, 4);
    assert_eq!(records(handle.slice(t(0), t(1))), [1]);
    assert_eq!(records(handle.slice(t(0), t(2))), [1, 2]);
    assert_eq!(records(handle.slice(t(1), t(2))), [1, 2]);
    assert_eq!(records(handle.slice(t(2), t(4))), [2, 3, 4]);
    assert_eq!(records(handle.slice(t(3), t(2))), []);
    assert_eq!(records(handle.slice(t(3), t(9))), [3, 4], "later batches have not come");
    assert_eq!(records(handle.slice(Time::from_millis(1900), Time::from_millis(2900))), [1, 2], "down to the grid");
    assert_eq!(records(handle.slice_interval(Interval::ending_at(t(3), seconds(2)))), [2, 3]);
}

#[test]
fn a_slice_can_be_had_only_while_the_context_runs() {
    let (ssc, clock) = context();
    ssc.remember(seconds(10));
    let numbers = ssc.input_stream(Scripted::new([vec![1]]));
    let handle = numbers.handle();
    numbers.foreach_rdd(|_| {});
    let early = handle.slice(t(0), t(1)).unwrap_err();
    assert_eq!(early, SliceError::NotStarted);
    assert!(early.to_string().contains("has not been started"));
    let running = ssc.start().unwrap();
    advance(&running, &clock, 1);
    assert_eq!(records(handle.slice(t(0), t(1))), [1]);
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(handle.slice(t(0), t(1)).unwrap_err(), SliceError::Ended);
    assert_eq!(running.engine().snapshot().unwrap().blocks.blocks, 0);
}

#[test]
fn a_slice_of_what_is_forgotten_says_how_to_keep_it() {
    let (ssc, clock) = context();
    let numbers = ssc.input_stream(Scripted::new((1..=4).map(|n| vec![n])));
    let handle = numbers.handle();
    numbers.foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    advance(&running, &clock, 3);
    let error = handle.slice(t(2), t(3)).unwrap_err();
    assert_eq!(error, SliceError::Forgotten { from: t(2), forgotten: t(3) });
    assert!(error.to_string().contains("ssc.remember"), "{error}");
}

#[test]
fn a_stream_without_outputs_can_be_sliced_all_the_same() {
    let (ssc, clock) = context();
    ssc.remember(seconds(10));
    let numbers = ssc.input_stream(Scripted::new((1..=4).map(|n| vec![n])));
    let tens = numbers.map(|n| n * 10).handle();
    numbers.foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    advance(&running, &clock, 2);
    assert_eq!(records(tens.slice(t(1), t(2))), [10, 20]);
}

/// `remember(3 s)`: the second window has the datasets of 10 and 8; what those are made of is kept as well. Spark keeps one
/// batch more of each parent than is ever read.
/// B-8
#[test]
fn remember_goes_up_through_windows() {
    let (ssc, clock) = context();
    ssc.remember(seconds(3));
    let mapped = ssc.input_stream(Scripted::new((0..10).map(|n| vec![n]))).map(|n| (n, n + 1));
    let once = mapped.window(seconds(2), SECOND);
    let twice = once.window(seconds(4), seconds(2));
    let handles = [mapped, once, twice].map(|stream| stream.handle());
    twice.foreach_rdd(|dataset| dataset.count().map(drop));
    let running = ssc.start().unwrap();
    advance(&running, &clock, 10);
    let oldest = handles.map(|handle| (1..=10).find(|n| handle.slice(t(*n), t(10)).is_ok()).unwrap());
    assert_eq!(oldest, [4, 5, 8], "10 and 8; 5 to 10 for them; 4 to 10 for those");
}
