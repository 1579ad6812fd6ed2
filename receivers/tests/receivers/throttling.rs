//! Spark's row "block generator throttling" with its data: a receiver that stores as fast as it may, 1001 records a second, for two
//! seconds, in blocks of a tenth of a second.

use crate::support::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use waterwheel_operators::prelude::*;
use waterwheel_runtime::receiver::ReceiverHandle;

const RATE: u64 = 1001;
const BLOCKS: usize = 20;

/// What sleeps on the clock when everybody does: the receiver, what cuts its blocks, and the ticker of the batches.
const ASLEEP: usize = 3;

/// Whether `count` is within 5 % of `expected`.
fn is_about(count: u64, expected: u64) -> bool {
    count.abs_diff(expected) * 20 <= expected
}

/// P-2
#[test]
fn for_two_seconds_1001_records_a_second_come_in_and_all_are_in_blocks_of_about_a_hundred() {
    let clock = ManualClock::new(Time::ZERO);
    let config = config().with_block_interval(milliseconds(100)).with_receiver(receivers().with_max_rate(RATE));
    let ssc = StreamingContext::with_clock(config, seconds(2), Arc::new(clock.clone())).unwrap();
    let added = Arc::new(AtomicU64::new(0));
    let count = added.clone();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u64>| {
        let added = count.clone();
        async move {
            loop {
                handle.store(added.load(Ordering::SeqCst)).await?;
                added.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let partitions = batches(stream.glom());
    let running = ssc.start().unwrap();
    // Millisecond by millisecond, and on when the receiver has stored what it may and sleeps.
    for _ in 0..2_000 {
        wait_until(|| clock.waiting() == ASLEEP);
        clock.advance(milliseconds(1));
    }
    wait_until(|| clock.waiting() == ASLEEP);
    let in_two_seconds = added.load(Ordering::SeqCst);
    assert!(is_about(in_two_seconds, 2 * RATE), "{in_two_seconds} records");

    let mut blocks = partitions.recv_timeout(DEADLINE).unwrap();
    // What came in at the end of the two seconds may be in one more.
    let sizes: Vec<u64> = blocks.iter().take(BLOCKS).map(|block| block.len() as u64).collect();
    assert!(sizes.len() == BLOCKS && sizes.iter().all(|size| is_about(*size, RATE / 10)), "{sizes:?}");
    assert!(is_about(sizes.iter().sum(), 2 * RATE), "{sizes:?}");

    running.stop(Stop::Graceful).unwrap();
    blocks.extend(partitions.try_iter().flatten());
    assert_same(blocks.concat(), 0..added.load(Ordering::SeqCst));
}
