//! `update_state_by_key`: the rows of Spark's suites with their data, failures, and a model.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestInput, TestRun, assert_same_batches, run};
use waterwheel_runtime::config::FailurePolicy;
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::event::Event;

type Counts = Vec<(String, i64)>;

fn letters(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

/// `a:1,b:2`.
fn counts(text: &str) -> Counts {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once(':').map(|(key, n)| (key.to_owned(), n.parse().unwrap())).unwrap()).collect()
}

const INPUT: [&str; 6] = ["a", "ab", "abc", "ab", "a", ""];

fn input() -> Vec<Vec<String>> {
    INPUT.map(letters).to_vec()
}

fn ones(word: String) -> (String, i64) {
    (word, 1)
}

fn sum(ones: &[i64], sum: Option<i64>) -> Option<i64> {
    Some(sum.unwrap_or(0) + ones.iter().sum::<i64>())
}

/// SPARK_SEMANTICS section 1, "updateStateByKey".
#[test]
fn state_is_held_in_full_in_every_batch() {
    let found = run(input(), |words| words.map(ones).update_state_by_key(sum)).unwrap();
    let expected = ["a:1", "a:2,b:1", "a:3,b:2,c:1", "a:4,b:3,c:1", "a:5,b:3,c:1", "a:5,b:3,c:1"].map(counts);
    assert_same_batches(found, expected);
}

/// Section 1, "simple with initial value RDD"; section 17, testUpdateStateByKeyWithInitial.
#[test]
fn initial_states_join_before_the_first_batch() {
    let found = run(input(), |words| {
        let initial = words.context().parallelize(counts("a:1,c:2"), 2);
        words.map(ones).update_state_by_key_from(sum, Partitioner::hash(2), &initial)
    });
    let expected = ["a:2,c:2", "a:3,b:1,c:2", "a:4,b:2,c:3", "a:5,b:3,c:3", "a:6,b:3,c:3", "a:6,b:3,c:3"].map(counts);
    assert_same_batches(found.unwrap(), expected);

    let batches = [counts("ca:4,ny:5"), counts("ca:10,ny:4"), Vec::new()];
    let found = run(batches, |pairs| {
        let initial = pairs.context().parallelize(counts("ca:1,ny:2,ca:99"), 3);
        pairs.update_state_by_key_from(sum, 3, &initial)
    });
    assert_same_batches(found.unwrap(), ["ca:5,ny:7", "ca:15,ny:11", "ca:15,ny:11"].map(counts));
}

/// A difference to Spark (BASELINE trap 6), where the initial states are not seen before the first dataset.
#[test]
fn initial_states_are_there_from_the_first_batch_on_even_without_a_dataset() {
    let found = run([None, Some(counts("a:1"))], |pairs| {
        let initial = pairs.context().parallelize(counts("a:1"), 1);
        pairs.update_state_by_key_from(sum, 2, &initial)
    });
    assert_same_batches(found.unwrap(), ["a:1", "a:2"].map(counts));
}

/// Section 1, "testing time stamps as input".
#[test]
fn the_function_may_be_given_the_batch_time() {
    let found = run(input(), |words| {
        let initial = words.context().parallelize(counts("a:0,c:0"), 1);
        let stamp = |time: Time, _: &String, ones: &[i64], state: Option<i64>| {
            let time = if ones.is_empty() { 0 } else { time.millis() };
            Some(state.unwrap_or(0) + time)
        };
        words.map(ones).update_state_by_key_with_time(stamp, 2, Some(&initial))
    });
    let expected = [
        "a:1000,c:0",
        "a:3000,b:2000,c:0",
        "a:6000,b:5000,c:3000",
        "a:10000,b:9000,c:3000",
        "a:15000,b:9000,c:3000",
        "a:15000,b:9000,c:3000",
    ];
    assert_same_batches(found.unwrap(), expected.map(counts));
}

/// Section 1, "with initial value RDD": the iterator form.
#[test]
fn the_keys_of_a_partition_may_be_updated_by_one_function() {
    let found = run(input(), |words| {
        let initial = words.context().parallelize(counts("a:1,c:2"), 1);
        let update = |_: Time, keys: &mut dyn Iterator<Item = (String, Vec<i64>, Option<i64>)>| {
            keys.filter_map(|(key, ones, state)| Some((key, sum(&ones, state)?))).collect()
        };
        words.map(ones).update_state_by_partition(update, 2, Some(&initial))
    });
    let expected = ["a:2,c:2", "a:3,b:1,c:2", "a:4,b:2,c:3", "a:5,b:3,c:3", "a:6,b:3,c:3", "a:6,b:3,c:3"].map(counts);
    assert_same_batches(found.unwrap(), expected);
}

