//! State goes on where it was, through restarts of every kind.

use crate::source::Numbers;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun, assert_same_records};
use waterwheel_operators::{DStream, Error, StreamingContext};
use waterwheel_runtime::durable::MemoryStorage;

fn t(seconds: u64) -> Time {
    Time::from_millis(seconds.cast_signed() * 1000)
}

/// A class of numbers with their sum and their count.
type ClassSum = (u64, (u64, u64));

/// Sum and count of the numbers in each of five classes: `None` for a class without any.
fn sums<'c>(numbers: &DStream<'c, u64>, partitions: usize) -> DStream<'c, ClassSum> {
    let classes = numbers.map(|n| (n % 5, n));
    let update = |new: &[u64], state: Option<(u64, u64)>| {
        let (sum, count) = state.unwrap_or_default();
        Some((sum + new.iter().sum::<u64>(), count + new.len() as u64))
    };
    classes.update_state_by_key_with(update, partitions)
}

fn start(
    storage: &MemoryStorage,
    begin: u64,
    program: impl FnOnce(&StreamingContext) -> Probe<ClassSum>,
) -> Result<(TestProgram, Probe<ClassSum>), Error> {
    let storage = storage.clone();
    TestRun::new().begin(t(begin)).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(storage));
        program(ssc)
    })
}

/// The state after `batches` batches of `per_batch` numbers from 0 on.
fn expected(batches: u64, per_batch: u64) -> BTreeMap<u64, (u64, u64)> {
    let mut sums = BTreeMap::<u64, (u64, u64)>::new();
    for n in 0..batches * per_batch {
        let (sum, count) = sums.entry(n % 5).or_default();
        (*sum, *count) = (*sum + n, *count + 1);
    }
    sums
}

fn last(probe: &Probe<ClassSum>) -> BTreeMap<u64, (u64, u64)> {
    probe.datasets().pop().unwrap_or_default().into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// S-1
    ///
    /// Whatever the ends (a graceful stop, or an instant one with whatever was under way), and whatever the number of
    /// partitions from run to run, the state is that of every batch once, and its records come in the same order.
    #[test]
    fn state_is_that_of_every_batch_once_whatever_the_restarts(
        runs in proptest::collection::vec((1..5u64, any::<bool>(), 1..5usize), 1..5),
    ) {
        let storage = MemoryStorage::default();
        let mut done = 0;
        for (batches, graceful, partitions) in runs {
            let (mut test, probe) = start(&storage, done, |ssc| {
                sums(&ssc.replayable_stream(Numbers::new(7).0), partitions).named("sums").probe()
            }).unwrap();
            test.advance(batches).unwrap();
            done += batches;
            prop_assert_eq!(last(&probe), expected(done, 7));
            match graceful {
                true => test.stop().unwrap(),
                false => drop(test),
            }
        }
    }
}

///
#[test]
fn a_program_that_was_changed_around_its_state_goes_on_with_it() {
    let storage = MemoryStorage::default();
    let (mut first, _) = start(&storage, 0, |ssc| {
        sums(&ssc.replayable_stream(Numbers::new(7).0).named("numbers"), 2).named("sums").probe()
    })
    .unwrap();
    first.advance(3).unwrap();
    first.stop().unwrap();

    // Other closures, an operator before the state and one after it, another output, another stateful operator before it.
    let (mut second, probe) = start(&storage, 3, |ssc| {
        let numbers = ssc.replayable_stream(Numbers::new(7).0).named("numbers");
        let all = numbers.map(|n| ((), n)).update_state_by_key(|new: &[u64], _: Option<u64>| new.last().copied());
        all.count().foreach_rdd(|dataset| dataset.count().map(drop));
        let classes = numbers.filter(|_| true).map(|number| (number % 5, number));
        let renamed = classes.update_state_by_key_with(
            |news: &[u64], before: Option<(u64, u64)>| {
                let sum = before.map_or(0, |before| before.0) + news.iter().sum::<u64>();
                Some((sum, before.map_or(0, |before| before.1) + news.len() as u64))
            },
            2,
        );
        renamed.named("sums").map(|record| record).probe()
    })
    .unwrap();
    second.advance(1).unwrap();
    assert_eq!(last(&probe), expected(4, 7));
    second.stop().unwrap();
}

