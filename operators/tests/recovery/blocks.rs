//! Received blocks survive the process: in the batch that they were allocated to, or in the first one after the restart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_operators::{DStream, StreamingContext};
use waterwheel_runtime::durable::{MemoryStorage, Storage, Table};
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

fn t(seconds: i64) -> Time {
    Time::from_millis(seconds * 1000)
}

/// Stores `chunks` and says so once all of them are in the ledger; then waits for the stop.
pub(crate) struct Once<T> {
    pub(crate) chunks: Arc<Mutex<Vec<Vec<T>>>>,
    pub(crate) stored: Arc<AtomicBool>,
}

impl<T: Record> Receiver for Once<T> {
    type Record = T;

    async fn run(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        let chunks = std::mem::take(&mut *self.chunks.lock().unwrap());
        for chunk in chunks {
            handle.store_reliably(chunk).await?;
        }
        self.stored.store(true, Ordering::SeqCst);
        handle.stopped().await;
        Ok(())
    }
}

fn received<'c>(
    ssc: &'c StreamingContext,
    name: &str,
    level: StorageLevel,
    chunks: &[&[u32]],
    stored: &Arc<AtomicBool>,
) -> DStream<'c, u32> {
    let chunks: Vec<Vec<u32>> = chunks.iter().map(|chunk| chunk.to_vec()).collect();
    let (chunks, stored) = (Arc::new(Mutex::new(chunks)), stored.clone());
    let made = move || Once { chunks: chunks.clone(), stored: stored.clone() };
    ssc.receiver_stream(name.to_owned(), level, made).named(name)
}

/// Every chunk is a block of its own, which is cut as soon as it is there: no clock has to be turned for that.
pub(crate) fn small_blocks(config: Config) -> Config {
    config.with_block_max_bytes(waterwheel_runtime::config::ByteSize(1))
}

/// Starts a program over one stream, which is given `chunks`, and waits until they are in the ledger.
fn start(storage: &MemoryStorage, begin: Time, chunks: &[&[u32]], failing: bool) -> (TestProgram, Probe<u32>) {
    let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
    let (flag, all_there) = (stored.clone(), stored.clone());
    let (test, probe) = TestRun::new()
        .begin(begin)
        .configure(small_blocks)
        .start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            let numbers = received(ssc, "numbers", StorageLevel::MemoryOnly, chunks, &flag);
            let probe = numbers.probe();
            numbers.foreach_rdd(move |_| {
                // Not before all is stored: a batch that is run again at once would end the run meanwhile.
                while failing && !all_there.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                if failing { Err("the disk is full") } else { Ok(()) }
            });
            probe
        })
        .unwrap();
    test.wait_until("the records to be in the ledger", || stored.load(Ordering::SeqCst)).unwrap();
    (test, probe)
}