/// FEATURES K-2: keys may change, and disappear, within their partition.
#[test]
fn keys_may_be_replaced_by_others_of_their_partition_and_by_no_others() {
    let found = run([vec![(1, 10), (1, 1)], vec![], vec![]], |pairs| {
        let age = |_: Time, keys: &mut dyn Iterator<Item = (i32, Vec<i32>, Option<i32>)>| {
            keys.filter_map(|(key, new, state)| {
                Some((key + i32::from(state.is_some()), new.into_iter().chain(state).sum())).filter(|(key, _)| *key < 3)
            })
            .collect()
        };
        pairs.update_state_by_partition(age, 1, None)
    });
    assert_eq!(found.unwrap(), [vec![(1, 11)], vec![(2, 11)], vec![]]);

    let parity = Partitioner::custom(2, |key: &i32| *key as usize);
    let strays = run([vec![(1, 1)]], |pairs| {
        let next = |_: Time, keys: &mut dyn Iterator<Item = (i32, Vec<i32>, Option<i32>)>| {
            keys.map(|(key, ..)| (key + 1, 0)).collect()
        };
        pairs.update_state_by_partition(next, parity, None)
    });
    let error = strays.unwrap_err().to_string();
    assert!(error.contains("belongs to partition 0") && error.contains("update_state_by_partition at"), "{error}");
}

/// Section 1, "object lifecycle".
#[test]
fn a_key_without_a_state_is_forgotten_and_batches_without_a_dataset_update_all_the_same() {
    let script = [Some("ab"), None, Some("aca"), Some("c"), None, None].map(|batch| batch.map(letters));
    let found = run(script, |words| {
        let live = |ones: &[i64], state: Option<(i64, i64)>| {
            let (counter, expire) = state.unwrap_or_default();
            let next = if ones.is_empty() { (counter, expire + 1) } else { (counter + ones.iter().sum::<i64>(), 0) };
            (next.1 < 2).then_some(next)
        };
        words.map(ones).update_state_by_key(live).map_values(|(counter, _)| counter)
    });
    assert_same_batches(found.unwrap(), ["a:1,b:1", "a:1,b:1", "a:3,c:1", "a:3,c:2", "c:2", ""].map(counts));
}

/// Section 18, test_update_state_by_key: lists in the order of (partition, position).
#[test]
fn values_come_in_order() {
    let script = (0..5).map(|i| vec![("k".to_owned(), 10 * i), ("l".to_owned(), 0), ("k".to_owned(), 10 * i + 1)]);
    let found = run(script, |pairs| {
        let append = |new: &[i32], list: Option<Vec<i32>>| Some([list.unwrap_or_default(), new.to_vec()].concat());
        pairs.update_state_by_key_with(append, 1).filter(|(key, _)| key == "k")
    });
    let lists: Vec<i32> = (0..5).flat_map(|i| [10 * i, 10 * i + 1]).collect();
    let expected = (1..=5).map(|n| vec![("k".to_owned(), lists[..2 * n].to_vec())]);
    assert_eq!(found.unwrap(), expected.collect::<Vec<_>>());
}

/// Section 4, SPARK-6847: one state made of another.
#[test]
fn states_of_states_are_updated_in_turn() {
    let found = run(vec![vec![letters("a")[0].clone()]; 3], |words| {
        let once = words.map(ones).update_state_by_key(sum);
        once.update_state_by_key_with(sum, 3)
    });
    assert_same_batches(found.unwrap(), ["a:1", "a:3", "a:6"].map(counts));
}

#[test]
fn every_key_is_updated_once_a_batch_however_many_outputs_read_it() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let words = TestInput::new();
    let (mut test, probes) = TestRun::new()
        .start(|ssc| {
            let states = words.stream(ssc).map(ones).update_state_by_key(move |ones, state| {
                counted.fetch_add(1, Ordering::Relaxed);
                sum(ones, state)
            });
            let few = states.transform(|states| {
                let few = states.take(1).unwrap_or_default();
                states.scope().parallelize(few, 1)
            });
            (few.probe(), states.probe(), states.count().probe())
        })
        .unwrap();
    words.push(letters("abca"));
    test.advance(1).unwrap();
    assert_eq!(calls.swap(0, Ordering::Relaxed), 3);
    test.advance(2).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 6);
    assert_eq!(probes.2.datasets(), [[3], [3], [3]]);
    assert_eq!(probes.0.datasets().concat().len(), 3);
    test.stop().unwrap();
}

