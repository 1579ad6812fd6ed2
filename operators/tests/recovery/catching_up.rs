//! Batches whose time came while nothing ran.

use crate::source::Numbers;
use std::sync::Arc;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, TestRun};
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

/// What a program shows that ends after `before` seconds, is down until 7.5 s and shows its last batch at 9 s.
fn shown_around_a_pause<T: Record>(
    before: u64,
    program: impl Fn(&DStream<'_, u64>) -> Probe<T>,
) -> Vec<(Time, Option<Vec<T>>)> {
    let storage = MemoryStorage::default();
    let start = |begin: Time| {
        let theirs = storage.clone();
        let started = TestRun::new().begin(begin).start(|ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            program(&ssc.replayable_stream(Numbers::new(1).0).named("numbers"))
        });
        started.unwrap()
    };
    let (mut first, probe) = start(t(0));
    first.advance(before).unwrap();
    first.stop().unwrap();
    let mut shown = probe.timed();
    let (mut second, probe) = start(Time::from_millis(7_500));
    second.jump(1).unwrap();
    second.advance(1).unwrap();
    second.stop().unwrap();
    shown.extend(probe.timed());
    shown
}

///
#[test]
fn what_came_before_a_pause_is_in_the_window_that_ended_in_it() {
    for before in 3..=6 {
        let shown = shown_around_a_pause(before, |numbers| numbers.window(seconds(3), seconds(3)).probe());
        let all: Vec<u64> = shown.into_iter().filter_map(|(_, window)| window).flatten().collect();
        assert_eq!(all, (0..all.len() as u64).collect::<Vec<_>>(), "down after {before} s");
        assert!(all.len() as u64 > before, "the last window is behind the pause: {all:?}");
    }
}

///
#[test]
fn a_window_with_an_inverse_has_after_a_pause_what_one_without_has() {
    for before in 1..=7 {
        let sum = |inverse: bool| {
            shown_around_a_pause(before, move |numbers| {
                let pairs = numbers.map(|n| ((), n + 1));
                match inverse {
                    true => pairs
                        .reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(6), seconds(3))
                        .probe(),
                    false => pairs.reduce_by_key_and_window(|a, b| a + b, seconds(6), seconds(3)).probe(),
                }
            })
        };
        assert_eq!(sum(true), sum(false), "down after {before} s");
    }
}
