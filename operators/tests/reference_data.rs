//! Joins with a `Dataset` that changes while the stream runs: every batch sees one version.

use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Scripted, TestRun, run};

/// Real time after which a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every key has this value in the given version.
fn keys(version: u64) -> Vec<(u32, u64)> {
    (0..100).map(|key| (key, version)).collect()
}

#[test]
fn a_swap_between_batches_is_seen_by_the_next_batch() {
    let data = Dataset::new([("USD", 1)]);
    let swapping = data.clone();
    let batches = [vec![("USD", 'a')], vec![("USD", 'b')], vec![("EUR", 'c'), ("USD", 'd')]];
    let joined = run(batches, |orders| {
        let orders = orders.transform_with_time(move |orders, time| {
            // The driver side, after the batch before is done: the batch of this time has not looked yet.
            match time.millis() {
                2000 => assert_eq!(swapping.replace([("USD", 2)]), 2),
                3000 => assert_eq!(swapping.update([("EUR", 3)]), 3),
                _ => {}
            }
            orders
        });
        orders.left_outer_broadcast_join(&data)
    });
    let expected = [
        vec![("USD", ('a', Some(1)))],
        vec![("USD", ('b', Some(2)))],
        vec![("EUR", ('c', Some(3))), ("USD", ('d', Some(2)))],
    ];
    assert_eq!(joined.unwrap(), expected);
}

/// V-2
#[test]
fn a_batch_that_runs_goes_on_with_its_version_in_all_its_joins() {
    let data = Dataset::new(keys(1));
    let (at_work, wait_for_work) = sync_channel(1);
    let (go_on, wait_for_swap) = channel::<()>();
    let wait_for_swap = Mutex::new(wait_for_swap);
    let clock = ManualClock::new(Time::ZERO);
    let config = Config::local("test").with_cores(2).with_handle_signals(false);
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
    let numbers = ssc.input_stream(Scripted::new((0..2).map(|_| (0..100u32).map(|n| (n, ())).collect::<Vec<_>>())));
    let slow = numbers.map(move |pair| {
        if pair.0 == 0 {
            let _ = at_work.try_send(());
            let _ = wait_for_swap.lock().unwrap().recv_timeout(PATIENCE);
        }
        pair
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let first = slow.broadcast_join(&data);
    let second = numbers.left_outer_broadcast_join(&data).map_values(|((), version)| ((), version.unwrap()));
    let (theirs, asked) = (seen.clone(), data.clone());
    first.union(&second).foreach_rdd(move |joined| -> Result<(), JobError> {
        // The data is swapped while this first job runs.
        assert_eq!(joined.count()?, 200);
        let joined = joined.map(|(key, ((), version))| (key, version)).broadcast_join(&asked);
        let mut versions: Vec<(u64, u64)> = joined.values().collect()?;
        versions.dedup();
        theirs.lock().unwrap().push(versions);
        Ok(())
    });
    let running = ssc.start().unwrap();
    clock.advance(seconds(1));
    // The first batch is in the middle of its first job.
    wait_for_work.recv_timeout(PATIENCE).unwrap();
    assert_eq!(data.replace(keys(2)), 2);
    drop(go_on);
    assert!(running.wait_for_batches(1, PATIENCE));
    clock.advance(seconds(1));
    assert!(running.wait_for_batches(2, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(*seen.lock().unwrap(), [[(1, 1)], [(2, 2)]]);
}

/// V-2
#[test]
fn threads_that_swap_all_the_time_never_show_a_batch_two_versions() {
    let data = Dataset::new(keys(1));
    let (swapping, started) = (data.clone(), Arc::new(Barrier::new(2)));
    let (stop, stopped) = channel::<()>();
    let theirs = started.clone();
    let swapper = std::thread::spawn(move || {
        theirs.wait();
        let mut version = 1;
        while stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            version = swapping.replace(keys(version + 1));
        }
        version
    });
    let batches = vec![keys(0); 50];
    let seen = TestRun::new().partitions(4).run(batches, |pairs| {
        started.wait();
        let again = pairs.broadcast_join(&data).map_values(|(_, version)| version);
        let twice = pairs.left_outer_broadcast_join(&data).map_values(|(_, version)| version.unwrap_or(0));
        again.union(&twice).map(|(_, version)| version)
    });
    drop(stop);
    let last = swapper.join().unwrap();
    assert_eq!(data.version(), last);
    let seen = seen.unwrap();
    assert_eq!(seen.len(), 50);
    let mut before = 1;
    for versions in seen {
        assert!(versions.iter().all(|version| *version == versions[0]), "{versions:?}");
        assert!(versions[0] >= before && versions[0] <= last);
        before = versions[0];
    }
}

#[test]
fn a_failed_output_that_is_run_again_sees_the_version_of_its_batch() {
    let data = Dataset::new([((), 1)]);
    let swapping = data.clone();
    let policy = FailurePolicy::Retry { attempts: 1, delay: Duration::ZERO };
    let failed = Arc::new(Mutex::new(false));
    let once = TestRun::new().configure(|config| config.with_failure_policy(policy).with_task_max_failures(1));
    let joined = once.run([vec![((), 'a')], vec![((), 'b')]], move |pairs| {
        pairs.broadcast_join(&data).map_values(move |(_, version)| {
            let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !std::mem::replace(&mut *failed, true) {
                swapping.replace([((), 2)]);
                drop(failed);
                panic!("boom");
            }
            version
        })
    });
    assert_eq!(joined.unwrap(), [[((), 1)], [((), 2)]]);
}

#[test]
fn versions_are_dropped_with_the_batches_that_use_them() {
    let value = Arc::new(1);
    let data = Dataset::new([((), value.clone())]);
    let swapping = data.clone();
    run([vec![((), ())], vec![((), ())], vec![]], move |pairs| {
        let swapped = pairs.transform_with_time(move |pairs, time| {
            if time.millis() == 2000 {
                swapping.replace([]);
            }
            pairs
        });
        swapped.broadcast_join(&data).map(|(_, (_, value))| *value)
    })
    .unwrap();
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn changes_keep_what_they_do_not_name() {
    let data = Dataset::new([("a", 1), ("b", 2), ("a", 3)]);
    let first = data.snapshot();
    let of = |key: &'static str| data.snapshot().get(&key).copied().collect::<Vec<i32>>();
    assert_eq!((of("a"), of("b"), of("c")), (vec![1, 3], vec![2], vec![]));
    data.update([("a", 4), ("c", 5), ("c", 6)]);
    assert_eq!((of("a"), of("b"), of("c")), (vec![4], vec![2], vec![5, 6]));
    data.remove(["b", "d"]);
    assert_eq!((of("a"), of("b"), of("c")), (vec![4], vec![], vec![5, 6]));
    assert_eq!(format!("{data:?}"), "Dataset of 2 keys, version 3");
    assert_eq!((first.version(), first.keys(), first.get(&"a").count()), (1, 2, 2));
}

#[test]
fn what_is_put_in_may_come_from_an_iterator_that_changes_the_same_data() {
    let (done, wait) = channel();
    std::thread::spawn(move || {
        let data = Dataset::new([(1, 1)]);
        let meanwhile = data.clone();
        let pairs = (0..3).map(|n| {
            meanwhile.update([(9, n)]);
            (n, n)
        });
        let replaced = data.replace(pairs);
        let updated = data.update([(5, meanwhile.remove([0]))]);
        done.send((replaced, updated, data.snapshot().keys())).unwrap();
    });
    assert_eq!(wait.recv_timeout(PATIENCE), Ok((5, 7, 3)));
}