#[test]
fn a_batch_is_made_whole_even_if_no_output_asks_for_all_of_it() {
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let theirs = seen.clone();
    let found = run([vec![1, 2, 3, 4], vec![], vec![5]], move |keys| {
        let states = keys.map(|key| (key, ())).update_state_by_key_with(
            move |_, batches: Option<u32>| {
                *theirs.lock().unwrap().entry(batches.unwrap_or(0)).or_insert(0) += 1;
                Some(batches.unwrap_or(0) + 1)
            },
            8,
        );
        states.transform(|states| states.scope().parallelize(states.take(1).unwrap_or_default(), 1)).count()
    });
    assert_eq!(found.unwrap(), [[1], [1], [1]]);
    assert_eq!(*seen.lock().unwrap(), BTreeMap::from([(0, 5), (1, 4), (2, 4)]));
}

#[test]
fn windows_over_states_read_older_versions() {
    let found = run(input(), |words| words.map(ones).update_state_by_key_with(sum, 2).window(seconds(3), seconds(1)));
    let by_batch = ["a:1", "a:2,b:1", "a:3,b:2,c:1", "a:4,b:3,c:1", "a:5,b:3,c:1", "a:5,b:3,c:1"].map(counts);
    let window = |end: usize| by_batch[end.saturating_sub(2)..=end].concat();
    assert_same_batches(found.unwrap(), (0..6).map(window).collect::<Vec<_>>());
}

#[test]
fn state_without_a_checkpoint_directory_is_refused() {
    let ssc = StreamingContext::new(Config::local("test").with_handle_signals(false), seconds(1)).unwrap();
    let pairs = ssc.input_stream(waterwheel_operators::testkit::Scripted::new([counts("a:1")]));
    pairs.update_state_by_key(sum).print();
    let error = ssc.start().unwrap_err().to_string();
    assert!(error.contains("update_state_by_key at") && error.contains("call checkpoint(dir)"), "{error}");
}

fn failing(policy: FailurePolicy, jobs: usize) -> TestRun {
    TestRun::new()
        .configure(|config| config.with_failure_policy(policy).with_concurrent_jobs(jobs).with_task_max_failures(1))
}

/// A sum that panics at 100 as long as `broken` says so.
fn brittle(broken: Arc<AtomicUsize>) -> impl Fn(&[i64], Option<i64>) -> Option<i64> + Send + Sync + 'static {
    move |new, state| {
        let fails = new.contains(&100)
            && broken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        assert!(!fails, "too much");
        sum(new, state)
    }
}

#[test]
fn a_batch_that_is_given_up_leaves_the_state_as_it_was() {
    for jobs in [1, 2] {
        let pairs = TestInput::new();
        let (mut test, (probe, events)) = failing(FailurePolicy::Skip, jobs)
            .start(|ssc| {
                let events = Arc::new(Mutex::new(Vec::new()));
                let told = events.clone();
                ssc.add_streaming_listener(move |event: &Event| {
                    if let Event::BatchCompleted(info) = event {
                        told.lock().unwrap().push((info.outputs.len(), info.succeeded()));
                    }
                });
                let broken = Arc::new(AtomicUsize::new(usize::MAX));
                (pairs.stream(ssc).update_state_by_key_with(brittle(broken), 4).probe(), events)
            })
            .unwrap();
        for batch in ["a:1,b:1", "a:100,b:1,c:5,d:6", "a:1", "b:1"] {
            pairs.push(counts(batch));
        }
        test.jump(4).unwrap();
        assert_same_batches(probe.datasets(), ["a:1,b:1", "a:2,b:1", "a:2,b:2"].map(counts));
        test.wait_until("all events", || events.lock().unwrap().len() == 4).unwrap();
        assert_eq!(*events.lock().unwrap(), [(1, true), (1, false), (1, true), (1, true)]);
        test.stop().unwrap();
    }
}

