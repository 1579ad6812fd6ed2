//! What is computed once stays computed while somebody holds it, and is given back when nobody does.

#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail as the tests do")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waterwheel_operators::prelude::*;

/// A map that changes nothing and counts the records that it sees.
fn counted<T: Data>(records: &Rdd<T>) -> (Rdd<T>, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let counting = records.map(move |record| {
        counter.fetch_add(1, Ordering::Relaxed);
        record
    });
    (counting, seen)
}

fn seen(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

/// Shuffles and blocks that the engine holds, and the bytes of the blocks.
fn held(engine: &Engine) -> (usize, usize, usize) {
    let snapshot = engine.snapshot().unwrap();
    (snapshot.shuffles, snapshot.blocks.blocks, snapshot.blocks.memory_bytes + snapshot.blocks.disk_bytes)
}

const NOTHING: (usize, usize, usize) = (0, 0, 0);

#[test]
fn shuffles_and_persisted_partitions_are_given_back_with_their_datasets() {
    let engine = Engine::local(2).unwrap();
    for level in StorageLevel::ALL {
        let pairs = engine.parallelize((0..1000).map(|n| (n % 10, n)), 4).persist(level);
        let sums = pairs.reduce_by_key_with(|a, b| a + b, 3);
        let sorted = sums.sort_by_key(true, 3).unwrap().persist(level);
        assert_eq!(sorted.count().unwrap(), 10);
        assert_eq!(sorted.count().unwrap(), 10);
        let (shuffles, blocks, bytes) = held(&engine);
        assert_eq!((shuffles, blocks), (2, 7));
        assert!(bytes > 0);
        drop((pairs, sums));
        assert_eq!(held(&engine).1, 7, "`sorted` is made of them");
        drop(sorted);
        assert_eq!(held(&engine), NOTHING, "{level}");
    }
}

#[test]
fn what_is_dropped_is_given_back_by_the_next_job_without_asking() {
    let engine = Engine::local(2).unwrap();
    for _ in 0..20 {
        engine.parallelize(0..100, 4).repartition(4).cache().count().unwrap();
    }
    assert_eq!(held(&engine), NOTHING);
}

#[test]
fn a_persisted_dataset_is_computed_once_for_any_number_of_jobs_and_children() {
    let engine = Engine::local(2).unwrap();
    let (counting, computed) = counted(&engine.parallelize(0..100, 4));
    let kept = counting.cache();
    assert_eq!(kept.count().unwrap(), 100);
    assert_eq!(kept.filter(|n| n % 2 == 0).count().unwrap(), 50);
    assert_eq!(kept.repartition(2).collect().unwrap().len(), 100);
    assert_eq!(kept.take(3).unwrap(), [0, 1, 2]);
    assert_eq!(seen(&computed), 100);
}

#[test]
fn a_persisted_dataset_is_computed_once_even_when_one_job_reads_it_twice() {
    let engine = Engine::local(2).unwrap();
    let (counting, computed) = counted(&engine.parallelize(0..100, 4));
    let kept = counting.cache();
    kept.count().unwrap();
    let twice = kept.union(&kept).coalesce(1);
    assert_eq!(twice.count().unwrap(), 200);
    assert_eq!(seen(&computed), 100);
}

#[test]
fn partitions_that_were_taken_from_are_kept_one_by_one() {
    let engine = Engine::local(1).unwrap();
    let (counting, computed) = counted(&engine.parallelize(0..100, 10));
    let kept = counting.cache();
    // The first partition has ten records and is seen to its end, the second is not.
    assert_eq!(kept.take(11).unwrap().len(), 11);
    let computed_by_take = seen(&computed);
    assert!(computed_by_take < 100);
    kept.count().unwrap();
    assert!(seen(&computed) < computed_by_take + 100, "the first partition was not computed again");
}

#[test]
fn an_unpersisted_dataset_gives_everything_back_and_is_computed_anew() {
    let engine = Engine::local(2).unwrap();
    let (counting, computed) = counted(&engine.parallelize(0..100, 4));
    let kept = counting.cache();
    kept.count().unwrap();
    kept.unpersist();
    assert_eq!(held(&engine), NOTHING);
    for round in 2..4 {
        assert_eq!(kept.count().unwrap(), 100);
        assert_eq!(seen(&computed), round * 100);
        assert_eq!(held(&engine), NOTHING);
    }
}

#[test]
fn unpersist_is_seen_by_a_job_that_begins_right_after_it() {
    let engine = Engine::local(2).unwrap();
    for _ in 0..50 {
        let (counting, computed) = counted(&engine.parallelize(0..40, 4));
        let kept = counting.cache();
        kept.count().unwrap();
        kept.unpersist();
        assert_eq!(kept.count().unwrap(), 40);
        assert_eq!(seen(&computed), 80);
    }
}

#[test]
fn partitions_that_find_no_room_in_memory_are_computed_again() {
    // Room for two of the eight partitions.
    let engine = Engine::start(EngineOptions { cores: 2, memory: 3000, ..EngineOptions::default() }).unwrap();
    let (counting, computed) = counted(&engine.parallelize(0..1000u64, 8));
    let kept = counting.cache();
    let expected: Vec<u64> = (0..1000).collect();
    for _ in 0..10 {
        assert_eq!(kept.collect().unwrap(), expected);
    }
    let snapshot = engine.snapshot().unwrap();
    assert!(snapshot.blocks.memory_bytes <= 3000 && snapshot.blocks.evicted > 0, "{snapshot:?}");
    assert!(seen(&computed) > 1000);
    drop(kept);
    assert_eq!(held(&engine), NOTHING);
}

#[test]
fn partitions_that_may_lie_on_disk_are_computed_once_however_little_memory_there_is() {
    let engine = Engine::start(EngineOptions { cores: 2, memory: 3000, ..EngineOptions::default() }).unwrap();
    for level in [StorageLevel::MemoryAndDisk, StorageLevel::MemoryAndDiskSer, StorageLevel::DiskOnly] {
        let (counting, computed) = counted(&engine.parallelize(0..1000u64, 8));
        let kept = counting.persist(level);
        for _ in 0..3 {
            assert_eq!(kept.collect().unwrap(), (0..1000).collect::<Vec<u64>>());
        }
        assert_eq!(seen(&computed), 1000, "{level}");
    }
    assert_eq!(held(&engine), NOTHING);
}

#[test]
fn a_partition_larger_than_the_memory_is_used_and_not_kept() {
    let engine = Engine::start(EngineOptions { cores: 1, memory: 100, ..EngineOptions::default() }).unwrap();
    let kept = engine.parallelize(0..1000u64, 1).cache();
    assert_eq!(kept.count().unwrap(), 1000);
    assert_eq!(kept.count().unwrap(), 1000);
    assert_eq!(held(&engine), NOTHING);
}

#[test]
fn the_map_side_of_a_shuffle_runs_once_for_any_number_of_jobs() {
    let engine = Engine::local(2).unwrap();
    let (counting, mapped) = counted(&engine.parallelize((0..100).map(|n| (n % 5, n)), 4));
    let sums = counting.reduce_by_key_with(|a, b| a + b, 3);
    let first = sums.collect().unwrap();
    assert_eq!(sums.collect().unwrap(), first);
    assert_eq!(sums.map_values(|n| n + 1).count().unwrap(), 5);
    assert_eq!(seen(&mapped), 100);
}

#[test]
fn the_branches_of_a_diamond_share_the_shuffle_they_come_from() {
    let engine = Engine::local(2).unwrap();
    let (counting, mapped) = counted(&engine.parallelize((0..100).map(|n| (n % 5, n)), 4));
    let sums = counting.reduce_by_key_with(|a, b| a + b, 3);
    let (less, more) = (sums.map_values(|n| n - 1), sums.map(|(key, n)| (key, n + 1)));
    let joined = less.union(&more).group_by_key_with(2);
    let mut differences = joined.map_values(|ends| ends.iter().rev().fold(0, |a, b| b - a)).collect().unwrap();
    differences.sort();
    assert_eq!(differences, [(0, -2), (1, -2), (2, -2), (3, -2), (4, -2)]);
    assert_eq!(seen(&mapped), 100);
    drop((sums, less, more, joined, counting));
    assert_eq!(held(&engine), NOTHING);
}

#[test]
fn a_dataset_can_be_united_with_itself() {
    let engine = Engine::local(2).unwrap();
    let sums = engine.parallelize((0..20).map(|n| (n % 4, n)), 3).reduce_by_key_with(|a, b| a + b, 3);
    let once = sums.collect().unwrap();
    let keyless = sums.map(|sum| sum);
    assert_eq!(keyless.union(&keyless).collect().unwrap(), [once.clone(), once.clone()].concat());
    assert_eq!(keyless.union(&keyless).coalesce(1).collect().unwrap(), [once.clone(), once].concat());
    let twice = sums.glom().map(|partition| partition.repeat(2));
    assert_eq!(sums.union(&sums).glom().collect().unwrap(), twice.collect().unwrap(), "the keys of both lie alike");
}

#[test]
fn one_task_fetches_shuffled_partitions_from_all_workers() {
    let engine = Engine::local(4).unwrap();
    let sums = engine.parallelize((0..1000).map(|n| (n % 100, n)), 6).reduce_by_key_with(|a, b| a + b, 8);
    let gathered = sums.coalesce(1);
    assert_eq!(gathered.num_partitions(), 1);
    assert_eq!(gathered.collect().unwrap(), sums.collect().unwrap());
}

#[test]
fn a_thousand_partitions_are_computed_and_shuffled() {
    let engine = Engine::local(2).unwrap();
    let many = engine.parallelize(0..5000u32, 1000);
    let sums = many.map(|n| (n % 1500, 1)).reduce_by_key_with(|a, b| a + b, 1000);
    assert_eq!(sums.values().reduce(|a, b| a + b).unwrap(), Some(5000));
    assert_eq!(sums.coalesce(3).repartition(1000).count().unwrap(), 1500);
    drop(sums);
    assert_eq!(held(&engine), NOTHING);
}

#[test]
fn jobs_of_many_threads_share_an_engine() {
    let engine = Engine::local(2).unwrap();
    let (counting, _) = counted(&engine.parallelize((0..200).map(|n| (n % 7, n)), 5));
    let shared = counting.cache().reduce_by_key_with(|a, b| a + b, 4);
    let expected = shared.collect().unwrap();
    let fresh = counting.cache().reduce_by_key_with(|a, b| a + b, 4);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(shared.collect().unwrap(), expected);
                    assert_eq!(fresh.collect().unwrap(), expected);
                }
            });
        }
    });
    drop((shared, fresh));
    assert_eq!(held(&engine), NOTHING);
}

