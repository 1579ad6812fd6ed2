//! The rows of Spark's `StreamingJobProgressListenerSuite`, with their data, and what is told out of order or not at all.

use super::kept::{FAILURE_KEPT, FAILURES_KEPT, JOBS_KEPT, METADATA_KEPT, STAGES_KEPT};
use super::*;
use crate::testing::{batch, completed, output, started, time};
use proptest::prelude::*;
use std::time::Duration;
use waterwheel_runtime::flow::FlowCounts;
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::receiver::{LastError, ReceiverSnapshot, ReceiverState};
use waterwheel_runtime::stage::OperatorCost;

const RECORDS: &[(u32, u64)] = &[(0, 300), (1, 300)];

fn progress(retained: usize) -> Progress {
    Progress::new(retained, Streams::default())
}

fn submitted(number: u64) -> Event {
    Event::BatchSubmitted(batch(number, RECORDS))
}

fn begun(number: u64) -> Event {
    Event::BatchStarted(started(number, RECORDS))
}

fn ended(number: u64) -> Event {
    Event::BatchCompleted(completed(number, RECORDS, &[(0, None)]))
}

fn tell(progress: &mut Progress, events: impl IntoIterator<Item = Event>) {
    for event in events {
        progress.told(&event, time(0));
    }
}

/// Waiting, running, completed.
fn counts(progress: &Progress) -> (usize, usize, usize) {
    (progress.count(Status::Queued), progress.count(Status::Processing), progress.completed().len())
}

fn totals(progress: &Progress) -> (u64, u64, u64) {
    (progress.total_received, progress.total_processed, progress.total_completed)
}

/// onBatchSubmitted, onBatchStarted, onBatchCompleted, onReceiverStarted, onReceiverError, onReceiverStopped.
#[test]
fn a_batch_moves_from_waiting_to_running_to_completed_and_is_counted_at_its_start_and_end() {
    let mut progress = progress(100);
    tell(&mut progress, [submitted(1)]);
    assert_eq!((counts(&progress), totals(&progress)), ((1, 0, 0), (0, 0, 0)));
    assert_eq!(progress.last_received().unwrap().time(), time(1));

    tell(&mut progress, [begun(1)]);
    assert_eq!((counts(&progress), totals(&progress)), ((0, 1, 0), (600, 0, 0)));

    tell(&mut progress, [ended(1)]);
    assert_eq!((counts(&progress), totals(&progress)), ((0, 0, 1), (600, 600, 1)));
    assert_eq!(progress.last_completed().unwrap().time(), time(1));
    assert_eq!(progress.batch(time(1)).unwrap().info.total_delay(), Some(Duration::from_millis(300)));
}

#[test]
fn of_a_receiver_the_latest_is_known() {
    let mut progress = progress(100);
    let name = || "socket".to_owned();
    let receiver = |progress: &Progress| progress.streams.get(StreamId(0)).unwrap().receiver.clone().unwrap();
    tell(&mut progress, [Event::ReceiverStarted { stream: StreamId(0), name: name() }]);
    assert!(receiver(&progress).active);

    let error = Event::ReceiverError { stream: StreamId(0), name: name(), message: "refused".to_owned() };
    progress.told(&error, time(7));
    let told = receiver(&progress);
    assert_eq!((told.active, told.errors, told.last_error), (true, 1, Some((time(7), "refused".to_owned()))));

    let stopped = Event::ReceiverStopped { stream: StreamId(0), name: name(), error: Some("refused".to_owned()) };
    progress.told(&stopped, time(8));
    let told = receiver(&progress);
    assert_eq!((told.active, told.errors), (false, 1), "it was told of the error before");
    assert_eq!(told.last_error, Some((time(7), "refused".to_owned())));

    tell(&mut progress, [Event::ReceiverStarted { stream: StreamId(0), name: name() }]);
    assert_eq!((receiver(&progress).active, receiver(&progress).starts), (true, 2));
}