#[test]
fn a_batch_that_is_tried_again_counts_its_records_once() {
    let policy = FailurePolicy::Retry { attempts: 3, delay: Duration::ZERO };
    for jobs in [1, 2] {
        let broken = Arc::new(AtomicUsize::new(2));
        let found = failing(policy, jobs).run([counts("a:1,b:1"), counts("a:100,b:1,c:5"), counts("a:1")], |pairs| {
            pairs.update_state_by_key_with(brittle(broken), 4)
        });
        assert_same_batches(found.unwrap(), ["a:1,b:1", "a:101,b:2,c:5", "a:102,b:2,c:5"].map(counts));
    }
}

#[test]
fn a_task_that_is_tried_again_finds_the_state_as_it_was() {
    let broken = Arc::new(AtomicUsize::new(3));
    let run = TestRun::new().configure(|config| config.with_task_max_failures(4));
    let found = run
        .run([counts("a:1,b:1"), counts("a:100,b:1,c:5")], |pairs| pairs.update_state_by_key_with(brittle(broken), 1));
    assert_same_batches(found.unwrap(), ["a:1,b:1", "a:101,b:2,c:5"].map(counts));
}

#[test]
fn a_panic_names_the_operator_and_ends_the_program() {
    let error =
        run([counts("a:100")], |pairs| pairs.update_state_by_key(brittle(Arc::new(AtomicUsize::new(9))))).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("update_state_by_key at") && text.contains("too much"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn oracle_states_are_those_of_a_map(
        batches in proptest::collection::vec(
            proptest::option::weighted(0.9, proptest::collection::vec((0..12u8, -3..4i32), 0..20)), 1..8),
        partitions in 1..5usize,
        jobs in 1..3usize,
    ) {
        // Zero is forgotten.
        let update = |new: &[i32], state: Option<i32>| Some(state.unwrap_or(0) + new.iter().sum::<i32>()).filter(|sum| *sum != 0);
        let mut model: BTreeMap<u8, i32> = BTreeMap::new();
        let expected: Vec<Vec<(u8, i32)>> = batches.iter().map(|batch| {
            for (key, value) in batch.iter().flatten() {
                *model.entry(*key).or_default() += value;
            }
            model.retain(|_, sum| *sum != 0);
            model.clone().into_iter().collect()
        }).collect();
        let test = TestRun::new().configure(|config| config.with_concurrent_jobs(jobs));
        let found = test.run(batches, |pairs| pairs.update_state_by_key_with(update, partitions)).unwrap();
        assert_same_batches(found, expected);
    }
}

/// One run of a program over `storage`, from the time at which the last one ended; as many batches as `batches` has.
fn going_on(
    storage: &MemoryStorage,
    begin: i64,
    partitions: usize,
    batches: Vec<Vec<String>>,
) -> Vec<Vec<(String, Counts)>> {
    let words = TestInput::new();
    let count = batches.len() as u64;
    let run = TestRun::new().begin(Time::from_millis(begin * 1000));
    let (mut test, probe) = run
        .start(|ssc| {
            ssc.checkpoint_to(Arc::new(storage.clone()));
            let states = words.stream(ssc).map(ones).update_state_by_key_with(sum, partitions);
            let older = states.map(|state| ((), state)).group_by_key_and_window(seconds(3), seconds(1));
            older.map(|((), states)| ("window".to_owned(), states)).probe()
        })
        .unwrap();
    batches.into_iter().for_each(|batch| words.push(batch));
    test.advance(count).unwrap();
    let found = probe.datasets();
    drop(test);
    found
}

/// Section 4, "recovery with updateStateByKey operation", here killed after every number of batches, with other partitions
/// after it, and with a window that reads versions from before.
#[test]
fn a_restart_goes_on_with_the_last_committed_state() {
    let whole = going_on(&MemoryStorage::default(), 0, 2, vec![letters("ab"); 10]);
    let sorted = |mut batches: Vec<Vec<(String, Counts)>>| {
        batches.iter_mut().flatten().for_each(|(_, states)| states.sort());
        batches
    };
    let whole = sorted(whole);
    assert_eq!(whole[9][0].1, counts("a:8,a:9,a:10,b:8,b:9,b:10"));
    for (cut, partitions) in [(1, 2), (4, 3), (7, 2), (9, 1)] {
        let storage = MemoryStorage::default();
        let mut found = going_on(&storage, 0, 2, vec![letters("ab"); cut]);
        found.extend(going_on(&storage, cut as i64, partitions, vec![letters("ab"); 10 - cut]));
        assert_eq!(sorted(found), whole, "cut at {cut}");
    }
}
