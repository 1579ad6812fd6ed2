//! What streams left is read as what it was written as, or not at all.

use crate::blocks::{Once, small_blocks};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_operators::{BatchInputs, Error, ReplayableStream};
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

/// Starts a program whose receiver stores `records`, and waits until they are in the ledger.
fn receiving<T: Record>(storage: &MemoryStorage, records: Vec<T>) -> Result<(TestProgram, Probe<T>), Error> {
    let (stored, theirs) = (Arc::new(AtomicBool::new(false)), storage.clone());
    let (flag, chunks) = (stored.clone(), Arc::new(Mutex::new(vec![records])));
    let started = TestRun::new().begin(Time::ZERO).configure(small_blocks).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(theirs));
        let made = move || Once { chunks: chunks.clone(), stored: flag.clone() };
        ssc.receiver_stream("numbers", StorageLevel::MemoryOnly, made).named("numbers").probe()
    })?;
    started.0.wait_until("the records to be in the ledger", || stored.load(Ordering::SeqCst))?;
    Ok(started)
}

///
///
/// The bytes of 1, 2, 3 as `u32` are those of -1, 1, -2 as `i32`.
#[test]
fn received_records_of_another_type_are_refused_by_the_streams_name_and_stay_as_they_were() {
    let storage = MemoryStorage::default();
    drop(receiving(&storage, vec![1_u32, 2, 3]).unwrap());
    let refused = receiving::<i32>(&storage, vec![]).err().unwrap().to_string();
    assert!(refused.contains("\"numbers\"") && refused.contains("u32 became i32"), "{refused}");

    let (mut again, probe) = receiving(&storage, vec![4_u32]).unwrap();
    again.advance(1).unwrap();
    assert_eq!(probe.datasets(), [[1, 2, 3, 4]]);
    again.stop().unwrap();

    // Nothing is left, so that the type may be another.
    let (other, _) = receiving(&storage, vec![-5_i32]).unwrap();
    drop(other);
    let refused = receiving::<u32>(&storage, vec![]).err().unwrap().to_string();
    assert!(refused.contains("i32 became u32"), "{refused}");
}

/// Reads nothing, in ranges of `R`.
struct Ranges<R>(R);

impl<R: Record> ReplayableStream<u64> for Ranges<R> {
    type Range = R;

    fn next(&mut self, _: Time) -> Result<R, JobError> {
        Ok(self.0.clone())
    }

    fn read(&mut self, _: &R, inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        Ok(Some(inputs.scope.parallelize([], 1)))
    }
}

///
#[test]
fn ranges_of_another_type_are_refused_by_the_sources_name() {
    let storage = MemoryStorage::default();
    let start = |begin: i64, program: &dyn Fn(&waterwheel_operators::StreamingContext) -> Probe<u64>| {
        let theirs = storage.clone();
        TestRun::new().begin(Time::from_millis(begin)).start(|ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            program(ssc)
        })
    };
    let unsigned = |ssc: &waterwheel_operators::StreamingContext| {
        ssc.replayable_stream(Ranges((1_u64, 2_u64))).named("log").probe()
    };
    let signed = |ssc: &waterwheel_operators::StreamingContext| {
        ssc.replayable_stream(Ranges((1_i64, 2_i64))).named("log").probe()
    };
    let other = |ssc: &waterwheel_operators::StreamingContext| {
        ssc.replayable_stream(Ranges((1_i64, 2_i64))).named("other").probe()
    };
    let (mut first, _) = start(0, &unsigned).unwrap();
    first.advance(1).unwrap();
    drop(first);
    let refused = start(1000, &signed).err().unwrap().to_string();
    assert!(refused.contains("\"log\"") && refused.contains("u64 became i64"), "{refused}");
    // Neither is it forgotten by a run that has no such source.
    drop(start(1000, &other).unwrap());
    assert!(start(1000, &signed).is_err());
    let (mut again, _) = start(1000, &unsigned).unwrap();
    again.advance(1).unwrap();
    again.stop().unwrap();
}

/// A source over numbers that fails where it is told to.
struct Unsteady {
    next: u64,
    asked: Arc<AtomicU64>,
    fails: Fails,
}