///
#[test]
fn state_of_another_type_is_refused_by_the_operators_name_and_stays_as_it_was() {
    let storage = MemoryStorage::default();
    let (mut first, _) = start(&storage, 0, |ssc| {
        sums(&ssc.replayable_stream(Numbers::new(7).0).named("numbers"), 2).named("sums").probe()
    })
    .unwrap();
    first.advance(2).unwrap();
    first.stop().unwrap();

    let theirs = storage.clone();
    let refused = TestRun::new().begin(t(2)).start(move |ssc| {
        ssc.checkpoint_to(Arc::new(theirs));
        let classes = ssc.replayable_stream(Numbers::new(7).0).named("numbers").map(|n| (n % 5, n));
        classes
            .update_state_by_key(|new: &[u64], _: Option<String>| new.last().map(u64::to_string))
            .named("sums")
            .print();
    });
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("\"sums\"") && error.contains(".named("), "{error}");

    let (mut again, probe) = start(&storage, 2, |ssc| {
        sums(&ssc.replayable_stream(Numbers::new(7).0).named("numbers"), 2).named("sums").probe()
    })
    .unwrap();
    again.advance(1).unwrap();
    assert_eq!(last(&probe), expected(3, 7));
    again.stop().unwrap();
}

/// A program that lacks an operator, and the one before it again: with its state as long as nothing has been committed without it.
#[test]
fn an_operator_that_was_taken_out_comes_back_with_its_state_until_a_batch_is_committed_without_it() {
    for committed_without in [0, 1] {
        let storage = MemoryStorage::default();
        let with = |begin: u64, batches: u64| {
            let (mut test, probe) = start(&storage, begin, |ssc| {
                sums(&ssc.replayable_stream(Numbers::new(7).0).named("numbers"), 2).named("sums").probe()
            })
            .unwrap();
            test.advance(batches).unwrap();
            test.stop().unwrap();
            last(&probe)
        };
        with(0, 3);
        let theirs = storage.clone();
        let (mut without, ()) = TestRun::new()
            .begin(t(3))
            .start(move |ssc| {
                ssc.checkpoint_to(Arc::new(theirs));
                ssc.replayable_stream(Numbers::new(7).0)
                    .named("numbers")
                    .foreach_rdd(|dataset| dataset.count().map(drop));
            })
            .unwrap();
        without.advance(committed_without).unwrap();
        drop(without);
        let found = with(3 + committed_without, 1);
        let all: u64 = found.values().map(|(_, count)| count).sum();
        match committed_without {
            0 => assert_eq!(found, expected(4, 7)),
            _ => assert_eq!(all, 7, "it begins with nothing rather than with a hole"),
        }
    }
}

/// S-1
///
/// A stateful stream that a window reads: the window after the restart needs versions from before it.
#[test]
fn windows_over_state_reach_back_before_a_restart() {
    let run = |ends: &[u64]| {
        let storage = MemoryStorage::default();
        let (mut done, mut seen) = (0, Vec::new());
        for end in ends.iter().copied().chain([8]) {
            let (mut test, probe) = start(&storage, done, |ssc| {
                let sums = sums(&ssc.replayable_stream(Numbers::new(3).0), 2).named("sums");
                sums.window(seconds(3), seconds(1)).probe()
            })
            .unwrap();
            test.advance(end - done).unwrap();
            drop(test);
            seen.extend(probe.datasets());
            done = end;
        }
        seen
    };
    let undisturbed = run(&[]);
    assert_eq!(undisturbed.len(), 8);
    assert_eq!(run(&[4]), undisturbed);
    assert_eq!(run(&[1, 2, 5, 6]), undisturbed);
}

