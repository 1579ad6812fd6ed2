//! Blocks: what is in one, when it is cut, and what a batch has of them.

use crate::support::*;
use std::sync::mpsc::channel;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::receiver::ReceiverHandle;

/// Spark: "block generation and data callbacks", "with block info" and "count messages". Nothing is cut before the block interval is
/// over; each block is a partition of the batch, in the order of the blocks, with its records in theirs, and all are counted.
/// I-2
#[test]
fn a_block_is_cut_at_the_block_interval_and_is_a_partition_of_the_batch() {
    let (ssc, clock) = manual_context(config().with_block_interval(milliseconds(200)));
    let (stored, told) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let stored = stored.clone();
        async move {
            for first in [1, 11, 21] {
                handle.store(first).await?;
                handle.store_many((first + 1..first + 8).collect()).await?;
                // Returns when the block is stored that it and those before it are in.
                handle.store_reliably(vec![first + 8, first + 9]).await?;
                stored.send(first).unwrap();
            }
            handle.stopped().await;
            Ok(())
        }
    });
    let partitions = batches(stream.glom());
    let events = events(&ssc);
    let running = ssc.start().unwrap();
    for first in [1, 11, 21_u32] {
        let (records, end) = (u64::from(first) + 9, Time::from_millis(i64::from(first / 10 + 1) * 200));
        wait_until(|| running.receivers()[0].records == records && clock.next_deadline() == Some(end));
        clock.advance(milliseconds(199));
        assert!(told.try_recv().is_err(), "nothing is cut before its time");
        clock.advance(milliseconds(1));
        assert_eq!(told.recv_timeout(DEADLINE).unwrap(), first);
    }
    clock.advance(milliseconds(400));
    let ranges = [1..11, 11..21, 21..31].map(|range| range.collect::<Vec<u32>>());
    assert_eq!(partitions.recv_timeout(DEADLINE).unwrap(), ranges);
    let info = wait_for(&events, |event| match event {
        Event::BatchCompleted(info) => Some(info.clone()),
        _ => None,
    });
    assert_eq!((info.num_records(), info.records.len()), (30, 1));
    running.stop(Stop::Graceful).unwrap();
}

/// Spark: "createBlockRDD with no block info".
#[test]
fn a_batch_without_blocks_has_a_dataset_without_partitions() {
    let (ssc, clock) = manual_context(config());
    let stream = receive(&ssc, |handle: ReceiverHandle<u32>| async move {
        handle.stopped().await;
        Ok(())
    });
    let partitions = batches(stream.glom());
    let running = ssc.start().unwrap();
    run_batch(&running, &clock, 1);
    assert_eq!(partitions.recv_timeout(DEADLINE).unwrap(), [[0; 0]; 0]);
    running.stop(Stop::Graceful).unwrap();
}
