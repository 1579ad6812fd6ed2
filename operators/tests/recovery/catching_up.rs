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