/// A pair's value that is counted by whoever holds the other end.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Tracked {
    #[serde(skip)]
    _by: Arc<()>,
}

/// Two records in the first batch, then none.
struct Once(bool);

impl InputStream<u32> for Once {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<u32>>, JobError> {
        let first = !std::mem::replace(&mut self.0, true);
        Ok(Some(if first { inputs.scope.parallelize([1, 2], 2) } else { inputs.scope.empty_rdd() }))
    }
}

#[test]
fn an_idle_stream_gives_back_what_its_last_busy_batch_held() {
    let clock = ManualClock::new(Time::ZERO);
    let config = Config::local("test").with_cores(2).with_handle_signals(false);
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
    let token = Arc::new(());
    let theirs = token.clone();
    let tracked = ssc.input_stream(Once(false)).map(move |n| (n, Tracked { _by: theirs.clone() }));
    tracked.reduce_by_key(|first, _| first).foreach_rdd(|dataset| dataset.count().map(drop));
    let running = ssc.start().unwrap();
    let mut batches = 0;
    // Given back by a message that nobody waits for, hence more than one idle batch.
    while batches < 3 || Arc::strong_count(&token) > 2 {
        batches += 1;
        clock.advance(seconds(1));
        assert!(batches < 1000, "{} are still held", Arc::strong_count(&token));
        assert!(running.wait_for_batches(batches, std::time::Duration::from_secs(20)));
    }
    running.stop(Stop::Immediate).unwrap();
}
