//! The test kit: what it shows of a program, and what it does not let pass.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Held, Probe, TestInput, TestProgram, TestRun, TestRunError, assert_same_batches};

type Outcome = Result<(), Error>;

/// Real time after which a test gives up that waits in vain on purpose.
const SOON: Duration = Duration::from_millis(50);

/// The numbers that the test pushes, as they are.
fn numbers(run: &TestRun) -> Result<(TestProgram, TestInput<i64>, Probe<i64>), Error> {
    let numbers = TestInput::new();
    let (test, probe) = run.start(|ssc| numbers.stream(ssc).probe())?;
    Ok((test, numbers, probe))
}

/// An input without records that tells when it is stopped.
struct Silent(Sender<&'static str>);

impl InputStream<i64> for Silent {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
        Ok(Some(inputs.scope.empty_rdd()))
    }

    fn stop(&mut self) {
        let _ = self.0.send("stopped");
    }
}

/// An output that does not end before the sender is dropped, and what it and its input tell.
fn blocked(ssc: &StreamingContext) -> (Sender<()>, Receiver<&'static str>) {
    let ((leave, gate), (told, hears)) = (channel::<()>(), channel());
    let (gate, input) = (Mutex::new(gate), told.clone());
    ssc.input_stream(Silent(input)).foreach_rdd(move |_| {
        let _ = told.send("begun");
        let _ = gate.lock().unwrap().recv();
    });
    (leave, hears)
}

