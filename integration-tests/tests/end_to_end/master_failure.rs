//! Spark's `MasterFailureTest`: thirty files, one a second, and a program over one checkpoint directory that ends again and again,
//! in the same process.
//!
//! Here a file is a number that a source can read again; the directory is a real one.

use crate::support::{DEADLINE, INTERVAL, config, manual_engine};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use waterwheel::ReplayableStream;
use waterwheel::prelude::*;
use waterwheel::rdd::Parallelize;
use waterwheel::runtime::config::CatchUp;
use waterwheel::runtime::error::JobError;

/// How many files there are; file `i` is there from second `i` on.
const FILES: u64 = 30;

/// The files that are there when a batch is cut.
struct Files {
    next: u64,
}

impl ReplayableStream<u64> for Files {
    type Range = (u64, u64);

    fn start(&mut self, _: Time, last: Option<(u64, u64)>) -> Result<(), JobError> {
        self.next = last.map_or(1, |(_, end)| end);
        Ok(())
    }

    fn next(&mut self, batch: Time) -> Result<(u64, u64), JobError> {
        let there = batch.millis().unsigned_abs() / 1000;
        let end = there.min(FILES) + 1;
        Ok((std::mem::replace(&mut self.next, end), end))
    }

    fn read(&mut self, range: &(u64, u64), inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        Ok(Some(inputs.scope.parallelize(range.0..range.1, 2)))
    }
}

/// How a run of the program ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At once, with whatever is under way.
    AtOnce,
    /// When everything has been done that was received.
    Graceful,
    /// Because an output fails.
    Fault,
}

/// One run: seconds until it ends, how it does, seconds until the next one.
type Run = (u64, End, u64);

fn runs() -> impl Strategy<Value = (CatchUp, Vec<Run>)> {
    let end = prop_oneof![3 => Just(End::AtOnce), 1 => Just(End::Graceful), 2 => Just(End::Fault)];
    let catch_up = prop_oneof![Just(CatchUp::Coalesce), Just(CatchUp::EachInterval), Just(CatchUp::Skip)];
    (catch_up, prop::collection::vec((2..=12_u64, end, 0..=10_u64), 2..6))
}

/// What an output is given, and what it answers.
type Output<T> = (Sender<Vec<T>>, Option<Time>);

fn tell<T: Data>(stream: &DStream<'_, T>, (sender, failing): Output<T>) {
    stream.foreach_rdd_with_time(move |rdd, batch| {
        if failing.is_some_and(|failing| batch >= failing) {
            return Err("the disk is full".to_owned());
        }
        let records = rdd.collect().map_err(|error| error.to_string())?;
        sender.send(records).map_err(|error| error.to_string())
    });
}

/// Runs a program as `runs` has it and then until `last` has come; everything that was told, run by run.
fn told<T: Data>(
    (catch_up, runs): (CatchUp, Vec<Run>),
    program: impl Fn(&StreamingContext, Output<T>) -> Result<(), Error>,
    last: impl Fn(&[T]) -> bool,
) -> Vec<Vec<T>> {
    let (engine, clock) = manual_engine(2);
    let directory = tempfile::tempdir().unwrap();
    let (sender, inbox) = channel();
    let start = |failing| {
        let mut config = config();
        config.checkpoint = config.checkpoint.with_interval(5 * INTERVAL).with_catch_up(catch_up);
        let ssc = StreamingContext::on(&engine, config, INTERVAL).unwrap();
        ssc.checkpoint(directory.path());
        program(&ssc, (sender.clone(), failing)).unwrap();
        ssc.start().unwrap()
    };
    for (seconds, end, pause) in runs {
        let until = clock.now() + milliseconds(seconds * 1000);
        let running = start(matches!(end, End::Fault).then_some(until));
        clock.advance(milliseconds(seconds * 1000));
        match end {
            End::AtOnce => running.stop(Stop::Immediate).unwrap(),
            End::Graceful => running.stop(Stop::Graceful).unwrap(),
            End::Fault => {
                let fault = running.await_termination_or_timeout(DEADLINE).unwrap_err();
                assert!(fault.to_string().contains("the disk is full"), "{fault}");
            }
        }
        clock.advance(milliseconds(pause * 1000));
    }
    let running = start(None);
    clock.advance(milliseconds(1000 * FILES));
    let everything = received(&inbox, last);
    running.stop(Stop::Graceful).unwrap();
    everything
}

/// Everything up to what is the `last`.
fn received<T>(inbox: &Receiver<Vec<T>>, last: impl Fn(&[T]) -> bool) -> Vec<Vec<T>> {
    let mut all = Vec::new();
    loop {
        all.push(inbox.recv_timeout(DEADLINE).expect("the last one does not come"));
        if all.last().is_some_and(|records| last(records)) {
            return all;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    ///
    ///
    /// Multiple failures with map.
    #[test]
    fn nothing_is_missing_from_all_outputs_of_all_runs(runs in runs()) {
        let program = |ssc: &StreamingContext, output| {
            tell(&ssc.replayable_stream(Files { next: 1 }).map(|file| file), output);
            Ok(())
        };
        let outputs = told(runs, program, |files| files.contains(&FILES));
        let seen: BTreeSet<u64> = outputs.into_iter().flatten().collect();
        prop_assert_eq!(seen, (1..=FILES).collect());
    }

    /// Multiple failures with updateStateByKey.
    #[test]
    fn every_output_of_a_running_count_is_a_sum_that_an_undisturbed_run_has(runs in runs()) {
        let program = |ssc: &StreamingContext, output| {
            let files = ssc.replayable_stream(Files { next: 1 });
            let words = files.flat_map(|file| vec![("a".to_owned(), 1_u64); usize::try_from(file).unwrap_or(0)]);
            let update = |new: &[u64], count: Option<u64>| Some(count.unwrap_or(0) + new.iter().sum::<u64>());
            tell(&words.update_state_by_key(update).named("counts"), output);
            Ok(())
        };
        let all: u64 = (1..=FILES).sum();
        let outputs = told(runs, program, |counts| counts.iter().any(|(_, count)| *count == all));
        let sums: BTreeSet<u64> = (1..=FILES).map(|file| (1..=file).sum()).collect();
        prop_assert!(outputs.iter().flatten().all(|(word, count)| word == "a" && sums.contains(count)), "{outputs:?}");
        prop_assert_eq!(outputs.last(), Some(&vec![("a".to_owned(), 465)]));
    }
}
