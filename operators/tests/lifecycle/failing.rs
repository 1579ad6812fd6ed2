//! What goes wrong in user code, and what becomes of the batch and the context.

use crate::common::{INTERVAL, PATIENCE, Seen, config, context, numbers, recorded, time, wait_until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Starts `ssc`, turns the clock by a batch and returns what ended it.
fn fault(ssc: StreamingContext, clock: &ManualClock) -> String {
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    running.await_termination_or_timeout(PATIENCE).expect_err("the fault ends the context").to_string()
}

/// The text of an error that was told for `operator` on `line` of this file.
#[track_caller]
fn assert_tells(error: &str, operator: &str, line: u32, message: &str) {
    let place = format!("{operator} at {}:{line}:", file!());
    assert!(error.contains(&place), "`{error}` does not name {place}");
    assert!(error.contains(message), "`{error}` does not say {message}");
    assert!(error.contains("batch 1000 ms"), "`{error}` does not name the batch");
}

/// F-1
#[test]
fn a_panic_in_a_task_reaches_await_termination_with_operator_line_partition_and_batch() {
    let (ssc, clock) = context(config());
    let line = line!() + 1;
    numbers(&ssc).map(|_| -> i64 { panic!("map task") }).print();
    let error = fault(ssc, &clock);
    assert_tells(&error, "map", line, "map task");
    assert!(error.contains("partition") && error.contains("attempt 4 of 4"), "{error}");
}

#[test]
fn a_panic_in_a_filter_names_the_filter() {
    let (ssc, clock) = context(config());
    let line = line!() + 1;
    numbers(&ssc).map(|n| n + 1).filter(|_| panic!("no filter")).print();
    assert_tells(&fault(ssc, &clock), "filter", line, "no filter");
}

#[test]
fn a_panic_in_a_reduction_names_the_reduction() {
    let (ssc, clock) = context(config());
    let line = line!() + 1;
    numbers(&ssc).flat_map(|n| [(1u8, n); 2]).reduce_by_key(|_, _| panic!("no sum")).print();
    assert_tells(&fault(ssc, &clock), "reduce_by_key", line, "no sum");
}

#[test]
fn a_panic_and_an_error_of_transform_reach_await_termination() {
    for panics in [true, false] {
        let (ssc, clock) = context(config());
        let line = line!() + 1;
        let failing = numbers(&ssc).transform(move |dataset| match panics {
            true => panic!("no dataset"),
            false => Err::<Rdd<i64>, _>(format!("no dataset of {}", dataset.num_partitions())),
        });
        failing.print();
        assert_tells(&fault(ssc, &clock), "transform", line, "no dataset");
    }
}

#[test]
fn a_panic_and_an_error_of_an_output_reach_await_termination() {
    for panics in [true, false] {
        let (ssc, clock) = context(config());
        let line = line!() + 1;
        numbers(&ssc).foreach_rdd(move |_| if panics { panic!("disk full") } else { Err("disk full") });
        assert_tells(&fault(ssc, &clock), "foreach_rdd", line, "disk full");
    }
}

#[test]
fn a_failing_action_that_an_output_passes_on_is_told_as_it_is() {
    let (ssc, clock) = context(config());
    let line = line!() + 1;
    numbers(&ssc).map(|_| -> i64 { panic!("map task") }).foreach_rdd(|dataset| dataset.count().map(drop));
    assert_tells(&fault(ssc, &clock), "map", line, "map task");
}

#[test]
fn a_failing_input_names_its_line() {
    struct Broken;
    impl InputStream<i64> for Broken {
        fn compute(&mut self, _: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
            panic!("the source is dry")
        }
    }
    let (ssc, clock) = context(config());
    let line = line!() + 1;
    ssc.input_stream(Broken).print();
    assert_tells(&fault(ssc, &clock), "input_stream", line, "the source is dry");
}

#[test]
fn an_input_that_panics_while_it_starts_fails_the_start() {
    struct Broken;
    impl InputStream<i64> for Broken {
        fn start(&mut self, _: Time) {
            panic!("no such source")
        }
        fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
            Ok(Some(inputs.scope.empty_rdd()))
        }
    }
    let (ssc, _clock) = context(config());
    let line = line!() + 1;
    ssc.input_stream(Broken).print();
    let outcome = ssc.start().and_then(|running| running.await_termination_or_timeout(PATIENCE).map(drop));
    let error = outcome.unwrap_err().to_string();
    assert!(
        error.contains("no such source") && error.contains(&format!("input_stream at {}:{line}:", file!())),
        "{error}"
    );
}