#[track_caller]
fn test_run_error(error: Error) -> TestRunError {
    match error {
        Error::TestRun(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn every_push_is_a_batch_and_the_others_are_empty() -> Outcome {
    let (mut test, numbers, probe) = numbers(&TestRun::new())?;
    numbers.push([1, 2]);
    numbers.push([3]);
    test.advance(1)?;
    assert_eq!((probe.take(), numbers.pending()), (vec![Some(vec![1, 2])], 1));
    test.advance(2)?;
    assert_eq!(probe.take(), [Some(vec![3]), Some(vec![])]);
    numbers.push([4]);
    test.advance(1)?;
    assert_eq!(probe.datasets(), [vec![1, 2], vec![3], vec![], vec![4]]);
    test.stop()
}

#[test]
fn batches_of_an_input_have_the_partitions_that_were_asked_for() -> Outcome {
    let numbers = TestInput::new().partitions(3);
    let (mut test, slices) = TestRun::new().start(|ssc| numbers.stream(ssc).glom().probe())?;
    numbers.push(1..=6);
    test.advance(1)?;
    assert_eq!(slices.datasets(), [[[1, 2], [3, 4], [5, 6]]]);
    test.stop()
}

#[test]
fn a_probe_tells_no_dataset_from_an_empty_one_and_knows_the_times() -> Outcome {
    let (mut test, numbers, probe) = numbers(&TestRun::new().interval(seconds(5)))?;
    numbers.push_none();
    numbers.push([]);
    numbers.push([7]);
    test.advance(3)?;
    let expected = [(5000, None), (10_000, Some(vec![])), (15_000, Some(vec![7]))];
    assert_eq!(probe.timed(), expected.map(|(time, records)| (Time::from_millis(time), records)));
    assert_eq!(probe.timed()[2].0, test.batch_time(3));
    test.stop()
}

#[test]
fn any_number_of_probes_of_any_type_watch_one_program() -> Outcome {
    let words = TestInput::new();
    let (mut test, (all, lengths, counts)) = TestRun::new().start(|ssc| {
        let words = words.stream(ssc);
        let lengths = words.map(str::len);
        (words.probe(), lengths.probe(), lengths.count_by_value().probe())
    })?;
    words.push(["to", "be", "or"]);
    words.push(["not"]);
    test.advance(2)?;
    assert_eq!(all.datasets(), [vec!["to", "be", "or"], vec!["not"]]);
    assert_eq!(lengths.datasets(), [vec![2, 2, 2], vec![3]]);
    assert_same_batches(counts.batches(), [vec![(2, 3)], vec![(3, 1)]]);
    test.stop()
}

#[test]
fn a_batch_that_is_tried_again_is_recorded_once() -> Outcome {
    let retry = FailurePolicy::Retry { attempts: 2, delay: Duration::ZERO };
    let (numbers, fails) = (TestInput::new(), Arc::new(Mutex::new(2)));
    let run = TestRun::new().configure(|config| config.with_failure_policy(retry));
    let (mut test, probe) = run.start(|ssc| {
        let failing = numbers.stream(ssc).transform(move |dataset| {
            let mut fails = fails.lock().unwrap();
            *fails -= 1;
            if *fails >= 0 { Err("not yet") } else { Ok(dataset) }
        });
        failing.probe()
    })?;
    numbers.push([1]);
    test.advance(1)?;
    assert_eq!(probe.datasets(), [[1]]);
    test.stop()
}

#[test]
fn a_jump_leaves_the_program_behind_and_waits_until_it_has_caught_up() -> Outcome {
    let (mut test, numbers, probe) = numbers(&TestRun::new())?;
    (1..=20).for_each(|n| numbers.push([n]));
    test.jump(20)?;
    assert_eq!(probe.datasets(), (1..=20).map(|n| vec![n]).collect::<Vec<_>>());
    test.stop()
}

#[test]
fn batches_are_on_the_grid_wherever_the_test_has_turned_the_clock_to() -> Outcome {
    let (mut test, _, probe) = numbers(&TestRun::new().begin(Time::from_millis(10_300)))?;
    test.advance(1)?;
    test.clock().advance(Duration::from_millis(1_999));
    test.advance(1)?;
    let times: Vec<i64> = probe.timed().iter().map(|(time, _)| time.millis()).collect();
    assert_eq!((times, test.clock().now().millis()), (vec![11_000, 12_000, 13_000], 13_000));
    test.stop()
}

#[test]
fn held_counts_persisted_partitions_and_shuffles_and_their_bytes() -> Outcome {
    let numbers = TestInput::new().partitions(3);
    let (mut test, _) = TestRun::new().start(|ssc| {
        ssc.remember(minutes(1));
        numbers.stream(ssc).map(|n: i64| (n % 2, n)).cache().reduce_by_key(|a, b| a + b).probe()
    })?;
    assert_eq!(test.held()?, Held::default());
    numbers.push(1..=30);
    numbers.push(1..=30);
    test.advance(2)?;
    let held = test.held()?;
    assert_eq!((held.blocks, held.persisted, held.shuffles, held.disk_bytes), (0, 2 * 3, 2, 0));
    assert!(held.memory_bytes > 0);
    test.stop()
}

/// F-1
#[test]
fn a_program_that_fails_answers_every_question_with_its_own_error() -> Outcome {
    let numbers = TestInput::new();
    let line = line!() + 1;
    let (mut test, probe) = TestRun::new().start(|ssc| numbers.stream(ssc).map(|n: i64| 12 / n).probe())?;
    numbers.push([4]);
    test.advance(1)?;
    assert!(test.failure().is_none());
    numbers.push([0]);
    let error = test.advance(1).unwrap_err().to_string();
    assert!(error.contains(&format!("map at {}:{line}:", file!())) && error.contains("divide by zero"), "{error}");
    assert_eq!(test.failure().unwrap().to_string(), error);
    assert_eq!(test.wait_until("what will not come", || false).unwrap_err().to_string(), error);
    assert_eq!(test.advance(1).unwrap_err().to_string(), error, "once more, and without waiting");
    assert_eq!(probe.datasets(), [[3]], "the failed batch has no result");
    assert_eq!(test.into_failure()?.to_string(), error);
    Ok(())
}

#[test]
fn stop_returns_what_ended_the_program() -> Outcome {
    let (mut test, numbers) = {
        let numbers = TestInput::new();
        (TestRun::new().start(|ssc| numbers.stream(ssc).foreach_rdd(|_| Err("disk full")))?.0, numbers)
    };
    numbers.push([1]);
    assert!(test.advance(1).is_err());
    assert!(test.stop().unwrap_err().to_string().contains("disk full"));
    Ok(())
}

#[test]
fn misuse_is_returned_by_the_start() {
    let error = TestRun::new().start(|ssc| TestInput::<i64>::new().stream(ssc).slide_duration()).unwrap_err();
    assert!(error.to_string().contains(&format!("{}:{}", file!(), line!() - 1)), "{error}");
}

#[test]
fn a_program_that_stops_itself_is_no_failure_and_no_batch() -> Outcome {
    let (mut test, _, probe) = numbers(&TestRun::new())?;
    test.advance(1)?;
    test.running().stop(Stop::Immediate)?;
    let error = test.advance(2).unwrap_err();
    assert_eq!(error.to_string(), "the program was stopped before batch 2 of 2 was complete");
    assert_eq!(probe.datasets().len(), 1);
    let error = test.into_failure().unwrap_err();
    assert_eq!(test_run_error(error), TestRunError::NotFailed { complete: 1 });
    Ok(())
}

#[test]
fn a_batch_that_does_not_end_is_an_error_that_names_it() -> Outcome {
    let (mut test, (leave, _hears)) = TestRun::new().deadline(SOON).start(blocked)?;
    let error = test.jump(3).unwrap_err();
    drop(leave);
    assert_eq!(error.to_string(), "waited 50ms for batch 1 of 3 to be complete");
    Ok(())
}

#[test]
fn a_question_that_a_stuck_task_holds_up_is_given_up() -> Outcome {
    let (leave, gate) = channel::<()>();
    let (numbers, gate) = (TestInput::new(), Mutex::new(gate));
    let (mut test, _) = TestRun::new().cores(1).deadline(SOON).start(|ssc| {
        let stuck = numbers.stream(ssc).map(move |n: i64| (gate.lock().unwrap().recv().is_ok(), n));
        stuck.probe()
    })?;
    numbers.push([1]);
    assert!(test.advance(1).is_err());
    let error = test.held().unwrap_err();
    drop(leave);
    assert_eq!(error.to_string(), "waited 50ms for the engine to tell what it holds");
    Ok(())
}

#[test]
fn a_stop_that_does_not_end_is_an_error_that_says_so() -> Outcome {
    let (test, (leave, hears)) = TestRun::new().deadline(SOON).start(blocked)?;
    test.clock().advance(seconds(1));
    assert_eq!(hears.recv(), Ok("begun"));
    let error = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| test.stop());
        // When the graceful stop has been given up, the program is stopped at once, and with it its inputs.
        assert_eq!(hears.recv(), Ok("stopped"));
        drop(leave);
        stopping.join().unwrap().unwrap_err()
    });
    assert_eq!(error.to_string(), "waited 50ms for the program to stop");
    Ok(())
}

