//! What streams left is read as what it was written as, or not at all.

use crate::blocks::{Once, small_blocks};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_operators::{BatchInputs, Error, ReplayableStream};
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::error::JobError;

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