#[test]
fn what_events_did_not_tell_of_a_receiver_is_taken_from_the_receiver() {
    let snapshot = |state, starts, last_error| ReceiverSnapshot {
        stream: StreamId(0),
        name: "socket".to_owned(),
        site: Site::here("lines"),
        state,
        starts,
        records: 7,
        last_error,
        untold_errors: 4,
    };
    // Its start was not told, nor its error.
    let error = LastError { time: time(3), message: "refused".to_owned() };
    let row = StreamRow::default().with_receiver(&snapshot(ReceiverState::Pausing, 2, Some(error)));
    let receiver = row.receiver.clone().unwrap();
    assert_eq!((receiver.active, receiver.starts, receiver.errors), (false, 2, 1));
    assert_eq!((receiver.name.as_str(), receiver.last_error), ("socket", Some((time(3), "refused".to_owned()))));
    // Nor that it was started again.
    let receiver = row.with_receiver(&snapshot(ReceiverState::Active, 3, None)).receiver.unwrap();
    assert_eq!((receiver.active, receiver.starts, receiver.errors), (true, 3, 1));
}

#[test]
fn limits_and_what_is_spilled_and_shed_are_those_of_the_last_batch() {
    let row = StreamRow::default();
    let mut progress = Progress::new(10, Streams::new([(StreamId(0), row)]));
    let flow = FlowCounts { received: 1000, committed: 600, pending: 0, spilled: 300, shed: 100 };
    let ended = completed(1, &[(0, 600)], &[]);
    let (rates, flow) = ([(StreamId(0), 50.5)].into(), [(StreamId(0), flow)].into());
    tell(&mut progress, [Event::BatchCompleted(BatchInfo { rates, flow, ..ended })]);
    let row = progress.streams.get(StreamId(0)).unwrap();
    assert_eq!((row.records, row.rate_limit, row.spilled, row.shed), (600, Some(50.5), 300, 100));
    tell(&mut progress, [Event::BatchCompleted(completed(2, &[(0, 1)], &[]))]);
    let row = progress.streams.get(StreamId(0)).unwrap();
    assert_eq!((row.records, row.rate_limit, row.shed), (601, None, 100), "it has no limit any more");
}

/// Remove the old completed batches when exceeding the limit.
#[test]
fn only_the_last_completed_batches_are_kept_and_all_are_counted() {
    let mut progress = progress(10);
    for number in 1..=20 {
        tell(&mut progress, [submitted(number), begun(number), ended(number)]);
    }
    assert_eq!(progress.completed().len(), 10);
    assert_eq!(progress.completed().next().unwrap().time(), time(11));
    assert_eq!(totals(&progress), (12_000, 12_000, 20));
    assert!(progress.batch(time(10)).is_none() && progress.batch(time(11)).is_some());
}

#[test]
fn with_nothing_retained_everything_is_still_counted() {
    let mut progress = progress(0);
    for number in 1..=3 {
        tell(&mut progress, [submitted(number), begun(number), ended(number)]);
    }
    assert_eq!((counts(&progress), totals(&progress)), ((0, 0, 0), (1800, 1800, 3)));
    assert_eq!(progress.last_completed().unwrap().time(), time(3));
    // What comes late is of a batch that has ended.
    tell(&mut progress, [submitted(2), begun(3), ended(3)]);
    assert_eq!((counts(&progress), totals(&progress)), ((0, 0, 0), (1800, 1800, 3)));
}

/// out-of-order onJobStart and onBatchXXX.
#[test]
fn an_output_that_is_told_before_its_batch_is_remembered() {
    let mut progress = progress(10);
    let site = Site::here("print");
    let output_started =
        |number| Event::OutputStarted { batch: time(number), output: OutputId(0), site, started: time(number) };
    tell(&mut progress, [output_started(1)]);
    assert!(progress.batch(time(1)).is_none());
    tell(&mut progress, [submitted(1)]);
    assert_eq!(progress.batch(time(1)).unwrap().output_counts(), (1, 0, 0));

    // Many of them, whose batches never come.
    tell(&mut progress, (100..10_000).map(output_started));
    assert!(progress.early.len() <= progress.live.len() + progress.completed.len() + EARLY);
}

/// detect memory leak.
#[test]
fn what_is_kept_does_not_grow_with_the_batches() {
    let mut progress = progress(5);
    for number in 1..=2000 {
        let output = OutputId(0);
        tell(
            &mut progress,
            [
                Event::OutputStarted { batch: time(number), output, site: Site::here("print"), started: time(number) },
                submitted(number),
                begun(number),
                Event::OutputCompleted { batch: time(number), output, info: self::output(number, None) },
            ],
        );
        // The end of every second batch is not told.
        if number % 2 == 0 {
            tell(&mut progress, [ended(number)]);
        }
        assert!(progress.live.len() <= 2 && progress.completed.len() <= 5 && progress.early.is_empty());
    }
    assert_eq!((progress.untold, progress.total_completed), (1000, 1000));
}

