//! What listeners are told of inputs: of receivers, and what a batch reads.

use crate::common::{INTERVAL, config, context, wait_until};
use crate::listening::{completed, events};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_operators::{BatchInputs, InputStream, ReplayableStream};
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Spark: receiver info reporting, with its texts. An error that does not end the receiver leaves it active.
#[test]
fn a_receiver_tells_its_start_an_error_that_does_not_end_it_and_its_stop_once_each() {
    let (ssc, _clock) = context(config());
    let seen = events(&ssc);
    ssc.receiver_stream("reporting", StorageLevel::MemoryOnly, || Reporting).foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    wait_until(&running, "the error", || running.receivers()[0].last_error.is_some());
    let receiver = running.receivers().remove(0);
    assert!(receiver.is_active() && receiver.restarts() == 0, "{receiver:?}");
    assert_eq!(receiver.last_error.unwrap().message, "report error: report exception");
    running.stop(Stop::Graceful).unwrap();
    wait_until(&running, "the stop", || matches!(seen.all().last(), Some(Event::ReceiverStopped { .. })));
    let told = seen.all().into_iter().filter_map(|event| match event {
        Event::ReceiverStarted { stream, name } => Some((stream.0, name, "started".to_owned())),
        Event::ReceiverError { stream, name, message } => Some((stream.0, name, message)),
        Event::ReceiverStopped { stream, name, error } => Some((stream.0, name, format!("stopped: {error:?}"))),
        _ => None,
    });
    let expected = ["started", "report error: report exception", "stopped: None"];
    let expected = expected.map(|what| (0, "reporting".to_owned(), what.to_owned()));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

/// A receiver that reports an error and goes on.
struct Reporting;

impl Receiver for Reporting {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        handle.report_error("report error: report exception");
        handle.stopped().await;
        Ok(())
    }
}

#[test]
fn errors_that_are_reported_faster_than_they_can_be_told_are_counted() {
    let (ssc, _clock) = context(config());
    let seen = events(&ssc);
    ssc.receiver_stream("hasty", StorageLevel::MemoryOnly, || Hasty).foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    wait_until(&running, "the errors", || running.receivers()[0].untold_errors > 0);
    let told = || seen.all().iter().filter(|event| matches!(event, Event::ReceiverError { .. })).count() as u64;
    wait_until(&running, "the others", || told() + running.receivers()[0].untold_errors == 1000);
    running.stop(Stop::Graceful).unwrap();
}

/// A receiver that reports a thousand errors at once.
struct Hasty;

impl Receiver for Hasty {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        (0..1000).for_each(|number| handle.report_error(number));
        handle.stopped().await;
        Ok(())
    }
}

/// Three numbers a batch, which says which ones.
struct Numbers {
    next: u64,
}

impl ReplayableStream<u64> for Numbers {
    type Range = (u64, u64);

    fn next(&mut self, _: Time) -> Result<(u64, u64), JobError> {
        self.next += 3;
        Ok((self.next - 3, self.next))
    }

    fn read(&mut self, range: &(u64, u64), inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        Ok(Some(inputs.scope.parallelize(range.0..range.1, 1)))
    }

    fn describe(&self, (from, to): &(u64, u64)) -> InputMetadata {
        InputMetadata::of([format!("numbers {from} to {to}")])
    }
}

/// A source that is asked batch by batch, and knows what it gave.
struct Letters {
    last: Option<char>,
}

impl InputStream<char> for Letters {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<char>>, JobError> {
        let letter = self.last.map_or('a', |last| char::from_u32(last as u32 + 1).unwrap());
        self.last = Some(letter);
        Ok(Some(inputs.scope.parallelize([letter], 1)))
    }

    fn describe(&self) -> InputMetadata {
        InputMetadata::of(self.last)
    }
}

/// Spark's `StreamInputInfo` with its metadata.
#[test]
fn a_batch_says_what_it_reads_of_the_sources_that_say_so() {
    let (ssc, clock) = context(config());
    let seen = events(&ssc);
    ssc.replayable_stream(Numbers { next: 0 }).foreach_rdd(|_| {});
    crate::common::numbers(&ssc).foreach_rdd(|_| {});
    ssc.input_stream(Letters { last: None }).foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    wait_until(&running, "the events", || completed(&seen).len() == 2);
    running.stop(Stop::Graceful).unwrap();
    let told = |info: BatchInfo| {
        let metadata = info.metadata.into_iter().map(|(stream, told)| (stream, told.description()));
        (metadata.collect::<Vec<_>>(), info.records[&StreamId(0)])
    };
    let told: Vec<_> = completed(&seen).into_iter().map(told).collect();
    let expected =
        |numbers: &str, letter: &str| (vec![(StreamId(0), numbers.to_owned()), (StreamId(2), letter.to_owned())], 3);
    assert_eq!(told, [expected("numbers 0 to 3", "a"), expected("numbers 3 to 6", "b")]);
}

/// A source that gives its letters once, and cannot say which.
struct Speechless(Letters);

impl InputStream<char> for Speechless {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<char>>, JobError> {
        self.0.compute(inputs)
    }

    fn describe(&self) -> InputMetadata {
        panic!("no words for {:?}", self.0.last)
    }
}

/// The records are taken by then.
#[test]
fn a_batch_whose_source_panics_as_it_describes_what_it_gave_has_its_records_all_the_same() {
    let (ssc, clock) = context(config());
    let (seen, letters) = (events(&ssc), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
    let theirs = letters.clone();
    let stream = ssc.input_stream(Speechless(Letters { last: None }));
    stream.foreach_rdd(move |rdd| theirs.lock().unwrap().extend(rdd.collect().unwrap()));
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    wait_until(&running, "the events", || completed(&seen).len() == 2);
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(*letters.lock().unwrap(), ['a', 'b']);
    assert!(completed(&seen).iter().all(|info| info.metadata.is_empty()));
}

/// What its sources have read is not asked of them again.
#[test]
fn a_batch_that_is_generated_again_says_what_it_reads_all_the_same() {
    let policy = FailurePolicy::Retry { attempts: 3, delay: Duration::ZERO };
    let (ssc, clock) = context(config().with_failure_policy(policy));
    let seen = events(&ssc);
    let attempts = AtomicU32::new(0);
    ssc.replayable_stream(Numbers { next: 0 })
        .transform(move |rdd| if attempts.fetch_add(1, Ordering::Relaxed) < 2 { Err("not yet") } else { Ok(rdd) })
        .foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the event", || completed(&seen).len() == 1);
    running.stop(Stop::Graceful).unwrap();
    let info = completed(&seen).remove(0);
    assert!(info.succeeded(), "{info:?}");
    assert_eq!((info.metadata[&StreamId(0)].description(), info.num_records()), ("numbers 0 to 3".to_owned(), 3));
}