#[test]
fn an_input_may_compute_while_it_starts() {
    struct Eager(Engine, Sender<u64>);
    impl InputStream<i64> for Eager {
        fn start(&mut self, _: Time) {
            self.1.send(self.0.parallelize([1, 2, 3], 2).count().unwrap()).unwrap();
        }
        fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
            Ok(Some(inputs.scope.empty_rdd()))
        }
    }
    let (ssc, clock) = context(config());
    let (counted, counts) = channel();
    ssc.input_stream(Eager(ssc.engine().clone(), counted)).foreach_rdd(|rdd| rdd.count().map(drop));
    let running = ssc.start().unwrap();
    assert_eq!(counts.recv_timeout(PATIENCE), Ok(3));
    clock.advance(INTERVAL);
    assert!(running.wait_for_batches(1, PATIENCE), "{running:?}");
    running.stop(Stop::Immediate).unwrap();
}

/// F-3
#[test]
fn the_first_fault_is_kept_and_told_to_everyone() {
    let (ssc, clock) = context(config());
    numbers(&ssc).foreach_rdd(|_| Err("the first"));
    numbers(&ssc).foreach_rdd(|_| Err("the second"));
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    let error = running.await_termination().unwrap_err().to_string();
    assert!(error.contains("the first"), "{error}");
    assert_eq!(running.await_termination().unwrap_err().to_string(), error);
    assert_eq!(running.stop(Stop::Immediate).unwrap_err().to_string(), error);
    assert_eq!((running.state(), running.batches_completed()), (ContextState::Stopped, 0));
}

#[test]
fn skip_runs_the_other_outputs_and_later_batches_and_tells_why_each_failed() {
    let (ssc, clock) = context(config().with_failure_policy(FailurePolicy::Skip));
    numbers(&ssc).foreach_rdd_with_time(|_, at| if at == time(1) { Err("This is a failed job") } else { Ok(()) });
    let seen = recorded(&ssc);
    let completed = Seen::default();
    let notes = completed.clone();
    ssc.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            notes.note(info.clone());
        }
    });
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    assert!(running.wait_for_batches(2, PATIENCE));
    wait_until(&running, "the events", || completed.all().len() == 2);
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(seen.all(), [1, 2]);
    let infos = completed.all();
    assert_eq!(infos.iter().map(BatchInfo::succeeded).collect::<Vec<_>>(), [false, true]);
    let failures: Vec<_> = infos[0].outputs.values().map(|output| output.failure.clone().unwrap_or_default()).collect();
    assert!(failures[0].contains("This is a failed job") && failures[1].is_empty(), "{failures:?}");
}

#[test]
fn skip_gives_up_a_batch_that_could_not_be_generated_and_makes_the_next() {
    let (ssc, clock) = context(config().with_failure_policy(FailurePolicy::Skip));
    let seen = Seen::default();
    let notes = seen.clone();
    let odd =
        numbers(&ssc).transform_with_time(|dataset, at| if at == time(2) { Err("not this one") } else { Ok(dataset) });
    odd.foreach_rdd_with_time(move |_, at| notes.note(at));
    let running = ssc.start().unwrap();
    clock.advance(3 * INTERVAL);
    assert!(running.wait_for_batches(3, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(seen.all(), [time(1), time(3)]);
}

/// F-5
#[test]
fn retry_runs_only_the_failed_output_again_after_its_delay() {
    let retry = FailurePolicy::Retry { attempts: 2, delay: INTERVAL / 4 };
    let (ssc, clock) = context(config().with_failure_policy(retry));
    let seen = recorded(&ssc);
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    numbers(&ssc)
        .foreach_rdd(move |_| if counted.fetch_add(1, Ordering::SeqCst) < 2 { Err("not yet") } else { Ok(()) });
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    for tried in 1..=2u32 {
        // The next tick and the retry are waited for.
        wait_until(&running, "the retry's delay", || tries.load(Ordering::SeqCst) == tried && clock.waiting() == 2);
        assert_eq!(running.batches_completed(), 0);
        clock.advance(INTERVAL / 4);
    }
    assert!(running.wait_for_batches(1, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!((seen.all(), tries.load(Ordering::SeqCst)), (vec![1], 3), "what succeeded is not run again");
}

/// Stores the numbers 1, 2 and 3, says so, and waits to be stopped.
struct Three(Sender<()>);

impl Receiver for Three {
    type Record = i64;

    async fn run(&mut self, handle: ReceiverHandle<i64>) -> Result<(), ReceiverError> {
        handle.store_many(vec![1, 2, 3]).await?;
        self.0.send(())?;
        handle.stopped().await;
        Ok(())
    }
}

#[test]
fn retry_of_a_batch_that_could_not_be_generated_finds_its_blocks_again_and_is_told_as_a_success() {
    let retry = FailurePolicy::Retry { attempts: 1, delay: Duration::ZERO };
    let (ssc, clock) = context(config().with_failure_policy(retry));
    let tries = AtomicU32::new(0);
    // Fails before the stream of the receiver has been asked for its dataset.
    let shaky = numbers(&ssc).transform(move |dataset| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Err("not yet"),
        _ => Ok(dataset),
    });
    shaky.foreach_rdd(|_| ());
    let (seen, completed) = (Seen::default(), Seen::default());
    let (notes, told) = (seen.clone(), completed.clone());
    let (stored, all_stored) = channel();
    let received = ssc.receiver_stream("three", StorageLevel::MemoryAndDisk, move || Three(stored.clone()));
    received.foreach_rdd(move |dataset| dataset.collect().map(|records| notes.note(records)));
    ssc.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            told.note((info.num_records(), info.succeeded()));
        }
    });
    let running = ssc.start().unwrap();
    all_stored.recv_timeout(PATIENCE).unwrap();
    clock.advance(INTERVAL);
    assert!(running.wait_for_batches(1, PATIENCE));
    clock.advance(INTERVAL);
    assert!(running.wait_for_batches(2, PATIENCE));
    wait_until(&running, "the events", || completed.all().len() == 2);
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(seen.all().concat(), [1, 2, 3]);
    assert!(completed.all().iter().all(|(_, succeeded)| *succeeded), "{:?}", completed.all());
}

