//! Batches that were not committed are run again over the same records.

use crate::source::Numbers;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;
use waterwheel_runtime::durable::{MemoryStorage, Storage};

fn t(seconds: i64) -> Time {
    Time::from_millis(seconds * 1000)
}

///
#[test]
fn a_batch_whose_output_failed_reads_the_same_range_again_after_the_restart() {
    let storage = MemoryStorage::default();
    let (sender, outputs) = channel();
    let start = |begin: Time, failing: Option<Time>| {
        let (numbers, seen) = Numbers::new(3);
        let (sender, storage) = (sender.clone(), storage.clone());
        let started = TestRun::new().begin(begin).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(storage));
            ssc.replayable_stream(numbers).foreach_rdd_with_time(move |dataset, time| {
                let records = dataset.collect().map_err(|error| error.to_string())?;
                sender.send((time, records)).map_err(|error| error.to_string())?;
                if Some(time) == failing { Err("the disk is full".to_owned()) } else { Ok(()) }
            });
        });
        (started.unwrap().0, seen)
    };

    let (mut first, _) = start(t(0), Some(t(2)));
    first.advance(1).unwrap();
    assert!(first.advance(1).unwrap_err().to_string().contains("the disk is full"));
    assert_eq!(outputs.try_iter().collect::<Vec<_>>(), [(t(1), vec![0, 1, 2]), (t(2), vec![3, 4, 5])]);
    drop(first);

    let (mut second, seen) = start(t(2), None);
    let recovery = second.running().recovery().unwrap();
    assert_eq!((recovery.committed, recovery.pending, recovery.missed, recovery.first), (Some(t(1)), 1, 0, t(3)));
    second.advance(1).unwrap();
    assert_eq!(outputs.try_iter().collect::<Vec<_>>(), [(t(2), vec![3, 4, 5]), (t(3), vec![6, 7, 8])]);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.started_after, Some(Some((3, 6))), "behind what was decided last, done or not");
    assert_eq!((seen.decided.as_slice(), seen.read.as_slice()), (&[(6, 9)][..], &[(3, 6), (6, 9)][..]));
    second.stop().unwrap();
}

/// What was decided is given up once nothing can read it again, but for the last: the source goes on behind that.
#[test]
fn ranges_do_not_pile_up() {
    let storage = MemoryStorage::default();
    let (numbers, _) = Numbers::new(1);
    let theirs = storage.clone();
    let (mut test, ()) = TestRun::new()
        .start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            ssc.replayable_stream(numbers)
                .window(seconds(3), seconds(1))
                .foreach_rdd(|dataset| dataset.count().map(drop));
        })
        .unwrap();
    test.advance(20).unwrap();
    test.stop().unwrap();
    let mut rows = 0;
    storage
        .scan(&waterwheel_runtime::durable::Table::Offsets, &[], &mut |_, _| {
            rows += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(rows, 2, "those of the batches that the next window reads");
}

///
#[test]
fn batches_between_two_checkpoints_are_run_again_after_a_crash_and_not_after_a_graceful_stop() {
    for graceful in [false, true] {
        let storage = MemoryStorage::default();
        let runs = Arc::new(AtomicU64::new(0));
        let start = |begin: Time| {
            let (numbers, _) = Numbers::new(1);
            let (runs, storage) = (runs.clone(), storage.clone());
            let every = |mut config: Config| {
                config.checkpoint = config.checkpoint.with_interval(seconds(4));
                config
            };
            let (test, probe) = TestRun::new()
                .begin(begin)
                .configure(every)
                .start(move |ssc| {
                    ssc.checkpoint_to(Arc::new(storage));
                    let numbers = ssc.replayable_stream(numbers);
                    numbers.foreach_rdd(move |_| {
                        runs.fetch_add(1, Ordering::SeqCst);
                    });
                    numbers.probe()
                })
                .unwrap();
            (test, probe)
        };
        let (mut first, _) = start(t(0));
        first.advance(6).unwrap();
        match graceful {
            true => first.stop().unwrap(),
            false => drop(first),
        }
        let (mut second, probe) = start(t(6));
        let again = second.running().recovery().unwrap().pending;
        assert_eq!(again, if graceful { 0 } else { 2 }, "batches 5 and 6 come after the checkpoint of batch 4");
        second.advance(1).unwrap();
        let expected: &[&[u64]] = if graceful { &[&[6]] } else { &[&[4], &[5], &[6]] };
        assert_eq!(probe.datasets(), expected);
        second.stop().unwrap();
    }
}

#[test]
fn the_interval_of_checkpoints_has_to_be_a_multiple_of_that_of_batches() {
    let odd = |mut config: Config| {
        config.checkpoint = config.checkpoint.with_interval(milliseconds(1500));
        config
    };
    let error = TestRun::new().configure(odd).start(|ssc| ssc.replayable_stream(Numbers::new(1).0).print()).err();
    assert!(error.unwrap().to_string().contains("has to be a multiple of the batch interval"));
}

///
#[test]
fn another_interval_or_application_is_refused_and_changes_nothing() {
    let storage = MemoryStorage::default();
    let start = |run: TestRun| {
        let storage = storage.clone();
        run.start(move |ssc| {
            ssc.checkpoint_to(Arc::new(storage));
            ssc.replayable_stream(Numbers::new(1).0).probe()
        })
    };
    let (mut first, _) = start(TestRun::new()).unwrap();
    first.advance(2).unwrap();
    first.stop().unwrap();
    let refused = |run: TestRun| start(run).err().unwrap().to_string();
    let interval = refused(TestRun::new().interval(seconds(2)));
    assert!(interval.contains("batches of 1 sec") && interval.contains("batches of 2 sec"), "{interval}");
    let application = refused(TestRun::new().configure(|config| config.with_app_name("other")));
    assert!(application.contains("\"test\"") && application.contains("\"other\""), "{application}");
    let (mut again, numbers) = start(TestRun::new().begin(t(2))).unwrap();
    again.advance(1).unwrap();
    assert_eq!(numbers.datasets(), [[2]]);
    again.stop().unwrap();
}
