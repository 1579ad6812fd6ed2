//! Storing for good, with and without a position: what a receiver may acknowledge, and what it may skip.

use crate::support::*;
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::config::{ByteSize, StorageConfig};
use waterwheel_runtime::receiver::{
    LastPositionError, MAX_POSITION_BYTES, ReceiverHandle, ReceiverStopped, StoreReliablyError,
};

/// No block is cut by its time here: that and the tick are an hour away, and nobody waits that long.
#[test]
fn a_block_that_is_waited_for_is_cut_after_half_of_the_store_timeout_however_long_its_interval_is() {
    let (ssc, clock) = receivers_alone(config().with_receiver(receivers().with_store_timeout(seconds(7))));
    let (stream, handles) = handing(&ssc, StorageLevel::MemoryOnly);
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    let handle = handles.recv_timeout(DEADLINE).unwrap();
    let (told, answers) = channel();
    let storing = std::thread::spawn(move || told.send(block_on(handle.store_reliably(vec![1_u64, 2]))).unwrap());
    wait_until(|| clock.next_deadline() == Some(Time::from_millis(3_500)));
    clock.advance(milliseconds(3_499));
    assert!(answers.try_recv().is_err());
    clock.advance(milliseconds(1));
    assert_eq!(answers.recv_timeout(DEADLINE), Ok(Ok(())));
    storing.join().unwrap();
    running.stop(Stop::Graceful).unwrap();
    assert_same(processed.try_iter().flatten(), [1, 2]);
}

/// The memory is full, and no batch frees any: the tick is an hour away.
#[test]
fn storing_for_good_gives_up_after_the_store_timeout_and_names_the_setting() {
    let storage = StorageConfig::default().with_memory(ByteSize::kb(10));
    let patience = receivers().with_store_timeout(seconds(7));
    let (ssc, clock) = receivers_alone(config().with_storage(storage).with_receiver(patience));
    let (stream, handles) = handing(&ssc, StorageLevel::MemoryOnly);
    let _processed = batches(stream);
    let running = ssc.start().unwrap();
    let handle = handles.recv_timeout(DEADLINE).unwrap();
    block_on(handle.store_many(vec![0_u64; 1000])).unwrap();
    assert_eq!(block_on(handle.last_position::<()>()), Ok(None), "it is stored");
    let (told, answers) = channel();
    let storing = std::thread::spawn(move || told.send(block_on(handle.store_reliably(vec![1; 1000]))).unwrap());
    wait_until(|| clock.next_deadline() == Some(Time::from_millis(3_500)));
    clock.advance(milliseconds(3_500));
    // The block is cut, finds no room and will be offered again.
    wait_until(|| clock.next_deadline() == Some(Time::from_millis(3_550)));
    clock.advance(milliseconds(3_499));
    assert!(answers.try_recv().is_err());
    clock.advance(milliseconds(1));
    let answer = answers.recv_timeout(DEADLINE).unwrap();
    assert_eq!(answer, Err(StoreReliablyError::TimedOut { timeout: seconds(7) }));
    let text = answer.unwrap_err().to_string();
    assert!(text.contains("7s (receiver.store_timeout); it may still be"), "{text}");
    storing.join().unwrap();
    running.stop(Stop::Immediate).unwrap();
}

/// A source that sends everything from the first number that it knows to be stored, on every connection; the receiver fails after
/// each chunk, now before and now after the chunk is stored. There is no checkpoint directory: the process goes on.
/// I-23
#[test]
fn a_source_that_redelivers_loses_and_doubles_nothing_over_the_lives_of_its_receiver() {
    const NUMBERS: u64 = 500;
    let (ssc, clock) = manual_context(config().with_receiver(receivers().with_restart_delay(Duration::ZERO)));
    let lives = Arc::new(AtomicU32::new(0));
    let (done, all_stored) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u64>| {
        let (done, life) = (done.clone(), lives.fetch_add(1, Ordering::SeqCst));
        async move {
            let stored = handle.last_position::<u64>().await?;
            // Redelivers some that were acknowledged long ago, too.
            let from = stored.map_or(0, |stored| (stored + 1).saturating_sub(20));
            if stored == Some(NUMBERS - 1) {
                done.send(())?;
                handle.stopped().await;
                return Ok(());
            }
            let until = (from + 27).min(NUMBERS);
            let new: Vec<u64> = (from..until).filter(|number| stored.is_none_or(|stored| *number > stored)).collect();
            let last = until - 1;
            let storing = handle.store_reliably_at(new, &last);
            if life.is_multiple_of(2) {
                storing.await?;
                return Err("after it was stored".into());
            }
            // Taken in, and given up before it is stored.
            tokio::select! {
                biased;
                stored = storing => stored?,
                () = std::future::ready(()) => {}
            }
            panic!("before it was stored");
        }
    });
    let numbers = batches(stream);
    let running = ssc.start().unwrap();
    turn_until(&running, &clock, || all_stored.try_recv().is_ok());
    running.stop(Stop::Graceful).unwrap();
    assert_same(numbers.try_iter().flatten(), 0..NUMBERS);
    assert!(running.receivers()[0].restarts() > 50);
}

