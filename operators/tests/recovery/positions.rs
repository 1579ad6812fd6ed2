//! Up to where a source has been stored survives with its records: a source that redelivers is asked for nothing twice.

use crate::blocks::small_blocks;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver as Inbox, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

const DEADLINE: Duration = Duration::from_secs(30);

fn t(seconds: i64) -> Time {
    Time::from_millis(seconds * 1000)
}

/// Stores what the source has behind the last position, and sends what that was: nothing is acknowledged, so that the source
/// offers everything from its beginning again and again.
struct Redelivered {
    source: Arc<Mutex<Vec<u32>>>,
    told: std::sync::mpsc::Sender<Option<u32>>,
}

impl Receiver for Redelivered {
    type Record = u32;

    async fn run(&mut self, handle: ReceiverHandle<u32>) -> Result<(), ReceiverError> {
        let last = handle.last_position::<u32>().await?;
        let offered = self.source.lock().unwrap().clone();
        let new: Vec<u32> = offered.into_iter().filter(|number| last.is_none_or(|last| *number > last)).collect();
        for chunk in new.chunks(2) {
            handle.store_reliably_at(chunk.to_vec(), &chunk[chunk.len() - 1]).await?;
        }
        self.told.send(last)?;
        handle.stopped().await;
        Ok(())
    }
}

/// The last position that each receiver was given.
type Positions = Vec<Inbox<Option<u32>>>;

/// Starts a program over sources by name, in this order, that offer the numbers up to `until`.
fn start(
    storage: &MemoryStorage,
    begin: Time,
    names: &[&str],
    until: u32,
    block_log: bool,
) -> (TestProgram, Vec<Probe<u32>>, Positions) {
    let theirs = storage.clone();
    let configure = move |mut config: Config| {
        config.receiver = config.receiver.with_block_log(block_log);
        small_blocks(config)
    };
    let started = TestRun::new().begin(begin).configure(configure).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(theirs));
        let streams = names.iter().map(|name| {
            let (told, positions) = channel();
            let source = Arc::new(Mutex::new((1..=until).collect()));
            let made = move || Redelivered { source: source.clone(), told: told.clone() };
            let stream = ssc.receiver_stream((*name).to_owned(), StorageLevel::MemoryOnly, made).named(name);
            (stream.probe(), positions)
        });
        streams.unzip::<_, _, Vec<_>, Vec<_>>()
    });
    let (test, (probes, positions)) = started.unwrap();
    (test, probes, positions)
}

fn told(positions: &[Inbox<Option<u32>>]) -> Vec<Option<u32>> {
    positions.iter().map(|inbox| inbox.recv_timeout(DEADLINE).unwrap()).collect()
}

/// Crashes before the batch, after it, and with the streams in another order.
/// I-26
#[test]
fn a_source_that_redelivers_everything_is_stored_once_over_any_number_of_restarts() {
    let storage = MemoryStorage::default();
    let (first, _, positions) = start(&storage, t(0), &["a", "b"], 5, true);
    assert_eq!(told(&positions), [None, None]);
    drop(first);
    let (mut second, probes, positions) = start(&storage, t(0), &["b", "a"], 7, true);
    assert_eq!(told(&positions), [Some(5), Some(5)]);
    second.advance(1).unwrap();
    assert_eq!(
        probes.iter().map(Probe::datasets).collect::<Vec<_>>(),
        [[vec![1, 2, 3, 4, 5, 6, 7]], [vec![1, 2, 3, 4, 5, 6, 7]]]
    );
    drop(second);
    // The blocks are forgotten; the positions are not.
    let (third, _, positions) = start(&storage, t(1), &["c", "a"], 7, true);
    assert_eq!(told(&positions), [None, Some(7)]);
    third.stop().unwrap();
    // A stream that was away for a while goes on where it was.
    let (mut fourth, probes, positions) = start(&storage, t(3), &["b"], 8, true);
    assert_eq!(told(&positions), [Some(7)]);
    fourth.advance(1).unwrap();
    assert_eq!(probes[0].datasets().concat(), [8]);
    fourth.stop().unwrap();
}

/// `receiver.block_log = false`: the records of a block do not survive the process, so neither does its position.
/// I-26
#[test]
fn without_the_block_log_no_position_survives_that_of_lost_records() {
    let storage = MemoryStorage::default();
    let (first, _, positions) = start(&storage, t(0), &["a"], 3, false);
    assert_eq!(told(&positions), [None]);
    drop(first);
    let (mut second, probes, positions) = start(&storage, t(0), &["a"], 3, false);
    assert_eq!(told(&positions), [None], "the source is asked for all of them again");
    second.advance(1).unwrap();
    assert_eq!(probes[0].datasets(), [[1, 2, 3]]);
    second.stop().unwrap();
}

/// Stores one record in each life, and fails.
struct Failing(Arc<AtomicU32>);

impl Receiver for Failing {
    type Record = u32;

    async fn run(&mut self, handle: ReceiverHandle<u32>) -> Result<(), ReceiverError> {
        let life = self.0.fetch_add(1, Ordering::SeqCst);
        handle.store(life).await?;
        Err(format!("failure {life}").into())
    }
}

/// F-20
#[test]
fn what_a_receiver_has_stored_before_it_was_given_up_is_processed_after_the_restart() {
    let storage = MemoryStorage::default();
    let theirs = storage.clone();
    let policy = SupervisorPolicy::for_receivers(Duration::ZERO).max_restarts(2, seconds(60));
    let lives = Arc::new(AtomicU32::new(0));
    let (test, _) = TestRun::new()
        .begin(t(0))
        .start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            let made = move || Failing(lives.clone());
            let options = ReceiverOptions::from(StorageLevel::MemoryOnly).policy(policy);
            ssc.receiver_stream("a", options, made).named("a").probe()
        })
        .unwrap();
    // Nothing was cut by time: the records were in the open block when the receiver was given up.
    let error = test.running().await_termination_or_timeout(DEADLINE).unwrap_err().to_string();
    assert!(error.contains("the first time: failure 0; the last time: failure 2"), "{error}");
    drop(test);
    let (mut second, probes, positions) = start(&storage, t(0), &["a"], 0, true);
    assert_eq!(told(&positions), [None]);
    second.advance(1).unwrap();
    assert_eq!(probes[0].datasets(), [[0, 1, 2]]);
    second.stop().unwrap();
}