/// S-5
///
/// The window was shorter in the program before, or was not there.
#[test]
fn a_window_over_state_that_reaches_further_back_than_the_one_before_begins_with_what_is_known() {
    const CHANGES: [([u64; 3], u32); 7] = [
        ([0, 3, 3], 1),
        ([1, 3, 3], 1),
        ([2, 5, 2], 1),
        ([3, 1, 4], 1),
        ([0, 5, 5], 1),
        ([1, 3, 1], 2),
        ([0, 2, 4], 2),
    ];
    let count = |_: &u64, _: Option<u64>, numbers: &mut State<u64>| {
        numbers.update(numbers.get_option().unwrap_or(&0) + 1);
    };
    for (lengths, slide) in CHANGES {
        let storage = MemoryStorage::default();
        for (run, length) in (0..).zip(lengths) {
            let theirs = storage.clone();
            let (mut test, (sums, counts)) = TestRun::new()
                .begin(t(4 * run))
                .start(move |ssc| {
                    ssc.checkpoint_to(Arc::new(theirs));
                    let numbers = ssc.replayable_stream(Numbers::new(3).0);
                    let sums = sums(&numbers, 2).named("sums");
                    let counts = numbers.map(|n| (n % 5, n)).map_with_state(StateSpec::function(count)).named("counts");
                    let counts = counts.state_snapshots();
                    match u32::try_from(length) {
                        Ok(0) => (sums.probe(), counts.probe()),
                        Ok(n) => {
                            let (length, slide) = (seconds(1) * n * slide, seconds(1) * slide);
                            (sums.window(length, slide).probe(), counts.window(length, slide).probe())
                        }
                        Err(_) => unreachable!("lengths are short"),
                    }
                })
                .unwrap();
            test.advance(4).unwrap();
            let (end, reach) = (4 * (run + 1), (length * u64::from(slide)).max(1));
            let of = |batch: u64| expected(batch, 3).into_iter().collect::<Vec<_>>();
            let all: Vec<ClassSum> = (1..=end).filter(|batch| batch + reach > end).flat_map(of).collect();
            let new: Vec<ClassSum> = (4 * run + 1..=end).filter(|batch| batch + reach > end).flat_map(of).collect();
            let found = sums.datasets().pop().unwrap();
            let at = format!("lengths {lengths:?}, slide {slide}, run {run}");
            assert!(found.iter().all(|record| all.contains(record)), "{at}: {found:?}");
            assert!(new.iter().all(|record| found.contains(record)), "{at}: {found:?}");
            let counted: Vec<(u64, u64)> = found.into_iter().map(|(class, (_, count))| (class, count)).collect();
            assert_same_records(counts.datasets().pop().unwrap(), counted);
            test.stop().unwrap();
        }
    }
}

///
#[test]
fn one_more_operator_with_state_and_no_name_is_refused_since_it_could_take_the_state_of_another() {
    let storage = MemoryStorage::default();
    let one = |ssc: &StreamingContext| sums(&ssc.replayable_stream(Numbers::new(7).0), 2).probe();
    let two = |name: Option<&'static str>| {
        move |ssc: &StreamingContext| {
            let numbers = ssc.replayable_stream(Numbers::new(7).0);
            let evens = sums(&numbers.filter(|n| n % 2 == 0), 2);
            let evens = name.map_or(evens, |name| evens.named(name));
            evens.foreach_rdd(|dataset| dataset.count().map(drop));
            sums(&numbers, 2).probe()
        }
    };
    let (mut first, _) = start(&storage, 0, one).unwrap();
    first.advance(2).unwrap();
    first.stop().unwrap();
    let refused = start(&storage, 2, two(None)).err().unwrap().to_string();
    assert!(refused.contains("1 `update_state_by_key") && refused.contains(".named("), "{refused}");

    let (mut again, probe) = start(&storage, 2, one).unwrap();
    again.advance(1).unwrap();
    assert_eq!(last(&probe), expected(3, 7));
    again.stop().unwrap();
}
