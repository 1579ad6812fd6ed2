//! Programs with a checkpoint, whose process dies anywhere and which are started again.

use crate::store::{Fails, Store, turn};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::ReplayableStream;
use waterwheel_operators::prelude::*;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_runtime::config::CheckpointConfig;
use waterwheel_runtime::durable::MemoryStorage;

/// Records of a batch.
const PER_BATCH: i64 = 4;

/// Records that have to be seen.
const RECORDS: i64 = 6 * PER_BATCH;

/// More processes than any script needs, since a script ends.
const PROCESSES: usize = 100;

/// Numbers from 0 on.
struct Numbers(i64);

impl ReplayableStream<i64> for Numbers {
    type Range = (i64, i64);

    fn start(&mut self, _: Time, last: Option<(i64, i64)>) -> Result<(), JobError> {
        self.0 = last.map_or(0, |(_, end)| end);
        Ok(())
    }

    fn next(&mut self, _: Time) -> Result<(i64, i64), JobError> {
        self.0 += PER_BATCH;
        Ok((self.0 - PER_BATCH, self.0))
    }

    fn read(&mut self, range: &(i64, i64), inputs: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
        Ok(Some(inputs.scope.parallelize(range.0..range.1, 2)))
    }
}

/// What stays when a process ends.
#[derive(Clone, Default)]
struct World {
    store: Store,
    checkpoint: MemoryStorage,
}

impl World {
    /// Starts a process at `begin`.
    fn start(&self, policy: FailurePolicy, every: Duration, begin: Time) -> (RunningContext, ManualClock) {
        let clock = ManualClock::new(begin);
        self.store.process(&clock);
        let mut checkpoint = CheckpointConfig::default();
        checkpoint.interval = Some(every);
        let config = Config::local("test").with_cores(1).with_handle_signals(false).with_failure_policy(policy);
        let config = config.with_checkpoint(checkpoint);
        let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
        ssc.checkpoint_to(Arc::new(self.checkpoint.clone()));
        ssc.replayable_stream(Numbers(0)).transactional_output("numbers", self.store.clone());
        (ssc.start().unwrap(), clock)
    }

    /// The records in the order in which they became visible.
    fn visible(&self) -> Vec<i64> {
        self.store.visible().into_iter().flat_map(|(_, records)| records).collect()
    }

    fn complete(&self) -> bool {
        self.visible().iter().any(|record| *record >= RECORDS - 1)
    }

    /// Runs processes one after the other until all records are visible, or too many of them were skipped.
    fn run(&self, script: Vec<Option<Fails>>, policy: FailurePolicy, every: Duration) {
        let script = Arc::new(Mutex::new(script.into_iter()));
        self.store.script(move |_| script.lock().unwrap().next().flatten());
        let mut now = Time::ZERO;
        for _ in 0..PROCESSES {
            let (running, clock) = self.start(policy, every, now);
            turn(&running, &clock, || self.store.dead() || self.complete());
            let _ = running.stop(Stop::Immediate);
            if self.complete() {
                return;
            }
            now = clock.now();
        }
        panic!("{PROCESSES} processes have not been enough");
    }
}

fn fails() -> impl Strategy<Value = Option<Fails>> {
    prop_oneof![
        6 => Just(None),
        2 => Just(Some(Fails::Before)),
        2 => Just(Some(Fails::After)),
        1 => Just(Some(Fails::Panics)),
        2 => Just(Some(Fails::DiesBefore)),
        2 => Just(Some(Fails::DiesAfter)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// O-10
    #[test]
    fn every_record_is_visible_once_and_in_order_over_any_number_of_restarts(
        script in vec(fails(), 0..40),
        retries in any::<bool>(),
        batches_per_checkpoint in 1_u32..4,
    ) {
        let retry = FailurePolicy::Retry { attempts: 2, delay: Duration::ZERO };
        let policy = if retries { retry } else { FailurePolicy::Stop };
        let world = World::default();
        world.run(script, policy, batches_per_checkpoint * seconds(1));
        let visible = world.visible();
        prop_assert_eq!(&visible, &(0..i64::try_from(visible.len()).unwrap()).collect::<Vec<_>>());
    }

    /// O-13
    #[test]
    fn a_batch_that_is_skipped_is_missing_as_a_whole_over_any_number_of_restarts(
        script in vec(fails(), 0..40),
        batches_per_checkpoint in 1_u32..4,
    ) {
        let world = World::default();
        world.run(script, FailurePolicy::Skip, batches_per_checkpoint * seconds(1));
        for (_, records) in world.store.visible() {
            prop_assert_eq!(&records, &(records[0]..records[0] + PER_BATCH).collect::<Vec<_>>());
            prop_assert_eq!(records[0] % PER_BATCH, 0);
        }
        prop_assert!(world.visible().is_sorted_by(|one, next| one < next), "{:?}", world.visible());
    }
}

#[test]
fn what_batches_between_two_checkpoints_prepare_is_committed_with_the_next_checkpoint_in_order() {
    let world = World::default();
    let (running, clock) = world.start(FailurePolicy::Stop, seconds(3), Time::ZERO);
    for batch in 1..=5 {
        clock.advance(seconds(1));
        assert!(running.wait_for_batches(batch, crate::store::PATIENCE));
        let expected = if batch < 3 { 0 } else { 3 * PER_BATCH };
        assert_eq!(world.visible(), (0..expected).collect::<Vec<_>>(), "after batch {batch}");
    }
    let commits: Vec<String> = world.store.told().into_iter().filter(|call| call.starts_with("commit")).collect();
    assert_eq!(commits, ["commit 1000", "commit 2000", "commit 3000"]);
    // A graceful stop is a checkpoint, too.
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(world.visible(), (0..5 * PER_BATCH).collect::<Vec<_>>());
}

#[test]
fn a_commit_that_a_graceful_stop_cannot_make_is_told_and_made_at_the_next_start() {
    let world = World::default();
    let (running, clock) = world.start(FailurePolicy::Stop, seconds(3), Time::ZERO);
    clock.advance(seconds(1));
    assert!(running.wait_for_batches(1, crate::store::PATIENCE));
    world.store.script(|call| (call.what == "commit").then_some(Fails::Before));
    running.request_stop(Stop::Graceful);
    turn(&running, &clock, || false);
    let error = running.await_termination().unwrap_err().to_string();
    assert!(
        error.contains("transactional_output at") && error.contains("(attempt 4 of 4); the batch is done"),
        "{error}"
    );
    assert_eq!(world.visible(), [0; 0]);
    let now = clock.now();
    drop(running);
    world.store.script(|_| None);
    let (running, _) = world.start(FailurePolicy::Stop, seconds(3), now);
    assert_eq!(world.visible(), (0..PER_BATCH).collect::<Vec<_>>());
    running.stop(Stop::Immediate).unwrap();
}
