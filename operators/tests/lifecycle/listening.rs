//! What listeners are told, and that they cost events and not batches.

use crate::common::{INTERVAL, PATIENCE, Seen, config, context, numbers, recorded, time, wait_until};
use std::sync::mpsc::{RecvTimeoutError, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::event::{JobInfo, StageInfo};

/// Adds a listener that keeps every event.
pub(crate) fn events(ssc: &StreamingContext) -> Seen<Event> {
    let seen = Seen::default();
    let notes = seen.clone();
    ssc.add_streaming_listener(move |event: &Event| notes.note(event.clone()));
    seen
}

pub(crate) fn completed(events: &Seen<Event>) -> Vec<BatchInfo> {
    let infos = events.all().into_iter().filter_map(|event| match event {
        Event::BatchCompleted(info) => Some(info),
        _ => None,
    });
    infos.collect()
}

#[test]
fn a_batch_is_submitted_started_and_completed_with_its_delays_and_records() {
    let (ssc, clock) = context(config());
    let seen = events(&ssc);
    recorded(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(4 * INTERVAL);
    assert!(running.wait_for_batches(4, PATIENCE));
    wait_until(&running, "the events", || completed(&seen).len() == 4);
    running.stop(Stop::Graceful).unwrap();

    let mut stages = Vec::new();
    for event in seen.all() {
        let (stage, info) = match event {
            Event::BatchSubmitted(info) => ("submitted", info),
            Event::BatchStarted(info) => ("started", info),
            Event::BatchCompleted(info) => ("completed", info),
            _ => continue,
        };
        let delays = (info.scheduling_delay.is_some(), info.processing_delay.is_some(), info.total_delay().is_some());
        let expected = match stage {
            "submitted" => (false, false, false),
            "started" => (true, false, false),
            _ => (true, true, true),
        };
        assert_eq!(delays, expected, "{stage} {info:?}");
        stages.push((info.batch, stage));
    }
    for n in 1..=4 {
        let of_batch: Vec<_> = stages.iter().filter(|(batch, _)| *batch == time(n)).map(|(_, stage)| *stage).collect();
        assert_eq!(of_batch, ["submitted", "started", "completed"]);
    }
    let begun = |info: &BatchInfo| info.submitted + info.scheduling_delay.unwrap();
    let ended = |info: &BatchInfo| info.submitted + info.total_delay().unwrap();
    assert!(completed(&seen).is_sorted_by(|one, next| {
        one.submitted <= next.submitted && begun(one) <= begun(next) && ended(one) <= ended(next)
    }));
    for info in completed(&seen) {
        assert_eq!(info.num_records(), 1);
        assert!(info.succeeded() && info.submitted >= info.batch);
        assert_eq!(info.records.into_iter().collect::<Vec<_>>(), [(waterwheel_runtime::ids::StreamId(0), 1)]);
    }
}

#[test]
fn outputs_are_told_in_order_with_ids_from_0() {
    let (ssc, clock) = context(config());
    let seen = events(&ssc);
    (0..3).for_each(|_| numbers(&ssc).foreach_rdd(|_| {}));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the events", || !completed(&seen).is_empty());
    running.stop(Stop::Graceful).unwrap();
    let outputs: Vec<_> = seen
        .all()
        .into_iter()
        .filter_map(|event| match event {
            Event::OutputStarted { output, .. } => Some(("started", output.0)),
            Event::OutputCompleted { output, info, .. } if info.failure.is_none() => Some(("completed", output.0)),
            _ => None,
        })
        .collect();
    assert_eq!(outputs, (0..3).flat_map(|id| [("started", id), ("completed", id)]).collect::<Vec<_>>());
}

/// Spark's `OutputOperationInfo.startTime`, which is known before the end.
#[test]
fn an_output_that_runs_says_since_when_and_keeps_to_it() {
    let (ssc, clock) = context(config());
    let seen = events(&ssc);
    let theirs = clock.clone();
    (0..2).for_each(|_| {
        let clock = theirs.clone();
        numbers(&ssc).foreach_rdd(move |_| clock.advance(milliseconds(30)));
    });
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the events", || !completed(&seen).is_empty());
    running.stop(Stop::Immediate).unwrap();
    let starts = seen.all().into_iter().filter_map(|event| match event {
        Event::OutputStarted { output, started, .. } => Some((output.0, started)),
        _ => None,
    });
    let starts: Vec<_> = starts.take(2).collect();
    assert_eq!(starts, [(0, time(1)), (1, time(1) + milliseconds(30))]);
    let ends: Vec<_> = completed(&seen)[0].outputs.iter().map(|(output, info)| (output.0, info.started)).collect();
    assert_eq!(ends, starts);
}

#[test]
fn jobs_beyond_those_that_are_told_are_counted() {
    let (ssc, clock) = context(config());
    let seen = events(&ssc);
    numbers(&ssc).foreach_rdd(|dataset: Rdd<i64>| (0..1003).try_for_each(|_| dataset.count().map(drop)));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the events", || !completed(&seen).is_empty());
    running.stop(Stop::Graceful).unwrap();
    let info = completed(&seen).remove(0);
    assert_eq!((info.jobs.len(), info.omitted_jobs), (1000, 3));
}

/// The operator whose shuffle a stage prepares, and its tasks: wanted, done, failed.
type Told<'a> = (Option<&'a str>, (u32, u32, u32));

fn stages(job: &JobInfo) -> Vec<Told<'_>> {
    let told = |stage: &StageInfo| (stage.shuffle.map(|site| site.operator), (stage.tasks, stage.done, stage.failed));
    job.stages.iter().map(told).collect()
}