/// I-23
#[test]
fn the_last_position_waits_for_what_an_earlier_life_left_on_its_way() {
    // Nothing is cut by time: what is open is stored when the next life asks.
    let (ssc, _clock) = receivers_alone(config().with_receiver(receivers().with_restart_delay(Duration::ZERO)));
    let (told, positions) = channel();
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let (told, life) = (told.clone(), lives.fetch_add(1, Ordering::SeqCst));
        async move {
            told.send(handle.last_position::<(String, u32)>().await).unwrap();
            if life < 3 {
                let position = (format!("partition {life}"), life);
                tokio::select! {
                    biased;
                    _ = handle.store_reliably_at(vec![life], &position) => {}
                    () = std::future::ready(()) => {}
                }
                return Err("the connection is lost".into());
            }
            told.send(handle.last_position::<u8>().await.map(|_| None)).unwrap();
            handle.stopped().await;
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    let next = || positions.recv_timeout(DEADLINE).unwrap();
    assert_eq!(next(), Ok(None));
    for life in 0..3 {
        assert_eq!(next(), Ok(Some((format!("partition {life}"), life))));
    }
    let error = next().unwrap_err();
    assert!(matches!(error, LastPositionError::OtherType { expected: "u8", .. }), "{error}");
    running.stop(Stop::Graceful).unwrap();
    assert_same(processed.try_iter().flatten(), 0..3);
}

/// I-23
#[test]
fn a_position_is_stored_without_records_and_one_that_is_too_large_not_at_all() {
    let (ssc, clock) = manual_context(config());
    let (told, answers) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let told = told.clone();
        async move {
            handle.store_reliably_at(vec![], &1_u32).await?;
            let first = handle.last_position::<u32>().await?;
            let large = vec![0_u8; MAX_POSITION_BYTES + 1];
            let refused = handle.store_reliably_at(vec![7], &large).await.unwrap_err();
            handle.store_reliably_at(vec![8], &2_u32).await?;
            handle.store_reliably(vec![]).await?;
            let second = handle.last_position::<u32>().await?;
            told.send((first, refused, second)).unwrap();
            handle.stopped().await;
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    let mut answer = None;
    turn_until(&running, &clock, || {
        answer = answers.try_recv().ok();
        answer.is_some()
    });
    let (first, refused, second) = answer.unwrap();
    assert_eq!((first, second), (Some(1), Some(2)));
    assert!(matches!(refused, StoreReliablyError::PositionTooLarge { bytes } if bytes > MAX_POSITION_BYTES));
    running.stop(Stop::Graceful).unwrap();
    assert_same(processed.try_iter().flatten(), [8]);
}

/// I-23
#[test]
fn calls_that_share_a_block_store_the_last_of_their_positions_and_each_stream_has_its_own() {
    let (ssc, _clock) = receivers_alone(config());
    let (told, answers) = channel();
    let mut processed = Vec::new();
    for offset in [0, 100] {
        let told = told.clone();
        let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
            let told = told.clone();
            async move {
                let calls = (offset..offset + 5).map(|number| {
                    let handle = handle.clone();
                    async move { handle.store_reliably_at(vec![number], &number).await }
                });
                let calls = futures::future::try_join_all(calls);
                let asking = async {
                    // The calls are in when this is polled, and the block is cut by the question.
                    handle.last_position::<u32>().await
                };
                let (stored, last) = futures::join!(calls, asking);
                told.send((stored.is_ok(), last)).unwrap();
                handle.stopped().await;
                Ok(())
            }
        });
        processed.push(batches(stream));
    }
    let running = ssc.start().unwrap();
    let mut answers = [0, 1].map(|_| answers.recv_timeout(DEADLINE).unwrap());
    answers.sort_by_key(|(_, last)| last.clone().unwrap());
    assert_eq!(answers, [(true, Ok(Some(4))), (true, Ok(Some(104)))]);
    running.stop(Stop::Graceful).unwrap();
    for (processed, offset) in processed.iter().zip([0, 100]) {
        assert_same(processed.try_iter().flatten(), offset..offset + 5);
    }
}