#[test]
fn a_wait_in_vain_says_what_it_waited_for() -> Outcome {
    let (test, ..) = numbers(&TestRun::new().deadline(SOON))?;
    let error = test.wait_until("the receiver to connect", || false).unwrap_err();
    assert_eq!(error.to_string(), "waited 50ms for the receiver to connect");
    let error = test.into_failure().unwrap_err();
    assert_eq!(error.to_string(), "waited 50ms for the program to fail");
    Ok(())
}

#[test]
fn a_dataset_that_outlives_its_program_with_data_is_left_behind() -> Outcome {
    let (numbers, kept) = (TestInput::new(), Arc::new(Mutex::new(None)));
    let theirs = kept.clone();
    let (mut test, ()) = TestRun::new().start(|ssc| {
        numbers.stream(ssc).map(|n: i64| (n, n)).reduce_by_key(|a, b| a + b).foreach_rdd(move |dataset| {
            dataset.cache().count()?;
            theirs.lock().unwrap().replace(dataset);
            Ok::<(), JobError>(())
        });
    })?;
    numbers.push([1, 2]);
    test.advance(1)?;
    let error = test_run_error(test.stop().unwrap_err());
    let TestRunError::LeftBehind(held) = error else { panic!("{error}") };
    assert_eq!(held.shuffles, 1, "{held:?}");
    assert!(error.to_string().contains("1 shuffle") && error.to_string().contains("hold a dataset"), "{error}");
    drop(kept);
    Ok(())
}

#[test]
fn a_sleep_that_outlives_the_program_is_left_behind() -> Outcome {
    // Long enough for the stop itself, which has the same deadline.
    let (test, ..) = numbers(&TestRun::new().deadline(10 * SOON))?;
    let sleep = test.clock().sleep(minutes(1));
    assert_eq!(test_run_error(test.stop().unwrap_err()), TestRunError::SleepsLeft(1));
    drop(sleep);
    Ok(())
}

#[test]
fn threads_that_outlive_the_program_are_counted() -> Outcome {
    let (test, ..) = numbers(&TestRun::new().cores(3))?;
    let engine = test.engine().clone();
    let error = test_run_error(test.stop().unwrap_err());
    // The engine's own, its block manager's, its listeners', its receivers' and three workers'; the job runner's has ended.
    assert!(matches!(error, TestRunError::ThreadsLeft(1..=7)), "{error}");
    let threads = engine.thread_count();
    drop(engine);
    assert_eq!(threads.now(), 0);
    Ok(())
}