#[test]
fn a_batch_of_which_only_the_end_is_told_is_complete() {
    let mut progress = progress(10);
    tell(&mut progress, [ended(1)]);
    assert_eq!((counts(&progress), totals(&progress)), ((0, 0, 1), (600, 600, 1)));
}

#[test]
fn records_that_are_counted_when_a_batch_is_generated_are_received_at_its_end() {
    let mut progress = progress(10);
    tell(&mut progress, [Event::BatchSubmitted(batch(1, &[])), Event::BatchStarted(started(1, &[]))]);
    assert_eq!(totals(&progress), (0, 0, 0));
    tell(&mut progress, [ended(1)]);
    assert_eq!(totals(&progress), (600, 600, 1));
}

#[test]
fn a_batch_that_is_tried_again_is_received_once_and_ends_as_its_last_attempt() {
    let mut progress = progress(10);
    let told = |failure| Event::OutputCompleted { batch: time(1), output: OutputId(0), info: output(1, failure) };
    tell(&mut progress, [submitted(1), begun(1), told(Some("no")), begun(1), told(None), ended(1)]);
    assert_eq!(totals(&progress), (600, 600, 1));
    let row = progress.batch(time(1)).unwrap();
    assert_eq!((row.output_counts(), row.failed(), row.first_failure()), ((0, 1, 0), false, None));
}

/// onBatchCompleted with failed batch and multiple failed jobs.
#[test]
fn a_failed_batch_is_completed_with_the_first_reason_and_counted_as_failed() {
    let mut progress = progress(10);
    let outputs = [(0, None), (1, Some("This is a failed job")), (2, Some("This is another failed job"))];
    tell(&mut progress, [submitted(1), begun(1), Event::BatchCompleted(completed(1, RECORDS, &outputs))]);
    let row = progress.batch(time(1)).unwrap();
    assert_eq!((row.output_counts(), row.failed()), ((0, 1, 2), true));
    assert_eq!(row.first_failure(), Some("This is a failed job"));
    assert_eq!((progress.total_completed, progress.total_failed), (1, 1));
}

#[test]
fn texts_of_the_user_are_kept_up_to_a_bound() {
    let mut progress = progress(10);
    let endless = "\u{e9}".repeat(1_000_000);
    let failed = completed(1, RECORDS, &[(0, Some(&endless))]);
    let error = Event::ReceiverError { stream: StreamId(0), name: "x".to_owned(), message: endless.clone() };
    tell(&mut progress, [Event::BatchCompleted(failed), error]);
    let kept = progress.batch(time(1)).unwrap().first_failure().unwrap().chars().count();
    assert_eq!(kept, FAILURE_KEPT + 3);
    let receiver = progress.streams.get(StreamId(0)).unwrap().receiver.clone().unwrap();
    assert_eq!(receiver.last_error.unwrap().1.chars().count(), FAILURE_KEPT + 3);
}