/// What an earlier life has left running would store behind the position that the next one asked for.
/// I-24
#[test]
fn what_is_left_of_a_life_that_is_over_stores_nothing_any_more() {
    let (ssc, _clock) = manual_context(config().with_receiver(receivers().with_restart_delay(Duration::ZERO)));
    let (told, answers) = channel();
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let (told, life) = (told.clone(), lives.fetch_add(1, Ordering::SeqCst));
        async move {
            if life == 0 {
                handle.store(1).await?;
                tokio::task::spawn_local(async move {
                    handle.stopped().await;
                    // Its life is over when the receiver is made anew.
                    while handle.is_started() {
                        tokio::task::yield_now().await;
                    }
                    let answers = (
                        handle.store(2).await,
                        handle.store_many(vec![3]).await,
                        handle.store_reliably_at(vec![4], &4_u32).await,
                        handle.last_position::<u32>().await,
                    );
                    told.send(answers).unwrap();
                });
                return Ok(());
            }
            handle.stopped().await;
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    let (one, many, reliably, _) = answers.recv_timeout(DEADLINE).unwrap();
    assert_eq!((one, many), (Err(ReceiverStopped), Err(ReceiverStopped)));
    assert_eq!(reliably, Err(StoreReliablyError::Stopped(ReceiverStopped)));
    running.stop(Stop::Graceful).unwrap();
    assert_same(processed.try_iter().flatten(), [1]);
}

/// Spark: "block push errors are reported". The receiver hears of it, and so does whoever waits for the program.
#[test]
fn a_block_that_cannot_be_stored_is_told_to_the_receiver_and_ends_the_program() {
    use waterwheel_runtime::durable::{FaultyStorage, MemoryStorage, WriteOutcome};
    let storage = FaultyStorage::new(Arc::new(MemoryStorage::default()));
    let (ssc, _clock) = manual_context(small_blocks(config()));
    ssc.checkpoint_to(Arc::new(storage.clone()));
    let (told, answers) = channel();
    let stream = ssc.receiver_stream("test", StorageLevel::MemoryOnly, move || {
        let (told, storage) = (told.clone(), storage.clone());
        FnReceiver(
            move |handle: ReceiverHandle<u32>| {
                let (told, storage) = (told.clone(), storage.clone());
                async move {
                    handle.store_reliably_at(vec![1], &1_u32).await?;
                    storage.script([WriteOutcome::Failed; 8]);
                    // A task of its own hears of it even if the receiver is dropped with its context before.
                    let theirs = handle.clone();
                    tokio::task::spawn_local(async move {
                        told.send(theirs.store_reliably_at(vec![2], &2_u32).await).unwrap();
                        let last = theirs.last_position::<u32>().await;
                        assert_eq!(last, Err(LastPositionError::NotStored));
                        told.send(Err(ReceiverStopped.into())).unwrap();
                    });
                    handle.stopped().await;
                    Ok(())
                }
            },
            std::marker::PhantomData,
        )
    });
    batches(stream);
    let running = ssc.start().unwrap();
    for _ in 0..2 {
        let answer = answers.recv_timeout(DEADLINE).unwrap();
        assert_eq!(answer, Err(StoreReliablyError::Stopped(ReceiverStopped)));
    }
    let error = running.await_termination_or_timeout(DEADLINE).unwrap_err().to_string();
    assert!(error.contains("could not be stored"), "{error}");
}
