//! Spark's recovery tests of stateful operators, with their data: checkpoints are rarer than batches, and the program ends between
//! two of them. Before the end the outputs are the first of those of an undisturbed run, after it they are the last, with every
//! batch since the last checkpoint run again.

use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_operators::testkit::{Probe, TestRun};
use waterwheel_operators::{BatchInputs, DStream, ReplayableStream};
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::error::JobError;

/// A key with its count.
type Count = (String, i64);

/// Words, batch by batch; none when they are used up.
struct Words {
    batches: Vec<Vec<&'static str>>,
    next: usize,
}

impl ReplayableStream<String> for Words {
    type Range = usize;

    fn start(&mut self, _: Time, last: Option<usize>) -> Result<(), JobError> {
        self.next = last.map_or(0, |last| last + 1);
        Ok(())
    }

    fn next(&mut self, _: Time) -> Result<usize, JobError> {
        self.next += 1;
        Ok(self.next - 1)
    }

    fn read(&mut self, batch: &usize, inputs: &BatchInputs) -> Result<Option<Rdd<String>>, JobError> {
        let words = self.batches.get(*batch).cloned().unwrap_or_default();
        Ok(Some(inputs.scope.parallelize(words.into_iter().map(str::to_owned), 2)))
    }
}

/// What `program` shows of `batches` with a checkpoint every `every` batches and an end after `end` of them: before it and after it.
fn run(
    batches: &[Vec<&'static str>],
    (every, end): (u32, u64),
    program: fn(DStream<'_, String>) -> Probe<Count>,
) -> [Vec<Vec<Count>>; 2] {
    let storage = MemoryStorage::default();
    let total = batches.len() as u64;
    [(0, end), (end, total - end)].map(|(done, count)| {
        let (words, theirs) = (Words { batches: batches.to_vec(), next: 0 }, storage.clone());
        let configure = move |mut config: Config| {
            config.checkpoint = config.checkpoint.with_interval(every * Duration::from_secs(1));
            config
        };
        let started =
            TestRun::new().begin(Time::from_millis(done.cast_signed() * 1000)).configure(configure).start(move |ssc| {
                ssc.checkpoint_to(Arc::new(theirs));
                program(ssc.replayable_stream(words))
            });
        let (mut test, probe) = started.unwrap();
        test.advance(count).unwrap();
        drop(test);
        let mut shown = probe.datasets();
        shown.iter_mut().for_each(|counts| counts.sort());
        shown
    })
}

#[track_caller]
fn check(shown: [Vec<Vec<Count>>; 2], expected: &[Vec<Count>], (every, end): (usize, usize)) {
    let [before, after] = shown;
    assert_eq!(before, expected[..end]);
    let again = end / every * every;
    assert_eq!(after, expected[again..], "everything since the checkpoint of batch {again}, and what is new");
}

fn counts(counts: &[(&str, i64)]) -> Vec<Count> {
    counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

///
///
/// "recovery with updateStateByKey operation": a checkpoint every 2 batches, an end after 7 of 10.
#[test]
fn a_running_count_goes_on_between_two_checkpoints() {
    let batches = vec![vec!["a"]; 10];
    let shown = run(&batches, (2, 7), |words| {
        let ones = words.map(|word| (word, 1_i64));
        ones.update_state_by_key(|new: &[i64], count: Option<i64>| Some(count.unwrap_or(0) + new.iter().sum::<i64>()))
            .probe()
    });
    let expected: Vec<_> = (1..=10).map(|count| counts(&[("a", count)])).collect();
    check(shown, &expected, (2, 7));
}

/// "recovery with invertible reduceByKeyAndWindow operation": a window of 4 batches, a checkpoint every 2, an end after 7 of 10.
#[test]
fn a_window_with_an_inverse_goes_on_between_two_checkpoints() {
    let batches = vec![vec!["a"]; 10];
    let shown = run(&batches, (2, 7), |words| {
        let ones = words.map(|word| (word, 1_i64));
        ones.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, seconds(4), seconds(1)).probe()
    });
    let expected: Vec<_> = (1..=10).map(|count| counts(&[("a", count.min(4))])).collect();
    check(shown, &expected, (2, 7));
}

/// "driver failure recovery" of mapWithState: a checkpoint every 3 batches, an end after 3 of 7; and two other ends.
#[test]
fn snapshots_of_map_with_state_go_on_after_and_between_checkpoints() {
    let batches = vec![vec![], vec!["a"], vec!["a", "b"], vec!["a", "b", "c"], vec!["a", "b"], vec!["a"], vec![]];
    let expected: Vec<_> = [
        &[][..],
        &[("a", 1)],
        &[("a", 2), ("b", 1)],
        &[("a", 3), ("b", 2), ("c", 1)],
        &[("a", 4), ("b", 3), ("c", 1)],
        &[("a", 5), ("b", 3), ("c", 1)],
        &[("a", 5), ("b", 3), ("c", 1)],
    ]
    .map(counts)
    .to_vec();
    for end in [3, 4, 5] {
        let shown = run(&batches, (3, end), |words| {
            let spec = StateSpec::function(|_: &String, one: Option<i64>, count: &mut State<'_, i64>| {
                let new = count.get_option().unwrap_or(&0) + one.unwrap_or(0);
                count.update(new);
                new
            });
            words.map(|word| (word, 1_i64)).map_with_state(spec).state_snapshots().probe()
        });
        check(shown, &expected, (3, usize::try_from(end).unwrap()));
    }
}