#[test]
fn a_completed_batch_tells_the_jobs_of_its_outputs_with_their_stages_and_tasks() {
    let (ssc, clock) = context(config().with_failure_policy(FailurePolicy::Skip).with_task_max_failures(2));
    let seen = events(&ssc);
    let pairs = numbers(&ssc).map(|n| (n % 2, n));
    pairs.reduce_by_key_with(|a, b| a + b, 3).foreach_rdd(|dataset| -> Result<(), JobError> {
        dataset.count()?;
        dataset.collect().map(drop)
    });
    pairs.map(|_| -> i64 { panic!("no") }).foreach_rdd(|dataset| dataset.count().map(drop));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the events", || !completed(&seen).is_empty());
    running.stop(Stop::Graceful).unwrap();

    let info = completed(&seen).remove(0);
    let [count, collect, failed] = info.jobs.as_slice() else { panic!("{:?}", info.jobs) };
    let outputs: Vec<_> = info.jobs.iter().map(|job| (job.site.operator, job.output.map(|output| output.0))).collect();
    assert_eq!(outputs, [("count", Some(0)), ("collect", Some(0)), ("count", Some(1))]);
    assert_eq!(stages(count), [(Some("reduce_by_key"), (2, 2, 0)), (None, (3, 3, 0))]);
    assert_eq!(stages(collect), [(None, (3, 3, 0))], "what was shuffled is there");
    assert_eq!((failed.stages[0].tasks, failed.stages[0].failed), (2, 2), "the one with the record was tried twice");
    assert!(count.failure.is_none() && failed.failure.as_ref().is_some_and(|failure| failure.contains("no")));
    assert!(info.outputs.values().all(|output| output.started >= info.batch));
}

#[test]
fn the_commit_of_a_batch_is_told_with_what_it_wrote() {
    let (ssc, clock) = context(config());
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let seen = events(&ssc);
    let counts = numbers(&ssc)
        .map(|n| (n % 2, 1u64))
        .update_state_by_key(|new, known: Option<u64>| Some(known.unwrap_or(0) + new.iter().sum::<u64>()));
    counts.named("counts").foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    clock.advance(3 * INTERVAL);
    wait_until(&running, "the events", || completed(&seen).len() == 3);
    running.stop(Stop::Graceful).unwrap();
    let commits: Vec<_> = seen
        .all()
        .into_iter()
        .filter_map(|event| match event {
            Event::StateCommitted { batch, durable, states, .. } => Some((batch, durable, states)),
            _ => None,
        })
        .collect();
    let told: Vec<_> = commits.iter().map(|(batch, durable, _)| (*batch, *durable)).collect();
    assert_eq!(told, [(time(1), true), (time(2), true), (time(3), true)]);
    let [state] = commits[2].2.as_slice() else { panic!("{commits:?}") };
    assert_eq!((state.name.as_str(), state.keys), ("counts", 2));
    assert!(state.written_bytes > 0, "{state:?}");
}

/// Two stores, one of which has a version in every second batch only.
#[test]
fn what_a_commit_wrote_of_a_state_is_told_with_that_commit_and_no_other() {
    let (ssc, clock) = context(config());
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let seen = events(&ssc);
    let pairs = numbers(&ssc).map(|n| (n % 2, 1u64));
    let counts =
        pairs.update_state_by_key(|new, known: Option<u64>| Some(known.unwrap_or(0) + new.iter().sum::<u64>()));
    counts.named("counts").foreach_rdd(|_| {});
    let sums = pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, 4 * INTERVAL, 2 * INTERVAL);
    sums.named("sums").foreach_rdd(|_| {});
    let running = ssc.start().unwrap();
    clock.advance(6 * INTERVAL);
    wait_until(&running, "the events", || completed(&seen).len() == 6);
    running.stop(Stop::Graceful).unwrap();
    let wrote: Vec<(bool, bool)> = seen
        .all()
        .into_iter()
        .filter_map(|event| match event {
            Event::StateCommitted { states, .. } => {
                let wrote =
                    |name: &str| states.iter().filter(|it| it.name.starts_with(name)).any(|it| it.written_bytes > 0);
                Some((wrote("counts"), wrote("sums")))
            }
            _ => None,
        })
        .collect();
    assert_eq!(wrote, [(true, false), (true, true)].repeat(3));
}

