//! Batches whose time came while nothing ran.

use crate::source::Numbers;
use std::sync::Arc;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;
use waterwheel_runtime::config::CatchUp;
use waterwheel_runtime::durable::MemoryStorage;

fn t(seconds: i64) -> Time {
    Time::from_millis(seconds * 1000)
}

/// The times of the batches after a restart at 7.5 s of a run that ended after 3 s, up to 8 s.
fn after_a_pause(way: CatchUp) -> (u64, Vec<Time>) {
    let storage = MemoryStorage::default();
    let start = |begin: Time| {
        let storage = storage.clone();
        let (sender, times) = std::sync::mpsc::channel();
        let configure = |mut config: Config| {
            config.checkpoint = config.checkpoint.with_catch_up(way);
            config
        };
        let (test, ()) = TestRun::new()
            .begin(begin)
            .configure(configure)
            .start(move |ssc| {
                ssc.checkpoint_to(Arc::new(storage));
                ssc.replayable_stream(Numbers::new(1).0)
                    .foreach_rdd_with_time(move |_, time| sender.send(time).map_err(|error| error.to_string()));
            })
            .unwrap();
        (test, times)
    };
    let (mut first, _times) = start(t(0));
    first.advance(3).unwrap();
    first.stop().unwrap();
    let (mut second, times) = start(Time::from_millis(7_500));
    let missed = second.running().recovery().unwrap().missed;
    second.jump(1).unwrap();
    second.stop().unwrap();
    (missed, times.try_iter().collect())
}

///
#[test]
fn missed_batches_become_one_by_default() {
    assert_eq!(after_a_pause(CatchUp::Coalesce), (4, vec![t(7), t(8)]));
}

/// R-3; Spark's way.
#[test]
fn missed_batches_come_one_by_one_when_asked_for() {
    assert_eq!(after_a_pause(CatchUp::EachInterval), (4, vec![t(4), t(5), t(6), t(7), t(8)]));
}

///
#[test]
fn missed_batches_are_left_out_when_asked_for() {
    assert_eq!(after_a_pause(CatchUp::Skip), (4, vec![t(8)]));
}

/// The sums of one window after the other.
type Sums = Vec<(Time, Option<Vec<((), u64)>>)>;

/// The program of windows that slide rarely, which ended after `batches` batches and goes on at 20.5 s, up to 24 s: what the windows
/// with an inverse had, and what those had that are recomputed.
fn sums_over_a_pause(batches: u64, way: CatchUp) -> [Sums; 2] {
    let storage = MemoryStorage::default();
    let start = |begin: Time| {
        let storage = storage.clone();
        let configure = |mut config: Config| {
            config.checkpoint = config.checkpoint.with_catch_up(way);
            config
        };
        let started = TestRun::new().begin(begin).configure(configure).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(storage));
            let numbers = ssc.replayable_stream(Numbers::new(1).0).named("numbers").map(|n| ((), n + 1));
            let inverse = numbers.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(6), seconds(3));
            let recomputed = numbers.reduce_by_key_and_window(|a, b| a + b, seconds(6), seconds(3));
            (inverse.probe(), recomputed.probe())
        });
        started.unwrap()
    };
    let (mut first, before) = start(t(0));
    first.advance(batches).unwrap();
    first.stop().unwrap();
    let (mut second, after) = start(Time::from_millis(20_500));
    second.jump(1).unwrap();
    second.advance(3).unwrap();
    second.stop().unwrap();
    [[before.0.timed(), after.0.timed()].concat(), [before.1.timed(), after.1.timed()].concat()]
}

/// R-3, W-1
#[test]
fn a_window_with_an_inverse_is_the_recomputed_one_after_a_pause() {
    for way in [CatchUp::Coalesce, CatchUp::EachInterval] {
        for batches in 1..8 {
            let [inverse, recomputed] = sums_over_a_pause(batches, way);
            assert_eq!(inverse, recomputed, "{batches} batches before the pause");
        }
    }
}

///
///
/// The window that was not full when the program ended is shown, though its time came while nothing ran.
#[test]
fn windows_that_share_nothing_lose_nothing_over_a_pause() {
    let storage = MemoryStorage::default();
    let start = |begin: Time| {
        let theirs = storage.clone();
        let started = TestRun::new().begin(begin).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            ssc.replayable_stream(Numbers::new(1).0).named("numbers").window(seconds(3), seconds(3)).probe()
        });
        started.unwrap()
    };
    let (mut first, before) = start(t(0));
    first.advance(5).unwrap();
    first.stop().unwrap();
    assert_eq!(before.datasets(), [[0, 1, 2]]);
    let (mut second, after) = start(Time::from_millis(20_500));
    second.jump(1).unwrap();
    second.advance(3).unwrap();
    let shown: Vec<_> = after.timed().into_iter().filter_map(|(time, shown)| Some((time, shown?))).collect();
    // 6: the batches 4, 5 and 6; 21: 20 and 21; 24: the three up to it.
    assert_eq!(shown, [(t(6), vec![3, 4, 5]), (t(21), vec![6, 7]), (t(24), vec![8, 9, 10])]);
    second.stop().unwrap();
}