#[derive(Clone, Copy, PartialEq)]
enum Fails {
    Never,
    ToStart,
    ToDecide(Time),
}

impl ReplayableStream<u64> for Unsteady {
    type Range = (u64, u64);

    fn start(&mut self, _: Time, last: Option<(u64, u64)>) -> Result<(), JobError> {
        if self.fails == Fails::ToStart {
            return Err(failed("the log is out of reach"));
        }
        self.next = last.map_or(0, |(_, end)| end);
        Ok(())
    }

    fn next(&mut self, time: Time) -> Result<(u64, u64), JobError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails == Fails::ToDecide(time) {
            return Err(failed("the log does not answer"));
        }
        self.next += 3;
        Ok((self.next - 3, self.next))
    }

    fn read(&mut self, range: &(u64, u64), inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        Ok(Some(inputs.scope.parallelize(range.0..range.1, 1)))
    }
}

fn failed(message: &str) -> JobError {
    JobError::Failed { site: Site::here("test"), batch: None, message: message.to_owned() }
}

/// Starts a program over such a source, called `log`, or over one called otherwise.
fn unsteady(
    storage: &MemoryStorage,
    begin: Time,
    name: &str,
    fails: Fails,
) -> (TestProgram, Probe<u64>, Arc<AtomicU64>) {
    let (asked, theirs) = (Arc::new(AtomicU64::new(0)), storage.clone());
    let source = Unsteady { next: 0, asked: asked.clone(), fails };
    let started = TestRun::new().begin(begin).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(theirs));
        ssc.replayable_stream(source).named(name).probe()
    });
    let (test, probe) = started.unwrap();
    (test, probe, asked)
}

///
#[test]
fn a_source_that_cannot_start_is_not_asked_for_the_batch_that_an_earlier_run_left() {
    let (storage, second) = (MemoryStorage::default(), Time::from_millis(2000));
    let (mut test, _, _) = unsteady(&storage, Time::ZERO, "log", Fails::ToDecide(second));
    test.advance(1).unwrap();
    assert!(test.advance(1).unwrap_err().to_string().contains("does not answer"));
    drop(test);

    let (mut test, probe, asked) = unsteady(&storage, second, "log", Fails::ToStart);
    assert!(test.advance(1).unwrap_err().to_string().contains("out of reach"));
    // When its threads have ended, too.
    drop(test);
    assert_eq!((asked.load(Ordering::SeqCst), probe.datasets().len()), (0, 0));

    let (mut test, probe, _) = unsteady(&storage, second, "log", Fails::Never);
    test.advance(1).unwrap();
    assert_eq!(probe.datasets(), [[3, 4, 5], [6, 7, 8]]);
    test.stop().unwrap();
}

///
#[test]
fn a_source_that_is_gone_may_leave_no_batch_that_was_to_read_of_it() {
    let storage = MemoryStorage::default();
    let start = |begin: Time, name: &'static str, accepted: bool, failing: bool| {
        let (numbers, theirs) = (Unsteady { next: 0, asked: Arc::default(), fails: Fails::Never }, storage.clone());
        let configure = move |mut config: Config| {
            config.checkpoint = config.checkpoint.with_accept_loss(accepted);
            config
        };
        TestRun::new().begin(begin).configure(configure).start(move |ssc| {
            ssc.checkpoint_to(Arc::new(theirs));
            let fail = move |_: Rdd<u64>| if failing { Err("the disk is full".to_owned()) } else { Ok(()) };
            ssc.replayable_stream(numbers).named(name).foreach_rdd(fail);
        })
    };
    let (mut first, ()) = start(Time::ZERO, "log", false, true).unwrap();
    assert!(first.advance(1).is_err());
    drop(first);
    let refused = start(Time::from_millis(1000), "renamed", false, false).err().unwrap().to_string();
    assert!(refused.contains("\"log\"") && refused.contains("1 batches"), "{refused}");
    // With the loss accepted it goes on, and so does the source when it is back: behind what it was to read.
    let (mut second, ()) = start(Time::from_millis(1000), "renamed", true, false).unwrap();
    second.advance(1).unwrap();
    second.stop().unwrap();
    let (test, _, _) = unsteady(&storage, Time::from_millis(2000), "log", Fails::Never);
    drop(test);
}