#[test]
fn a_batch_that_fails_in_all_its_jobs_and_outputs_keeps_a_bounded_piece_of_it() {
    let mut progress = progress(10);
    let endless = "\u{e9}".repeat(100_000);
    let outputs: Vec<_> = (0..50).map(|output| (output, Some(endless.as_str()))).collect();
    let site = Site::here("count");
    let stage = StageInfo { shuffle: None, tasks: 1, done: 0, failed: 1 };
    let job = |output| JobInfo {
        site,
        output: Some(OutputId(output)),
        duration: Duration::ZERO,
        stages: vec![stage; 1000],
        failure: Some(endless.clone()),
    };
    let jobs = (0..1000).map(job).collect();
    tell(&mut progress, [Event::BatchCompleted(BatchInfo { jobs, ..completed(1, RECORDS, &outputs) })]);
    let row = progress.batch(time(1)).unwrap();
    assert!(row.failed() && row.output_counts() == (0, 0, 50) && row.info.outputs.is_empty());
    let of_outputs = row.outputs.values().filter_map(|output| output.ended.as_ref()?.failure.as_deref());
    let of_jobs = row.info.jobs.iter().filter_map(|job| job.failure.as_deref());
    let kept: usize = of_outputs.chain(of_jobs).map(|text| text.trim_end_matches('.').chars().count()).sum();
    assert!(kept <= FAILURES_KEPT, "{kept}");
    assert_eq!((row.info.jobs.len(), row.info.jobs[0].stages.len()), (JOBS_KEPT, STAGES_KEPT));
    // Of a thousand jobs with a thousand stages each, and of fifty outputs; the first four texts took the room of all.
    let (jobs, stages) = (1000 - JOBS_KEPT as u64, JOBS_KEPT as u64 * (1000 - STAGES_KEPT as u64));
    let omitted = Omitted { jobs, stages, failures: 50 + JOBS_KEPT as u64, ..Omitted::default() };
    assert_eq!((row.omitted, progress.omitted()), (omitted, omitted));
}

/// U-12
#[test]
fn what_is_not_kept_of_batches_is_counted_also_when_they_are_gone() {
    let mut progress = progress(1);
    let site = Site::here("count");
    let job = JobInfo { site, output: None, duration: Duration::ZERO, stages: Vec::new(), failure: None };
    for number in 1..=3 {
        let jobs = vec![job.clone(); JOBS_KEPT + 1];
        let metadata = [(StreamId(0), InputMetadata::of(0..1000)), (StreamId(1), InputMetadata::of(["a"]))].into();
        let ended = completed(number, RECORDS, &[]);
        tell(&mut progress, [Event::BatchCompleted(BatchInfo { jobs, omitted_jobs: 7, metadata, ..ended })]);
    }
    let row = progress.batch(time(3)).unwrap();
    assert_eq!((row.omitted.jobs, row.omitted.inputs, row.info.metadata[&StreamId(0)].omitted), (8, 900, 900));
    let Omitted { jobs, inputs, failures, .. } = progress.omitted();
    assert_eq!((jobs, inputs, failures), (24, 2700, 0));
}

/// U-12
#[test]
fn what_a_batch_says_of_its_inputs_is_kept_up_to_a_bound_and_the_rest_is_counted() {
    let mut progress = progress(10);
    let names = |count: usize| InputMetadata::of((0..count).map(|number| format!("{number:0>900}")));
    let metadata = [(StreamId(0), names(3)), (StreamId(1), names(50))].into();
    tell(&mut progress, [Event::BatchCompleted(BatchInfo { metadata, ..completed(1, RECORDS, &[]) })]);
    let row = progress.batch(time(1)).unwrap();
    let kept: Vec<_> = row.info.metadata.values().map(|told| (told.items.len(), told.omitted)).collect();
    assert_eq!(kept, [(3, 0), (1, 49)]);
    let characters = row.info.metadata.values().flat_map(|told| &told.items).map(String::len).sum::<usize>();
    assert!(characters <= METADATA_KEPT, "{characters}");
    assert_eq!(row.omitted, Omitted { inputs: 49, ..Omitted::default() });
}

#[test]
fn sources_may_say_that_they_left_out_any_number() {
    let mut progress = progress(10);
    let most = InputMetadata { items: vec!["a".to_owned()], omitted: u64::MAX };
    for number in 1..=2 {
        let metadata = [(StreamId(0), most.clone()), (StreamId(1), most.clone())].into();
        tell(&mut progress, [Event::BatchCompleted(BatchInfo { metadata, ..completed(number, RECORDS, &[]) })]);
    }
    assert_eq!(progress.omitted().inputs, u64::MAX);
}

/// U-12
#[test]
fn outputs_that_are_given_up_and_errors_that_are_cut_are_counted() {
    let mut progress = progress(10);
    let site = Site::here("print");
    let early = |number| Event::OutputStarted { batch: time(number), output: OutputId(0), site, started: time(number) };
    tell(&mut progress, (100..200).map(early));
    let kept = progress.early.len() as u64;
    assert_eq!(progress.omitted(), Omitted { outputs: 100 - kept, ..Omitted::default() });
    // The batches that they belong to are over, and nothing was told of them.
    tell(&mut progress, [ended(1000)]);
    let message = "x".repeat(FAILURE_KEPT + 1);
    tell(&mut progress, [Event::ReceiverError { stream: StreamId(0), name: "x".to_owned(), message }]);
    assert_eq!(progress.omitted(), Omitted { outputs: 100, failures: 1, ..Omitted::default() });
}

