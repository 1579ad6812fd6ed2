//! An hour of batches of ten milliseconds under a clock turned by hand: memory is flat. In a file of its own, since it looks at
//! the memory of the whole process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use waterwheel::prelude::*;

const INTERVAL: Duration = Duration::from_millis(10);

/// An hour of them.
const BATCHES: u64 = 360_000;

/// Batches between two looks.
const STEP: u64 = 4_000;

/// How long a step may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much the process may grow after its first tenth of an hour. A batch that left a hundred bytes behind would leave 32 MB.
const MAY_GROW: u64 = 12 << 20;

/// One record in each batch, its number; every fifth batch has none.
struct Numbers(i64);

impl InputStream<i64> for Numbers {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<i64>>, JobError> {
        self.0 += 1;
        let records = if self.0 % 5 == 0 { None } else { Some(self.0) };
        Ok(Some(inputs.scope.parallelize(records, 1)))
    }
}

/// Resident memory of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// B-8
#[test]
fn an_hour_of_batches_of_ten_milliseconds_leaves_memory_flat() {
    let clock = ManualClock::new(Time::ZERO);
    let config = Config::local("hour").with_cores(1).with_default_parallelism(1).with_handle_signals(false);
    let ssc = StreamingContext::with_clock(config, INTERVAL, Arc::new(clock.clone())).unwrap();
    let numbers = ssc.input_stream(Numbers(0));
    let pairs = numbers.map(|n| (n % 3, 1_i64));
    // Half a second of batches, reduced every second; a tenth of a second, kept and joined.
    let sums = pairs.reduce_by_key_and_window(|a, b| a + b, 50 * INTERVAL, 100 * INTERVAL);
    let last = pairs.window(10 * INTERVAL, 100 * INTERVAL);
    let (counted, joined) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let (total, rows) = (counted.clone(), joined.clone());
    sums.foreach_rdd(move |sums| {
        sums.collect().map(|sums| {
            total.fetch_add(sums.into_iter().map(|(_, n)| n).sum(), Ordering::SeqCst);
        })
    });
    let both = last.join(&sums);
    both.foreach_rdd(move |both| {
        both.count().map(|n| {
            rows.fetch_add(n as i64, Ordering::SeqCst);
        })
    });
    // In every batch: a dataset that is made and given back. A job in each of them would make this test last minutes.
    numbers.map(|n| n + 1).foreach_rdd(|_| {});

    let running = ssc.start().unwrap();
    let mut settled = None;
    for done in (STEP..=BATCHES).step_by(STEP as usize) {
        clock.advance(INTERVAL * STEP as u32);
        assert!(running.wait_for_batches(done, PATIENCE), "{running:?} after {done} batches");
        let held = running.settled_snapshot().unwrap();
        assert!(held.blocks.blocks <= 64 && held.shuffles <= 64, "{held:?} after {done} batches");
        if done >= BATCHES / 10 {
            let now = resident();
            let before = *settled.get_or_insert(now);
            assert!(now <= before + MAY_GROW, "{before} bytes have become {now} after {done} batches");
        }
    }
    running.stop(Stop::Graceful).unwrap();
    // In every second the 40 numbers of its last 50 batches, and the 8 of its last ten.
    assert_eq!(counted.load(Ordering::SeqCst), 3600 * 40);
    assert_eq!(joined.load(Ordering::SeqCst), 3600 * 8);
}
