//! What windows keep of their parents, and for how long.

use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Scripted, TestRun};

const SECOND: Duration = Duration::from_secs(1);

fn context() -> StreamingContext {
    StreamingContext::new(Config::local("test").with_cores(2), SECOND).unwrap()
}

/// Batch n holds the number n.
fn numbers(ssc: &StreamingContext) -> DStream<'_, i64> {
    ssc.input_stream(Scripted::new((1..=1000).map(|n| vec![n])))
}

fn level(plan: &waterwheel_operators::plan::Plan, name: &str) -> Option<StorageLevel> {
    plan.operators.iter().find(|operator| operator.name == name).unwrap().level
}

/// Spark: "window - persistence level". Kept as typed records here, not encoded: what windows read, they read often.
#[test]
fn a_window_has_its_parent_kept_and_persisting_it_persists_the_parent() {
    let ssc = context();
    let numbers = numbers(&ssc).named("numbers");
    let windowed = numbers.window(seconds(2), SECOND).named("windowed");
    assert_eq!((level(&ssc.plan(), "numbers"), level(&ssc.plan(), "windowed")), (Some(StorageLevel::MemoryOnly), None));
    windowed.persist(StorageLevel::MemoryAndDiskSer);
    let level = |name| level(&ssc.plan(), name);
    assert_eq!((level("numbers"), level("windowed")), (Some(StorageLevel::MemoryAndDiskSer), None));
}

#[test]
fn persisting_a_window_of_windows_persists_the_stream_below_them() {
    let ssc = context();
    let numbers = numbers(&ssc).named("numbers");
    let inner = numbers.window(seconds(2), SECOND).named("inner");
    let outer = inner.window(seconds(2), SECOND).named("outer");
    outer.persist(StorageLevel::DiskOnly);
    let levels = ["numbers", "inner", "outer"].map(|name| level(&ssc.plan(), name));
    assert_eq!(levels, [Some(StorageLevel::DiskOnly), None, None]);
}

#[test]
fn what_the_user_decided_stays_when_a_window_is_made() {
    let ssc = context();
    let kept = numbers(&ssc).persist(StorageLevel::DiskOnly).named("kept");
    let dropped = kept.map(|n| n).unpersist().named("dropped");
    kept.union(&dropped).window(seconds(2), SECOND);
    kept.window(seconds(2), SECOND);
    dropped.window(seconds(2), SECOND);
    assert_eq!(level(&ssc.plan(), "kept"), Some(StorageLevel::DiskOnly));
    assert_eq!(level(&ssc.plan(), "dropped"), None);
}

/// How many persisted blocks and shuffles are held after each of `batches` batches of the stream that `window` makes.
fn held<T: Data>(batches: u64, window: impl for<'c> Fn(DStream<'c, i64>) -> DStream<'c, T>) -> Vec<(usize, usize)> {
    let (mut test, _) = TestRun::new().start(|ssc| window(numbers(ssc).map(|n| n + 1)).probe()).unwrap();
    let held = (1..=batches).map(|_| {
        test.advance(1).unwrap();
        let held = test.held().unwrap();
        (held.persisted, held.shuffles)
    });
    let held = held.collect();
    test.stop().unwrap();
    held
}

/// Two partitions a batch.
/// B-8
#[test]
fn exactly_the_batches_that_a_later_window_reads_are_kept() {
    let sliding = held(6, |numbers| numbers.window(seconds(3), SECOND));
    assert_eq!(sliding, [(2, 0), (4, 0), (4, 0), (4, 0), (4, 0), (4, 0)], "the next window reads two of the past");
    let tumbling = held(6, |numbers| numbers.window(seconds(2), seconds(2)));
    // In the first second of each window nothing has been computed yet, so nothing is kept but the way to compute it.
    assert_eq!(tumbling, [(0, 0); 6]);
    let overlapping = held(8, |numbers| numbers.window(seconds(4), seconds(2)));
    assert_eq!(overlapping, [(0, 0), (4, 0), (4, 0), (4, 0), (4, 0), (4, 0), (4, 0), (4, 0)]);
}

/// B-8
#[test]
fn grouped_windows_keep_the_shuffles_that_a_later_window_reads() {
    let groups = held(5, |numbers| numbers.map(|n| (n % 2, n)).group_by_key_and_window(seconds(3), SECOND));
    assert_eq!(groups, [(0, 1), (0, 2), (0, 2), (0, 2), (0, 2)], "shuffled batches lie where they are, kept only once");
}

/// B-8
#[test]
fn reduced_windows_keep_no_more_than_twice_the_reductions_of_their_batches() {
    let held = held(40, |numbers| {
        numbers.map(|n| (n % 2, n)).reduce_by_key_and_window_with(|a, b| a + b, seconds(8), SECOND, 1)
    });
    for (batch, (spans, shuffles)) in (1..).zip(held).skip(8) {
        assert!(shuffles <= 8 + 7 && spans <= 8, "{shuffles} batches and {spans} spans after batch {batch}");
    }
}

/// B-8
#[test]
fn windows_with_an_inverse_keep_nothing_of_batches_that_have_entered() {
    let sliding = held(6, |numbers| {
        numbers.map(|n| (n % 2, n)).reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(5), SECOND)
    });
    assert_eq!(sliding, [(0, 0); 6]);
    let slides_rarely = held(6, |numbers| {
        let pairs = numbers.map(|n| (n % 2, n));
        pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(4), seconds(2))
    });
    assert_eq!(slides_rarely, [(0, 0); 6], "what is computed at the slide only is not kept before it either");
}

#[test]
fn a_window_of_a_century_costs_what_its_batches_cost() {
    let century = Duration::from_secs(100 * 365 * 86_400);
    assert_eq!(held(3, |numbers| numbers.window(century, SECOND)), [(2, 0), (4, 0), (6, 0)]);
    let sums =
        held(3, |numbers| numbers.map(|n| (n % 2, n)).reduce_by_key_and_window_with(|a, b| a + b, century, SECOND, 1));
    assert!(sums.iter().all(|(spans, shuffles)| *spans <= 3 && *shuffles <= 3), "{sums:?}");
}
