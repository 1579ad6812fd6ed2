use super::*;
use crate::clock::ManualClock;
use crate::time::{Time, seconds};
use futures::FutureExt;

/// Blocks of 100 bytes, two of which may wait to be stored; 1000 bytes may be pending.
fn limits() -> IntakeLimits {
    IntakeLimits { block_max_bytes: 100, queue_blocks: 2, max_pending_bytes: 1000, ..IntakeLimits::default() }
}

fn intake(limits: IntakeLimits) -> (Intake<u8>, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    (Intake::new(limits, Arc::new(clock.clone()), 0), clock)
}

/// Stores a record of `bytes` bytes; `None` while that waits.
fn store(intake: &Intake<u8>, record: u8, bytes: usize) -> Option<Result<(), ReceiverStopped>> {
    intake.store_many(vec![record], Some(bytes)).now_or_never().map(|stored| stored.map(drop))
}

fn next(intake: &Intake<u8>) -> Option<QueuedBlock<u8>> {
    intake.next_block().now_or_never()
}

#[test]
fn a_block_is_queued_when_it_is_full_or_cut_and_blocks_are_numbered() {
    let (intake, _) = intake(limits());
    for (record, bytes) in [(1, 60), (2, 60), (3, 10)] {
        assert_eq!(store(&intake, record, bytes), Some(Ok(())));
    }
    assert_eq!(intake.cut(), 2);
    let blocks: Vec<_> = std::iter::from_fn(|| next(&intake)).collect();
    let seen: Vec<_> = blocks.iter().map(|queued| (queued.sequence, queued.block.chunks.concat())).collect();
    assert_eq!(seen, [(0, vec![1, 2]), (1, vec![3])]);
    assert_eq!(intake.records(), 3);
}

#[test]
fn a_full_queue_holds_the_next_record_back_until_a_block_leaves() {
    let (intake, _) = intake(limits());
    (0..2).for_each(|record| assert_eq!(store(&intake, record, 100), Some(Ok(()))));
    let mut waiting = Box::pin(intake.store_many(vec![2], Some(1)));
    assert_eq!((&mut waiting).now_or_never(), None);
    assert!(next(&intake).is_some());
    assert!(matches!(waiting.now_or_never(), Some(Ok(_))));
}

#[test]
fn the_timer_cuts_nothing_while_the_queue_is_full() {
    let (intake, _) = intake(IntakeLimits { queue_blocks: 1, ..limits() });
    assert_eq!(store(&intake, 1, 1), Some(Ok(())));
    intake.cut_if_room();
    let waits = [store(&intake, 2, 1), store(&intake, 3, 1)];
    assert_eq!(waits, [None, None]);
    intake.cut_if_room();
    assert_eq!(next(&intake).map(|queued| queued.sequence), Some(0));
    assert!(next(&intake).is_none());
}

#[test]
fn pending_bytes_hold_a_record_back_until_a_blocks_credit_is_dropped() {
    let (intake, _) = intake(IntakeLimits { block_max_bytes: usize::MAX, ..limits() });
    assert_eq!(store(&intake, 1, 900), Some(Ok(())));
    let mut waiting = Box::pin(intake.store_many(vec![2], Some(200)));
    assert_eq!((&mut waiting).now_or_never(), None);
    // What is in the open block would wait for itself: it was cut.
    let block = next(&intake).unwrap();
    assert_eq!((&mut waiting).now_or_never(), None);
    drop(block.credit);
    assert!(matches!(waiting.now_or_never(), Some(Ok(_))));
}

#[test]
fn a_record_larger_than_all_that_may_be_pending_comes_in_alone() {
    let (intake, _) = intake(limits());
    assert_eq!(store(&intake, 1, 1), Some(Ok(())));
    let mut large = Box::pin(intake.store_many(vec![2], Some(5000)));
    assert_eq!((&mut large).now_or_never(), None);
    drop(next(&intake));
    assert!(matches!(large.now_or_never(), Some(Ok(_))));
    assert_eq!(store(&intake, 3, 1), None);
}

