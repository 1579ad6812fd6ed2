//! Sources whose clients block: threads that store.

use crate::support::*;
use std::sync::mpsc::channel;
use std::thread;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::receiver::{BlockingStoreError, ReceiverHandle, ReceiverStopped, StoreReliablyError};

fn is_stopped(error: &BlockingStoreError) -> bool {
    *error == BlockingStoreError::Store(StoreReliablyError::Stopped(ReceiverStopped))
}

/// I-25
#[test]
fn ten_threads_of_a_thousand_stores_each_lose_nothing() {
    let (ssc, clock) = manual_context(config());
    let (done, threads) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let done = done.clone();
        async move {
            let blocking = handle.blocking()?;
            for of_thread in 0..10 {
                let (blocking, done) = (blocking.clone(), done.clone());
                thread::spawn(move || {
                    for number in 0..1000 {
                        let number = of_thread * 1000 + number;
                        match number % 3 {
                            0 => blocking.store(number).unwrap(),
                            1 => blocking.store_many(vec![number]).unwrap(),
                            // Waits for its block: of these there are fewer.
                            _ if number % 100 == 2 => blocking.store_reliably(vec![number]).unwrap(),
                            _ => blocking.store(number).unwrap(),
                        }
                    }
                    done.send(()).unwrap();
                });
            }
            handle.stopped().await;
            Ok(())
        }
    });
    let numbers = batches(stream);
    let running = ssc.start().unwrap();
    let mut ended = 0;
    turn_until(&running, &clock, || {
        ended += threads.try_iter().count();
        ended == 10
    });
    running.stop(Stop::Graceful).unwrap();
    let mut all: Vec<u32> = numbers.try_iter().flatten().collect();
    all.sort_unstable();
    assert_same(all, 0..10_000);
}

/// I-25
#[test]
fn a_thread_that_waits_for_room_is_told_when_its_stream_is_stopped() {
    let (ssc, _clock) = manual_context(config().with_receiver(receivers().with_max_pending("1kB".parse().unwrap())));
    let (told, answers) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<String>| {
        let told = told.clone();
        async move {
            let blocking = handle.blocking()?;
            thread::spawn(move || {
                let mut stored = 0;
                let error = loop {
                    match blocking.store("x".repeat(400)) {
                        Ok(()) => stored += 1,
                        Err(error) => break error,
                    }
                    told.send(Ok(())).unwrap();
                };
                told.send(Err((stored, error))).unwrap();
            });
            handle.stopped().await;
            Ok(())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();
    answers.recv_timeout(DEADLINE).unwrap().unwrap();
    running.stop(Stop::Immediate).unwrap();
    let (stored, error) = answers.iter().find_map(Result::err).unwrap();
    assert!(stored < 4 && is_stopped(&error), "{stored}: {error}");
}

/// I-25
#[test]
fn a_thread_that_outlives_its_run_is_refused_while_the_next_run_goes_on() {
    let (ssc, _clock) = manual_context(config().with_receiver(receivers().with_restart_delay(seconds(0))));
    let (hand, handles) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let hand = hand.clone();
        async move {
            hand.send(handle.blocking()?).unwrap();
            handle.stopped().await;
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    let first = handles.recv_timeout(DEADLINE).unwrap();
    first.store(1).unwrap();
    first.handle().restart("again");
    let second = handles.recv_timeout(DEADLINE).unwrap();
    assert!(first.is_stopped() && !second.is_stopped());
    assert!(is_stopped(&first.store(2).unwrap_err()));
    second.store_many(vec![3, 4]).unwrap();
    assert_eq!(second.last_position::<u32>(), Ok(None));
    running.stop(Stop::Graceful).unwrap();
    assert!(is_stopped(&second.store(5).unwrap_err()));
    assert_same(processed.try_iter().flatten(), [1, 3, 4]);
}

/// It would hold up the loop that it waits for.
/// I-25
#[test]
fn a_blocking_handle_is_refused_on_the_receivers_own_thread_and_made_nowhere_else() {
    let (ssc, _clock) = manual_context(small_blocks(config()));
    let (told, answers) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let told = told.clone();
        async move {
            let blocking = handle.blocking()?;
            let here = blocking.store(1);
            let there = {
                let blocking = blocking.clone();
                tokio::task::spawn_blocking(move || blocking.store_reliably_at(vec![2], &2_u32)).await?
            };
            let handle_there = handle.clone();
            let made = thread::spawn(move || handle_there.blocking().is_err()).join().unwrap();
            told.send((here, there, made)).unwrap();
            handle.stopped().await;
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    let (here, there, made) = answers.recv_timeout(DEADLINE).unwrap();
    assert_eq!((here, there, made), (Err(BlockingStoreError::OnEngineThread), Ok(()), true));
    running.stop(Stop::Graceful).unwrap();
    assert_same(processed.try_iter().flatten(), [2]);
}