///
#[test]
fn blocks_of_a_batch_that_was_not_committed_are_in_that_batch_again_and_others_in_the_next() {
    let storage = MemoryStorage::default();
    let (mut first, seen) = start(&storage, t(0), &[&[1, 2], &[3]], true);
    assert!(first.advance(1).is_err());
    assert_eq!(seen.datasets(), [[1, 2, 3]]);
    drop(first);
    // Received before the crash, and in no batch.
    let (second, _) = start(&storage, t(1), &[&[4, 5]], true);
    drop(second);
    let (mut third, seen) = start(&storage, t(1), &[&[6]], false);
    third.advance(1).unwrap();
    assert_eq!(seen.datasets(), [vec![1, 2, 3], vec![4, 5, 6]]);
    third.stop().unwrap();
    let mut rows = 0;
    storage
        .scan(&Table::Blocks, &[], &mut |_, _| {
            rows += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(rows, 0, "what is committed and read by nobody is given back");
}

///
#[test]
fn windows_over_received_blocks_reach_back_before_a_restart() {
    let storage = MemoryStorage::default();
    let run = |begin: i64, numbers: &[u32]| {
        let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
        let flag = stored.clone();
        let (mut test, probe) = TestRun::new()
            .begin(t(begin))
            .configure(small_blocks)
            .start(move |ssc| {
                ssc.checkpoint_to(Arc::new(theirs));
                received(ssc, "numbers", StorageLevel::MemoryAndDiskSer, &[numbers], &flag)
                    .window(seconds(3), seconds(1))
                    .probe()
            })
            .unwrap();
        test.wait_until("the records to be in the ledger", || stored.load(Ordering::SeqCst)).unwrap();
        test.advance(1).unwrap();
        drop(test);
        probe.datasets()
    };
    assert_eq!(run(0, &[1]), [[1]]);
    assert_eq!(run(1, &[2]), [[1, 2]]);
    assert_eq!(run(2, &[3]), [[1, 2, 3]]);
    assert_eq!(run(3, &[4]), [[2, 3, 4]]);
}

///
#[test]
fn streams_are_known_by_their_names_and_one_that_is_gone_may_leave_nothing_unprocessed() {
    let storage = MemoryStorage::default();
    let start = |names: &'static [&'static str], chunk: &'static [u32], accept: bool| {
        let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
        let flag = stored.clone();
        let configure = move |mut config: Config| {
            config.checkpoint = config.checkpoint.with_accept_loss(accept);
            small_blocks(config)
        };
        let started = TestRun::new().begin(t(0)).configure(configure).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            let streams = names.iter().map(|name| {
                let chunks: &[&[u32]] = if *name == "a" { &[chunk] } else { &[] };
                let stored = if *name == "a" { flag.clone() } else { Arc::default() };
                received(ssc, name, StorageLevel::MemoryOnly, chunks, &stored).probe()
            });
            streams.collect::<Vec<_>>()
        });
        started.map(|(test, probes)| {
            if names.contains(&"a") {
                test.wait_until("the records to be in the ledger", || stored.load(Ordering::SeqCst)).unwrap();
            }
            (test, probes)
        })
    };
    drop(start(&["a", "b"], &[1, 2], false).unwrap());
    let refused = start(&["b"], &[], false).err().unwrap().to_string();
    assert!(refused.contains("\"a\"") && refused.contains("2 records"), "{refused}");
    // In another place, beside another stream.
    let (mut test, probes) = start(&["c", "a"], &[3], false).unwrap();
    test.advance(1).unwrap();
    let seen: Vec<_> = probes.iter().map(Probe::datasets).collect();
    assert_eq!(seen, [vec![vec![]], vec![vec![1, 2, 3]]]);
    drop(test);
}

/// P-1: each run that ends before its backlog is processed would add one more allowance to the log otherwise.
#[test]
fn what_an_earlier_run_left_counts_against_the_allowance_until_its_batch_is_done() {
    let storage = MemoryStorage::default();
    let run = |numbers: &'static [u32]| {
        let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
        let flag = stored.clone();
        let configure = |mut config: Config| {
            config.receiver = config.receiver.with_max_pending(waterwheel_runtime::config::ByteSize(1));
            small_blocks(config)
        };
        let started = TestRun::new().begin(t(0)).configure(configure).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            received(ssc, "numbers", StorageLevel::MemoryOnly, &[numbers], &flag).probe()
        });
        let (test, probe) = started.unwrap();
        (test, probe, stored)
    };
    let stored = |test: &TestProgram, stored: &AtomicBool| {
        test.wait_until("the records to be in the ledger", || stored.load(Ordering::SeqCst)).unwrap();
    };
    let (first, _, flag) = run(&[1, 2]);
    stored(&first, &flag);
    drop(first);
    let (mut second, probe, flag) = run(&[3]);
    // A single store takes the whole allowance, and so does what waits here.
    second.advance(1).unwrap();
    stored(&second, &flag);
    second.advance(1).unwrap();
    assert_eq!(probe.datasets(), [vec![1, 2], vec![3]]);
    second.stop().unwrap();
}

