//! Spark's `RecurringTimerSuite`, "basic", with its data, for the two timers that there are: the ticker of the batches, and what cuts
//! blocks.

use crate::support::*;
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

fn t(millis: i64) -> Time {
    Time::from_millis(millis)
}

/// A context of such batches on a clock that is a tenth of a second before `start`.
fn before(start: Time, config: Config, interval: Duration) -> (StreamingContext, ManualClock) {
    let clock = ManualClock::new(start - milliseconds(100));
    let ssc = StreamingContext::with_clock(config, interval, Arc::new(clock.clone())).unwrap();
    (ssc, clock)
}

/// T-2
#[test]
fn batches_come_at_0_and_100_and_both_that_a_turn_by_200_passes_and_the_last_is_known_after_the_stop() {
    for how in [Stop::Immediate, Stop::Graceful] {
        let (ssc, clock) = before(t(0), config(), milliseconds(100));
        let (tell, times) = channel();
        let numbers = ssc.constant_stream(ssc.engine().parallelize([1], 1));
        numbers.foreach_rdd_with_time(move |_, time| tell.send(time.millis()));
        let running = ssc.start().unwrap();
        wait_until(|| clock.next_deadline() == Some(t(0)));
        assert!(times.try_recv().is_err());
        let mut batches = 0;
        for (by, called) in [(100, vec![0]), (100, vec![100]), (200, vec![200, 300])] {
            clock.advance(milliseconds(by));
            batches += called.len() as u64;
            assert!(running.wait_for_batches(batches, DEADLINE), "after {by}: {running:?}");
            assert_same(times.try_iter(), called);
        }
        running.stop(how).unwrap();
        assert_eq!((running.last_batch(), times.try_recv().is_err()), (Some(t(300)), true));
    }
}

/// A block interval that was missed has no block, so there is nothing to make up for. The last block is cut by the stop, and is in the
/// batch whose tick would have come next.
/// I-2
#[test]
fn blocks_are_cut_at_0_and_100_and_once_after_a_turn_by_200_and_the_last_one_by_the_stop() {
    // Far from any tick of the batches, which cuts as well.
    let (start, hour) = (t(60_000), seconds(3600));
    let (ssc, clock) = before(start, config().with_block_interval(milliseconds(100)), hour);
    let (stream, handles) = handing::<u32>(&ssc, StorageLevel::MemoryAndDisk);
    let blocks = batches(stream.glom());
    let running = ssc.start().unwrap();
    let handle = handles.recv_timeout(DEADLINE).unwrap();
    let cut = || running.engine().snapshot().unwrap().blocks.blocks;
    for (number, next, by) in [(1, 0, 100), (2, 100, 100), (3, 200, 200)] {
        block_on(handle.store(number)).unwrap();
        wait_until(|| clock.next_deadline() == Some(start + milliseconds(next)));
        assert_eq!(cut(), number as usize - 1, "nothing is cut before its time");
        clock.advance(milliseconds(by));
        wait_until(|| cut() == number as usize);
    }
    wait_until(|| clock.next_deadline() == Some(start + milliseconds(400)));
    block_on(handle.store(4)).unwrap();
    running.stop(Stop::Graceful).unwrap();
    assert_same(blocks.try_iter().flatten(), [vec![1], vec![2], vec![3], vec![4]]);
    assert_eq!(running.last_batch(), Some(t(0) + hour));
}