#[test]
fn a_failed_batch_is_completed_with_the_reasons_of_all_its_outputs() {
    let (ssc, clock) = context(config().with_failure_policy(FailurePolicy::Skip));
    let seen = events(&ssc);
    numbers(&ssc).foreach_rdd(|_| Err("This is a failed job"));
    numbers(&ssc).foreach_rdd(|_| Err("This is another failed job"));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the events", || !completed(&seen).is_empty());
    running.stop(Stop::Graceful).unwrap();
    let reasons: Vec<_> = completed(&seen)[0].outputs.values().map(|output| output.failure.clone().unwrap()).collect();
    assert!(reasons[0].contains("a failed job") && reasons[1].contains("another failed job"), "{reasons:?}");
}

#[test]
fn a_batch_that_ends_the_context_is_still_completed() {
    let (ssc, clock) = context(config());
    let seen = events(&ssc);
    numbers(&ssc).foreach_rdd(|_| Err("This is a failed job"));
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    running.await_termination().unwrap_err();
    wait_until(&running, "the event", || !completed(&seen).is_empty());
    let info = completed(&seen).remove(0);
    assert!(!info.succeeded());
    assert_eq!(running.batches_completed(), 0, "told, and yet not done");
}

/// F-8
#[test]
fn a_panicking_listener_is_told_no_more_and_the_others_are() {
    let (ssc, clock) = context(config());
    let (before, told) = (events(&ssc), Seen::default());
    let notes = told.clone();
    ssc.add_streaming_listener(move |_: &Event| {
        notes.note(());
        panic!("a bad listener");
    });
    let after = events(&ssc);
    recorded(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(2 * INTERVAL);
    wait_until(&running, "the events", || completed(&after).len() == 2);
    running.stop(Stop::Graceful).unwrap();
    assert_eq!((completed(&before).len(), told.all().len()), (2, 1));
}

#[test]
fn a_listener_that_is_added_later_is_told_from_then_on() {
    let (ssc, clock) = context(config());
    recorded(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    assert!(running.wait_for_batches(1, PATIENCE));
    let seen = Seen::default();
    let notes = seen.clone();
    running.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            notes.note(info.batch);
        }
    });
    wait_until(&running, "the listener", || {
        clock.advance(INTERVAL);
        !seen.all().is_empty()
    });
    assert!(seen.all()[0] > time(1));
    running.stop(Stop::Immediate).unwrap();
}

/// L-9
#[test]
fn listeners_end_with_their_context_and_not_with_its_engine() {
    let (engine, clock) = crate::engines::engine();
    let start = || {
        let ssc = StreamingContext::on(&engine, config(), INTERVAL).unwrap();
        let (alive, ends) = channel::<()>();
        ssc.add_streaming_listener(move |_: &Event| {
            let _alive = &alive;
        });
        recorded(&ssc);
        (ssc.start().unwrap(), ends)
    };
    let ((first, first_ends), (second, second_ends)) = (start(), start());
    first.stop(Stop::Graceful).unwrap();
    // It is still held by whoever wants to know how it ended.
    assert_eq!(first_ends.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    clock.advance(INTERVAL);
    assert!(second.wait_for_batches(1, PATIENCE));
    assert_eq!(second_ends.try_recv(), Err(TryRecvError::Empty), "the other one goes on");
    second.stop(Stop::Immediate).unwrap();
    assert_eq!(second_ends.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    first.add_streaming_listener(|_: &Event| panic!("there is nothing to be told any more"));
    assert_eq!((first.dropped_events(), second.dropped_events()), (0, 0));
}

/// receives no events after stopping StreamingListenerBus
#[test]
fn after_the_stop_listeners_are_told_nothing_more() {
    let (ssc, clock) = context(config());
    let seen = events(&ssc);
    recorded(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(INTERVAL);
    wait_until(&running, "the events", || completed(&seen).len() == 1);
    running.stop(Stop::Graceful).unwrap();
    let told = seen.all().len();
    clock.advance(3 * INTERVAL);
    drop(running);
    assert_eq!(seen.all().len(), told);
}

/// P-5
#[test]
fn a_slow_listener_holds_up_no_batch_and_what_it_misses_is_counted() {
    const BATCHES: u32 = 1500;
    let (ssc, clock) = context(config());
    let (leave, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    ssc.add_streaming_listener(move |_: &Event| {
        let _ = gate.lock().unwrap().recv();
    });
    recorded(&ssc);
    let running = ssc.start().unwrap();
    clock.advance(BATCHES * INTERVAL);
    assert!(running.wait_for_batches(u64::from(BATCHES), PATIENCE));
    // Five events a batch; the bus holds a fixed number of them and the listener one.
    assert!(running.dropped_events() > 0, "{} were dropped", running.dropped_events());
    drop(leave);
    running.stop(Stop::Graceful).unwrap();
}
