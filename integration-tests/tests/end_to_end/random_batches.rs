//! Random batches through a whole program: what comes out is what a loop over the records says, on any number of cores.

use crate::support::{DEADLINE, INTERVAL, config, held, kept, manual_engine, taken};
use proptest::prelude::*;
use std::collections::BTreeMap;
use waterwheel::prelude::*;

/// A batch: lines, and into how many partitions they are cut.
type Batch = (Vec<String>, usize);

/// How often each word comes.
type Counts = Vec<(String, u64)>;

/// The lengths of the lines by their first letter, in the order of the lines.
type Lengths = Vec<(char, Vec<usize>)>;

fn batch() -> impl Strategy<Value = Batch> {
    // Few different words, so that keys meet; blanks at the ends and in rows; lines without any word.
    (prop::collection::vec("[a-d ]{0,12}|(wheel |\u{f6}l |mill){1,4}", 0..12), 1..6usize)
}

/// Runs the program and returns what it put out, batch by batch.
fn run(engine: &Engine, clock: &ManualClock, input: &[Batch], one_at_a_time: bool) -> (Vec<Counts>, Vec<Lengths>) {
    let config = config().with_default_parallelism(3);
    let ssc = StreamingContext::on(engine, config, INTERVAL).unwrap();
    let queue = RddQueue::new();
    for (lines, partitions) in input {
        queue.push_records(engine, lines.clone(), *partitions);
    }
    let lines = ssc.queue_stream(&queue, one_at_a_time);
    let words = lines.flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let counts = kept(words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b));
    let lengths = lines.flat_map(|line| line.chars().next().map(|first| (first, line.len())));
    let lengths = kept(lengths.group_by_key());

    let running = ssc.start().unwrap();
    let wanted = u64::try_from(input.len()).unwrap();
    clock.advance(INTERVAL * u32::try_from(wanted).unwrap());
    assert!(running.wait_for_batches(wanted, DEADLINE), "{running:?}");
    running.stop(Stop::Graceful).unwrap();
    (taken(&counts), taken(&lengths))
}

/// What a batch has to put out, by a loop over its lines.
fn expected(lines: &[String]) -> (Counts, Lengths) {
    let (mut counts, mut lengths) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for line in lines {
        for word in line.split_whitespace() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
        if let Some(first) = line.chars().next() {
            lengths.entry(first).or_default().push(line.len());
        }
    }
    (counts.into_iter().collect(), lengths.into_iter().collect())
}

fn sorted<T: Ord + Clone>(batch: &[T]) -> Vec<T> {
    let mut batch = batch.to_vec();
    batch.sort();
    batch
}

#[test]
fn random_batches_are_computed_as_a_loop_would_and_alike_on_any_number_of_cores() {
    let engines = [1, 2, 4].map(manual_engine);
    // Failures are not written to a file: the seed is printed, and the shrunken input makes a test of its own.
    let settings = ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() };
    proptest!(settings, |(input in prop::collection::vec(batch(), 1..6), one_at_a_time: bool)| {
        let [one, two, four] =
            engines.each_ref().map(|(engine, clock)| run(engine, clock, &input, one_at_a_time));
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(&one, &four);

        // All that is queued is the first batch, unless it is one at a time.
        let all: Vec<String> = input.iter().flat_map(|(lines, _)| lines.clone()).collect();
        let whole = std::iter::once(all).chain(std::iter::repeat(Vec::new()));
        let batches: Vec<Vec<String>> = match one_at_a_time {
            true => input.iter().map(|(lines, _)| lines.clone()).collect(),
            false => whole.take(input.len()).collect(),
        };
        prop_assert_eq!((one.0.len(), one.1.len()), (batches.len(), batches.len()));
        for (lines, (counts, lengths)) in batches.iter().zip(one.0.iter().zip(&one.1)) {
            // Keys come in any order; the values of a key come in the order of the lines.
            prop_assert_eq!((sorted(counts), sorted(lengths)), expected(lines));
        }
    });
    for (engine, _) in &engines {
        assert_eq!(held(engine), (0, 0));
    }
}