#[test]
fn an_output_that_runs_has_its_start() {
    let mut progress = progress(10);
    let (site, started) = (Site::here("print"), time(1) + Duration::from_millis(7));
    let output = OutputId(0);
    tell(&mut progress, [submitted(1), begun(1), Event::OutputStarted { batch: time(1), output, site, started }]);
    assert_eq!(progress.batch(time(1)).unwrap().outputs[&output].started, started);
}

#[test]
fn costs_and_commits_add_up() {
    let mut progress = progress(10);
    let site = Site::here("map");
    let cost = |records, millis| OperatorCost { site, records, busy: Duration::from_millis(millis) };
    for number in 1..=3 {
        let states = vec![StateInfo { name: "counts".to_owned(), keys: number, written_bytes: 10 }];
        let took = Duration::from_millis(number);
        let ended = completed(number, RECORDS, &[]);
        let costs = vec![cost(100, 4)];
        tell(
            &mut progress,
            [
                submitted(number),
                Event::StateCommitted { batch: time(number), took, durable: true, states },
                Event::BatchCompleted(BatchInfo { costs, ..ended }),
            ],
        );
    }
    let (_, work) = progress.works.lines()[0];
    assert_eq!((work.total.records, work.total.busy, work.last.records), (300, Duration::from_millis(12), 100));
    let (recent, costs) = progress.recent_costs(2);
    assert_eq!((recent, costs[&place(site)].records), (2, 200));
    let (name, state) = progress.works.states().next().unwrap();
    assert_eq!((name, state.keys, state.last_bytes, state.written_bytes), ("counts", 3, 10, 30));
    assert_eq!((progress.works.commits, progress.works.commit_time), (3, Duration::from_millis(6)));
    assert_eq!(progress.batch(time(2)).unwrap().commit.map(|commit| commit.took), Some(Duration::from_millis(2)));
}

use waterwheel_runtime::event::{InputMetadata, JobInfo, StageInfo, StateInfo};

fn any_event() -> impl Strategy<Value = Event> {
    let site = Site::here("print");
    (1..30u64, 0..3u32, 0..6u8).prop_map(move |(number, output, kind)| match kind {
        0 => submitted(number),
        1 => begun(number),
        2 => Event::OutputStarted { batch: time(number), output: OutputId(output), site, started: time(number) },
        3 => Event::OutputCompleted {
            batch: time(number),
            output: OutputId(output),
            info: self::output(number, (output == 2).then_some("no")),
        },
        4 => Event::StateCommitted { batch: time(number), took: Duration::ZERO, durable: true, states: Vec::new() },
        _ => ended(number),
    })
}

proptest! {
    /// U-2
    ///
    /// Whatever is told in whatever order: a batch is in one place, times are in order, sums agree, and all is bounded.
    #[test]
    fn no_order_of_events_confuses_it(events in prop::collection::vec(any_event(), 0..200)) {
        let mut progress = progress(4);
        for event in events {
            progress.told(&event, time(0));
            let times: Vec<_> = progress.batches().map(|row| row.time()).collect();
            prop_assert!(times.is_sorted_by(|one, other| one < other), "{:?}", times);
            prop_assert!(progress.completed().len() <= 4);
            let mut sums = Sums::default();
            progress.batches().for_each(|row| sums.add(row));
            prop_assert!(progress.sums().is_like(&sums));
            prop_assert!(progress.early.len() <= progress.live.len() + progress.completed.len() + EARLY);
            prop_assert_eq!(progress.total_processed, 600 * progress.total_completed);
            let running = progress.live().map(|row| row.counted).sum::<u64>();
            prop_assert!(progress.total_received >= progress.total_processed + running);
            for row in progress.batches() {
                let (active, done, failed) = row.output_counts();
                prop_assert_eq!(active + done + failed, row.outputs.len());
                prop_assert_eq!(progress.batch(row.time()).map(|found| found.time()), Some(row.time()));
            }
        }
    }
}