#[test]
fn whoever_waits_is_refused_when_the_intake_is_closed() {
    for limits in [
        IntakeLimits { queue_blocks: 1, ..limits() },
        IntakeLimits { max_pending_bytes: 100, ..limits() },
        IntakeLimits { max_rate: Some(1), ..limits() },
    ] {
        let (intake, _) = intake(limits.clone());
        assert_eq!(store(&intake, 1, 100), Some(Ok(())));
        let mut waiting = Box::pin(intake.store_many(vec![2], Some(100)));
        assert_eq!((&mut waiting).now_or_never(), None, "{limits:?}");
        intake.close();
        assert_eq!(waiting.now_or_never(), Some(Err(ReceiverStopped)), "{limits:?}");
        assert_eq!(store(&intake, 3, 1), Some(Err(ReceiverStopped)), "{limits:?}");
    }
}

#[test]
fn a_stop_refuses_what_the_rate_holds_back_and_takes_what_only_waits_for_room() {
    let (limited, clock) = intake(IntakeLimits { max_rate: Some(1), ..limits() });
    assert_eq!(store(&limited, 1, 1), Some(Ok(())));
    let mut waiting = Box::pin(limited.store_many(vec![2], Some(1)));
    assert_eq!((&mut waiting).now_or_never(), None);
    limited.close_to_waiting();
    assert_eq!(waiting.now_or_never(), Some(Err(ReceiverStopped)));
    clock.advance(seconds(10));
    assert_eq!(store(&limited, 3, 1), Some(Ok(())), "the limit holds nothing back by now");

    let (full, _) = intake(IntakeLimits { queue_blocks: 1, ..limits() });
    assert_eq!(store(&full, 1, 100), Some(Ok(())));
    let mut waiting = Box::pin(full.store_many(vec![2], Some(1)));
    assert_eq!((&mut waiting).now_or_never(), None);
    full.close_to_waiting();
    assert_eq!((&mut waiting).now_or_never(), None);
    drop(next(&full));
    assert!(matches!(waiting.now_or_never(), Some(Ok(_))));
}

#[test]
fn records_that_wait_for_the_rate_come_in_one_after_another() {
    let (intake, clock) = intake(IntakeLimits { max_rate: Some(1), ..limits() });
    assert_eq!(store(&intake, 1, 1), Some(Ok(())));
    let mut waiting: Vec<_> = (2..=3).map(|record| Box::pin(intake.store_many(vec![record], Some(1)))).collect();
    let done = |waiting: &mut Vec<_>| waiting.iter_mut().filter_map(FutureExt::now_or_never).count();
    assert_eq!(done(&mut waiting), 0);
    clock.advance(seconds(1));
    assert!(matches!(waiting.remove(0).now_or_never(), Some(Ok(_))));
    assert_eq!(done(&mut waiting), 0);
    clock.advance(seconds(1));
    assert_eq!(done(&mut waiting), 1);
}

#[test]
fn everything_stored_so_far_is_waited_for() {
    let (intake, _) = intake(limits());
    assert_eq!(store(&intake, 1, 1), Some(Ok(())));
    let until = intake.cut();
    let mut stored = Box::pin(intake.wait_stored(until));
    assert_eq!((&mut stored).now_or_never(), None);
    intake.stored(0);
    assert_eq!(stored.now_or_never(), Some(true));
}

#[test]
fn the_number_of_the_block_that_holds_the_records_is_told() {
    let (intake, _) = intake(IntakeLimits { queue_blocks: 3, ..limits() });
    let blocks = [(60, 0), (40, 0), (100, 1), (1, 2)]
        .map(|(bytes, block)| (intake.store_many(vec![0], Some(bytes)).now_or_never(), Some(Ok(block))));
    for (told, expected) in blocks {
        assert_eq!(told, expected);
    }
    intake.cut();
    let held: Vec<u64> = (0..3).filter_map(|_| next(&intake)).map(|block| block.sequence).collect();
    assert_eq!(held, [0, 1, 2]);
}

