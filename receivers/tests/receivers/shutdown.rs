//! Spark's row "stop ensures correct shutdown" with its data: a thousand records wait in the open block when the stop comes.

use crate::support::*;
use futures::FutureExt;
use futures::executor::block_on;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::receiver::{Intake, IntakeLimits, ReceiverStopped};

const RECORDS: u32 = 1000;

/// The block is there, and nobody has stored it yet.
#[test]
fn a_closed_intake_refuses_new_records_and_is_drained_when_its_last_block_of_a_thousand_is_stored() {
    let clock = Arc::new(ManualClock::new(Time::ZERO));
    let intake = Intake::new(IntakeLimits::default(), clock, 0);
    for record in 0..RECORDS {
        assert_eq!(intake.store(record).now_or_never(), Some(Ok(0)));
    }
    intake.close();
    let refused = || assert_eq!(intake.store(RECORDS).now_or_never(), Some(Err(ReceiverStopped)));
    refused();
    let until = intake.cut();
    let mut drained = Box::pin(intake.wait_stored(until));
    assert_eq!((&mut drained).now_or_never(), None);
    let last = intake.next_block().now_or_never().unwrap();
    assert_same(last.block.chunks.concat(), 0..RECORDS);
    refused();
    assert_eq!((&mut drained).now_or_never(), None, "it is taken to the block manager");
    intake.stored(last.sequence);
    assert_eq!(drained.now_or_never(), Some(true));
    refused();
    assert!(intake.next_block().now_or_never().is_none());
}

/// The last batch stalls, so the program has not stopped while new records are refused.
/// L-1
#[test]
fn a_graceful_stop_refuses_new_records_while_it_drains_the_thousand_that_wait() {
    let (ssc, clock) = receivers_alone(config());
    let (stream, handles) = handing(&ssc, StorageLevel::MemoryAndDisk);
    let ((reached, stalled), (release, released)) = (channel(), channel::<()>());
    let released = Mutex::new(released);
    let processed = batches(stream.glom());
    stream.foreach_rdd(move |_| {
        reached.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
    });
    let running = ssc.start().unwrap();
    let handle = handles.recv_timeout(DEADLINE).unwrap();
    (0..RECORDS).for_each(|record| block_on(handle.store(record)).unwrap());
    assert_eq!(running.engine().snapshot().unwrap().blocks.blocks, 0, "all of them are in the open block");

    running.request_stop(Stop::Graceful);
    stalled.recv_timeout(DEADLINE).unwrap();
    let refused = [block_on(handle.store(RECORDS)), block_on(handle.store_many(vec![RECORDS; 10]))];
    assert_eq!(refused, [Err(ReceiverStopped); 2]);
    assert!(!running.await_termination_or_timeout(Duration::ZERO).unwrap());
    assert_eq!((running.state(), running.receivers()[0].is_active()), (ContextState::Active, false));

    drop(release);
    assert!(running.await_termination_or_timeout(DEADLINE).unwrap());
    assert_eq!(running.state(), ContextState::Stopped);
    assert_same(processed.try_iter(), [vec![(0..RECORDS).collect::<Vec<_>>()]]);
    assert_eq!(clock.now(), Time::ZERO);
}