/// `receiver.block_log = false`
#[test]
fn without_the_log_what_was_received_and_not_committed_is_gone_and_the_rest_goes_on() {
    let storage = MemoryStorage::default();
    let run = |begin: i64, numbers: &'static [u32], fails: bool| {
        let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
        let flag = stored.clone();
        let configure = |mut config: Config| {
            config.receiver = config.receiver.with_block_log(false);
            small_blocks(config)
        };
        let (mut test, probe) = TestRun::new()
            .begin(t(begin))
            .configure(configure)
            .start(move |ssc| {
                ssc.checkpoint_to(Arc::new(theirs));
                let numbers = received(ssc, "numbers", StorageLevel::MemoryOnly, &[numbers], &flag);
                numbers.foreach_rdd(move |_| if fails { Err("no") } else { Ok(()) });
                let count = |new: &[u64], count: Option<u64>| Some(count.unwrap_or(0) + new.len() as u64);
                numbers.map(|n| ((), u64::from(n))).update_state_by_key_with(count, 1).named("count").probe()
            })
            .unwrap();
        test.wait_until("the records to be in the ledger", || stored.load(Ordering::SeqCst)).unwrap();
        let _ = test.advance(1);
        drop(test);
        probe.datasets().pop()
    };
    assert_eq!(run(0, &[1, 2], false), Some(vec![((), 2)]));
    run(1, &[3], true);
    assert_eq!(run(2, &[4], false), Some(vec![((), 3)]), "the 3 is lost, as a warning says; the state is not");
}

/// `receiver.block_log = false` after a run with it: what that run kept is read.
#[test]
fn what_was_logged_is_read_by_a_run_that_logs_no_more() {
    let storage = MemoryStorage::default();
    let (first, _) = start(&storage, t(0), &[&[1, 2]], false);
    drop(first);
    let (theirs, configure) = (storage.clone(), |mut config: Config| {
        config.receiver = config.receiver.with_block_log(false);
        small_blocks(config)
    });
    let (mut second, probe) = TestRun::new()
        .begin(t(0))
        .configure(configure)
        .start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            received(ssc, "numbers", StorageLevel::MemoryOnly, &[], &Arc::default()).probe()
        })
        .unwrap();
    second.advance(1).unwrap();
    assert_eq!(probe.datasets(), [[1, 2]]);
    second.stop().unwrap();
}

/// A batch takes one record of the stream, and the others lie in files: in those of the log, too.
/// P-9
#[test]
fn records_that_were_spilled_come_after_a_restart_in_order() {
    let storage = MemoryStorage::default();
    let start = |begin: Time, chunks: Vec<Vec<u32>>| {
        let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
        let flag = stored.clone();
        let one_a_second = |config: Config| {
            let receiver = config.receiver.clone().with_max_rate(1);
            small_blocks(config).with_receiver(receiver)
        };
        let (test, probe) = TestRun::new()
            .begin(begin)
            .configure(one_a_second)
            .start(move |ssc| {
                ssc.checkpoint_to(Arc::new(theirs));
                let chunks = Arc::new(Mutex::new(chunks));
                let made = move || Once { chunks: chunks.clone(), stored: flag.clone() };
                let options = ReceiverOptions::new().overload(Overload::Spill);
                ssc.receiver_stream("numbers", options, made).named("numbers").probe()
            })
            .unwrap();
        test.wait_until("the records to be in the ledger", || stored.load(Ordering::SeqCst)).unwrap();
        (test, probe)
    };
    let (mut first, seen) = start(t(0), vec![vec![1], vec![2], vec![3], vec![4]]);
    first.advance(2).unwrap();
    assert_eq!(seen.datasets(), [[1], [2]]);
    drop(first);
    let (mut second, seen) = start(t(2), vec![vec![5]]);
    second.advance(2).unwrap();
    assert_eq!(seen.take(), [Some(vec![3]), Some(vec![4])]);
    second.advance(1).unwrap();
    assert_eq!(seen.take(), [Some(vec![5])]);
    second.stop().unwrap();
}