/// Law 8: whoever waits for records that will never be stored is told so.
#[test]
fn nobody_waits_for_a_block_that_could_not_be_stored() {
    let (intake, _) = intake(limits());
    assert_eq!(store(&intake, 1, 1), Some(Ok(())));
    let mut stored = Box::pin(intake.wait_stored(1));
    intake.close();
    assert_eq!((&mut stored).now_or_never(), None, "a closed intake still hands over what it holds");
    intake.fail();
    assert_eq!(stored.now_or_never(), Some(false));
    assert_eq!(store(&intake, 1, 1), Some(Err(ReceiverStopped)));
}

/// I-24
#[test]
fn what_waits_to_come_in_is_refused_when_its_run_is_over_and_what_is_in_stays() {
    let (intake, _) = intake(limits());
    let (first, second) = (Run::default(), Run::default());
    let store = |run, record, bytes| intake.store_many_in(Some(run), vec![record], Some(bytes));
    (0..2).for_each(|record| assert_eq!(store(&first, record, 100).now_or_never(), Some(Ok(u64::from(record)))));
    let mut waiting = Box::pin(store(&first, 2, 100));
    assert_eq!((&mut waiting).now_or_never(), None);
    intake.end_run(&first);
    assert!(next(&intake).is_some());
    assert_eq!(waiting.now_or_never(), Some(Err(ReceiverStopped)));
    assert_eq!(intake.store_in(Some(&first), 3).now_or_never(), Some(Err(ReceiverStopped)));
    assert_eq!(store(&second, 4, 100).now_or_never(), Some(Ok(2)));
    assert_eq!(intake.records(), 3);
}

/// I-23
#[test]
fn a_block_carries_the_last_position_that_came_into_it() {
    let (intake, _) = intake(IntakeLimits { queue_blocks: 4, ..limits() });
    let run = Run::default();
    let at = |position: u8| -> Option<PositionBytes> { Some([position].as_slice().into()) };
    let store = |records, bytes, position| {
        intake.store_for_good(Some(&run), records, Some(bytes), position).now_or_never().unwrap().unwrap()
    };
    assert_eq!([store(vec![1], 10, at(1)), store(vec![2], 10, None), store(vec![3], 10, at(3))], [0, 0, 0]);
    assert_eq!(intake.cut(), 1);
    // The record that fills a block is in it, and so is its position.
    assert_eq!(store(vec![4], 100, at(4)), 1);
    assert_eq!(store(vec![], 0, at(5)), 2);
    assert_eq!([intake.cut(), intake.cut()], [3, 3]);
    let blocks: Vec<_> = std::iter::from_fn(|| next(&intake)).collect();
    let seen: Vec<_> = blocks.iter().map(|queued| (queued.block.records, queued.position.clone())).collect();
    assert_eq!(seen, [(3, at(3)), (1, at(4)), (0, at(5))]);
    assert_eq!(intake.reached(), None);
    intake.reach([5].as_slice().into());
    assert_eq!(intake.reached(), at(5));
}

/// Spark: "send rate update to receivers".
#[test]
fn a_rate_that_is_set_holds_for_the_stream_and_stays_below_its_maximum() {
    let (intake, _) = intake(IntakeLimits { max_rate: Some(110), ..limits() });
    for (update, expected) in [(100.0, 100.0), (500.0, 110.0), (0.0, 110.0)] {
        intake.update_rate(update);
        assert_eq!(intake.rate(), Some(expected));
    }
}

/// Spark: the three rows of `RateLimiterSuite`.
#[test]
fn a_rate_is_taken_with_and_without_a_maximum_and_no_rate_is_above_it() {
    for (max_rate, update, expected) in [(None, 105.0, 105.0), (Some(110), 105.0, 105.0), (Some(100), 105.0, 100.0)] {
        let (intake, _) = intake(IntakeLimits { max_rate, ..limits() });
        assert_eq!(intake.rate(), max_rate.map(|rate| rate as f64));
        intake.update_rate(update);
        assert_eq!(intake.rate(), Some(expected), "{max_rate:?}");
    }
}