#[test]
fn retry_that_is_used_up_ends_the_context_with_the_last_fault() {
    let retry = FailurePolicy::Retry { attempts: 1, delay: Duration::ZERO };
    let (ssc, clock) = context(config().with_failure_policy(retry));
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    numbers(&ssc).foreach_rdd(move |_| Err::<(), _>(format!("try {}", counted.fetch_add(1, Ordering::SeqCst))));
    let error = fault(ssc, &clock);
    assert!(error.contains("try 1"), "{error}");
}

/// F-2
#[test]
fn a_task_that_fails_less_often_than_allowed_does_no_harm() {
    let (ssc, clock) = context(config().with_task_max_failures(3));
    let (tries, seen) = (Arc::new(AtomicU32::new(0)), Seen::default());
    let notes = seen.clone();
    let shaky = numbers(&ssc).map(move |n| if tries.fetch_add(1, Ordering::SeqCst) < 2 { panic!("shaky") } else { n });
    shaky.foreach_rdd(move |dataset| dataset.collect().map(|records| notes.note(records)));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    assert!(running.wait_for_batches(1, PATIENCE));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(seen.all(), [[1]]);
}

/// A source that panics in one batch and has the number of the batch in the others.
struct Failing {
    batch: i64,
    fails: i64,
}

impl InputStream<i64> for Failing {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
        self.batch += 1;
        assert_ne!(self.batch, self.fails, "no reading today");
        Ok(Some(inputs.scope.parallelize([self.batch], 1)))
    }
}

#[test]
fn a_source_that_fails_takes_nothing_of_another_source_out_of_later_windows() {
    let (ssc, clock) = context(config().with_failure_policy(FailurePolicy::Skip));
    let failing = ssc.input_stream(Failing { batch: 0, fails: 2 });
    let windows = Seen::default();
    let theirs = windows.clone();
    numbers(&ssc)
        .window(3 * INTERVAL, INTERVAL)
        .foreach_rdd(move |window| window.collect().map(|all| theirs.note(all)));
    failing.foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    clock.advance(4 * INTERVAL);
    assert!(running.wait_for_batches(4, PATIENCE));
    assert_eq!(
        windows.all(),
        [vec![1], vec![1, 2, 3], vec![2, 3, 4]],
        "the second batch is skipped, its records are not"
    );
}

#[test]
fn a_batch_that_is_generated_again_is_told_with_the_records_of_every_source() {
    let (ssc, clock) =
        context(config().with_failure_policy(FailurePolicy::Retry { attempts: 1, delay: Duration::ZERO }));
    let told = Seen::default();
    let theirs = told.clone();
    ssc.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            theirs.note(info.num_records());
        }
    });
    numbers(&ssc).foreach_rdd(|_| {});
    ssc.input_stream(Failing { batch: 0, fails: 2 }).foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    for batch in 1..=3 {
        clock.advance(INTERVAL);
        assert!(running.wait_for_batches(batch, PATIENCE));
    }
    running.stop(Stop::Graceful).unwrap();
    wait_until(&running, "three batches to be told", || told.all().len() == 3);
    assert_eq!(told.all(), [2, 2, 2]);
}
