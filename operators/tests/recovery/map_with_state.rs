//! `map_with_state` through restarts: its states, their times, and the records that it emitted.

use crate::source::Numbers;
use proptest::prelude::*;
use std::sync::Arc;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;
use waterwheel_runtime::durable::MemoryStorage;

/// Key, value (`None` for a time-out), sum after it.
type Call = (u64, Option<u64>, u64);

/// What the mapped stream, windows of it, the snapshots and windows of them held in each batch; sorted, since the number of partitions may
/// change.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    mapped: Vec<Vec<Call>>,
    windows: Vec<Vec<Call>>,
    states: Vec<Vec<(u64, u64)>>,
    state_windows: Vec<Vec<(u64, u64)>>,
}

fn extend<T: Ord>(seen: &mut Vec<Vec<T>>, mut more: Vec<Vec<T>>) {
    more.iter_mut().for_each(|batch| batch.sort());
    seen.append(&mut more);
}

/// Keys that come in every batch, and keys that come once in a while.
fn key(n: u64) -> u64 {
    if n.is_multiple_of(2) { n % 6 } else { 100 + n % 38 }
}

fn spec(partitions: usize) -> StateSpec<u64, u64, u64, Call> {
    let spec = StateSpec::function(|key: &u64, n: Option<u64>, sum: &mut State<'_, u64>| {
        let new = sum.get_option().unwrap_or(&0) + n.unwrap_or(0);
        if !sum.is_timing_out() {
            sum.update(new);
        }
        (*key, n, new)
    });
    spec.timeout(seconds(4)).num_partitions(partitions)
}

/// Runs the program over `runs`: how many batches each has, whether it ends gracefully, and over how many partitions its states lie.
fn run(runs: &[(u64, bool, usize)]) -> Seen {
    let (storage, mut seen, mut done) = (MemoryStorage::default(), Seen::default(), 0);
    for (batches, graceful, partitions) in runs.iter().copied() {
        let theirs = storage.clone();
        let begin = Time::from_millis(i64::try_from(done * 1000).unwrap());
        let (mut test, (mapped, windows, states, state_windows)) = TestRun::new()
            .begin(begin)
            .start(move |ssc| {
                ssc.checkpoint_to(Arc::new(theirs));
                let numbers = ssc.replayable_stream(Numbers::new(5).0).map(|n| (key(n), n));
                let initial = ssc.parallelize([(0, 1000), (500, 7)], 1);
                let mapped = numbers.map_with_state(spec(partitions).initial_state(initial)).named("sums");
                let (windows, states) = (mapped.window(seconds(3), seconds(1)), mapped.state_snapshots());
                let state_windows = states.window(seconds(2), seconds(1));
                (mapped.probe(), windows.probe(), states.probe(), state_windows.probe())
            })
            .unwrap();
        test.advance(batches).unwrap();
        match graceful {
            true => test.stop().unwrap(),
            false => drop(test),
        }
        extend(&mut seen.mapped, mapped.datasets());
        extend(&mut seen.windows, windows.datasets());
        extend(&mut seen.states, states.datasets());
        extend(&mut seen.state_windows, state_windows.datasets());
        done += batches;
    }
    seen
}

#[test]
fn the_program_of_these_tests_has_time_outs() {
    let seen = run(&[(20, true, 2)]);
    assert!(seen.mapped.iter().flatten().filter(|(_, n, _)| n.is_none()).count() > 10);
    assert!(seen.mapped[5].contains(&(500, None, 7)), "the initial state that never had data");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// S-1
    ///
    /// Whatever the ends and the numbers of partitions, every batch calls what it would have called without them.
    #[test]
    fn restarts_change_nothing_of_what_is_mapped_and_kept(
        runs in proptest::collection::vec((1..7u64, any::<bool>(), 1..4usize), 1..5),
    ) {
        let batches = runs.iter().map(|(batches, ..)| batches).sum();
        prop_assert_eq!(run(&runs), run(&[(batches, true, 2)]));
    }
}
