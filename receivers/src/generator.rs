//! Records made up at a steady rate: `generator_stream`.
//!
//! For load tests, demonstrations and tests of recovery: record n is a function of the seed and n alone, so that two runs, or
//! a run and the count on paper, can be compared.

use crate::pace::Pace;
use crate::store::store_at_rate;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use waterwheel_operators::record::Record;
use waterwheel_operators::{DStream, StreamingContext};
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};
use waterwheel_runtime::site::Site;

pub use rand::Rng;
/// What a generator takes its chance from: quick, and the same for the same seed on every 64-bit machine.
pub use rand::rngs::SmallRng;

use rand::SeedableRng;

/// Records made at a time at most: enough to make storing cheap, few enough that a stop is heard soon.
const STEP: usize = 4096;

/// Records are made at most this often, so that a high rate does not turn into a timer for each of them.
const TICK: Duration = Duration::from_millis(1);

/// Streams of made-up records; see the [module](self).
pub trait GeneratorSource {
    /// A stream of `records_per_s` records per second: record n, from 0, is `make(n, chance)`, where `chance` depends on `seed`
    /// and n alone.
    ///
    /// The rate holds over the whole run, not from tick to tick: a generator that was held back by the stream's limits
    /// catches up. It ends when the program stops. A panic in `make` is reported; the generator is started again after
    /// `receiver.restart_delay`, with the record after the one that failed. Blocks are kept at `MEMORY_AND_DISK`.
    ///
    /// # Errors
    /// A rate of 0 is a misuse, which `start` returns.
    ///
    /// ```
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let ssc = StreamingContext::new(Config::local("Dice"), milliseconds(20))?;
    /// let (batches, received) = std::sync::mpsc::channel();
    /// let throws = ssc.generator_stream(1000, 42, |n, chance| (n, chance.random_range(1..=6)));
    /// throws.foreach_rdd(move |rdd| rdd.collect().map(|throws: Vec<(u64, u8)>| drop(batches.send(throws))));
    /// let running = ssc.start()?;
    ///
    /// let throws: Vec<_> = received.iter().flatten().take(50).collect();
    /// assert!((0..50).eq(throws.iter().map(|(n, _)| *n)));
    /// assert!(throws.iter().all(|(_, eyes)| (1..=6).contains(eyes)));
    /// running.stop(Stop::Graceful)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn generator_stream<T: Record>(
        &self,
        records_per_s: u64,
        seed: u64,
        make: impl Fn(u64, &mut SmallRng) -> T + Send + Sync + 'static,
    ) -> DStream<'_, T>;
}

impl GeneratorSource for StreamingContext {
    fn generator_stream<T: Record>(
        &self,
        records_per_s: u64,
        seed: u64,
        make: impl Fn(u64, &mut SmallRng) -> T + Send + Sync + 'static,
    ) -> DStream<'_, T> {
        let site = Site::here("generator_stream");
        if records_per_s == 0 {
            self.misuse(site, "at a rate of 0 records per second there would never be any; give at least 1");
        }
        let (make, next) = (Arc::new(make), Arc::new(AtomicU64::new(0)));
        let name = format!("generator of {records_per_s} records/s");
        let factory = move || Generator { records_per_s, seed, make: make.clone(), next: next.clone() };
        self.receiver_stream_at(site, name, StorageLevel::MemoryAndDisk, factory)
    }
}

struct Generator<F> {
    records_per_s: u64,
    seed: u64,
    make: Arc<F>,
    /// The next record's number. Outlives the receiver, so that the next one goes on where a panic ended it.
    next: Arc<AtomicU64>,
}

impl<T, F> Receiver for Generator<F>
where
    T: Record,
    F: Fn(u64, &mut SmallRng) -> T + Send + Sync + 'static,
{
    type Record = T;

    async fn run(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        let start = handle.clock().monotonic();
        let mut pace = Pace::new(self.records_per_s, STEP);
        while !handle.is_stopped() {
            let elapsed = handle.clock().monotonic().saturating_sub(start);
            let due = pace.take_due(elapsed);
            if due > 0 {
                let records = (0..due).map(|_| self.record()).collect();
                if store_at_rate(&handle, records, None).await.is_err() {
                    break;
                }
                // One that has to catch up would otherwise never let the arbiter's other receivers run.
                tokio::task::yield_now().await;
                continue;
            }
            let Some(next) = pace.next_due() else {
                handle.stopped().await;
                break;
            };
            tokio::select! {
                () = handle.clock().sleep(next.saturating_sub(elapsed).max(TICK)) => {}
                () = handle.stopped() => break,
            }
        }
        Ok(())
    }
}

impl<F> Generator<F> {
    fn record<T>(&self) -> T
    where
        F: Fn(u64, &mut SmallRng) -> T,
    {
        // Counted before it is made: a record whose making panics would panic again.
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        (self.make)(n, &mut chance(self.seed, n))
    }
}

/// The chance of record `n`.
fn chance(seed: u64, n: u64) -> SmallRng {
    // By an odd factor, so that no two records of one seed share theirs.
    SmallRng::seed_from_u64(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn chance_depends_on_seed_and_number() {
        let draws = |seed| (0..1000).map(|n| chance(seed, n).random::<u64>()).collect::<Vec<_>>();
        assert_eq!(draws(1), draws(1));
        let all: BTreeSet<u64> = (0..10).flat_map(draws).collect();
        assert_eq!(all.len(), 10_000);
    }

    #[test]
    fn chance_is_fair_over_the_records() {
        let heads = (0..10_000).filter(|n| chance(7, *n).random::<bool>()).count();
        assert!((4_800..=5_200).contains(&heads), "{heads}");
    }

    /// Recorded: another version of the generator would change every test that compares with an earlier run.
    #[test]
    fn chance_stays_the_same_from_build_to_build() {
        assert_eq!(chance(42, 7).random::<u64>(), 13_922_831_429_140_427_811);
    }
}
