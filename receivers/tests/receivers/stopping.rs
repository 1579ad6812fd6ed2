//! What becomes of stored records when the program stops.

use crate::support::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::receiver::ReceiverHandle;

/// Four rounds of a receiver that stores 1, 2, 3, ... as fast as it can.
/// L-1
#[test]
fn graceful_stop_processes_every_record_that_was_stored() {
    let stored = Arc::new(AtomicU64::new(0));
    let processed = Arc::new(AtomicU64::new(0));
    for _ in 0..4 {
        let (ssc, clock) = manual_context(config());
        let counter = stored.clone();
        let stream = receive(&ssc, move |handle| {
            let counter = counter.clone();
            async move {
                while !handle.is_stopped() {
                    handle.store(counter.load(Ordering::SeqCst) + 1).await?;
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            }
        });
        let counted = processed.clone();
        stream.foreach_rdd(move |rdd| {
            let first = counted.load(Ordering::SeqCst) + 1;
            let numbers = rdd.collect()?;
            assert!((first..).zip(&numbers).all(|(expected, number)| expected == *number), "from {first}");
            counted.fetch_add(numbers.len() as u64, Ordering::SeqCst);
            Ok::<(), JobError>(())
        });
        let running = ssc.start().unwrap();
        for batch in 1..=2 {
            run_batch(&running, &clock, batch);
        }
        running.stop(Stop::Graceful).unwrap();
        assert!(stored.load(Ordering::SeqCst) > 0);
        assert_eq!(processed.load(Ordering::SeqCst), stored.load(Ordering::SeqCst));
    }
}

/// The receiver stores fifteen records, one a second, and does not end before: fourteen of them after it was asked to.
#[test]
fn graceful_stop_waits_for_a_receiver_that_takes_its_time() {
    let (ssc, clock) = manual_context(config().with_graceful_stop_timeout(seconds(20_000)));
    let (stored, numbers) = channel();
    let stream = receive(&ssc, move |handle| {
        let stored = stored.clone();
        async move {
            for n in 1..=15 {
                handle.clock().sleep(seconds(1)).await;
                handle.store(n).await?;
                stored.send(n).unwrap();
                handle.stopped().await;
            }
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();

    // The receiver sleeps from whenever it comes to it, so the clock is turned until something has happened.
    wait_until(|| {
        clock.advance(milliseconds(100));
        numbers.try_recv().is_ok()
    });
    std::thread::scope(|threads| {
        let stopping = threads.spawn(|| running.stop(Stop::Graceful));
        wait_until(|| {
            clock.advance(milliseconds(100));
            stopping.is_finished()
        });
        stopping.join().unwrap().unwrap();
    });
    assert_same(numbers.try_iter(), 2..=15);
    assert_same(processed.try_iter().flatten(), 1..=15);
}

#[test]
fn stop_right_after_the_start_ends_soon_whatever_the_receivers_are_at() {
    for how in [Stop::Graceful, Stop::Immediate] {
        let peer = Peer::new();
        let (ssc, _clock) = manual_context(config());
        batches(ssc.socket_text_stream(peer.address()));
        batches(ssc.socket_text_stream(nobodys_address()));
        batches(ssc.generator_stream(1000, 0, |n, _| n));
        let running = ssc.start().unwrap();
        running.stop(how).unwrap();
        assert!(running.await_termination_or_timeout(DEADLINE).unwrap());
    }
}

/// The delay before the next attempt would last for an hour.
#[test]
fn stop_does_not_wait_for_the_next_attempt_to_connect() {
    let (ssc, _clock) = manual_context(config().with_receiver(receivers().with_restart_delay(seconds(3600))));
    batches(ssc.socket_text_stream(nobodys_address()));
    let told = events(&ssc);
    let running = ssc.start().unwrap();
    wait_for_error(&told, "cannot connect");
    running.stop(Stop::Graceful).unwrap();
}

/// Spark waits for it without a limit.
/// L-2
#[test]
fn graceful_stop_ends_at_its_deadline_and_names_the_receiver_that_ignores_it() {
    let (ssc, clock) = manual_context(config().with_graceful_stop_timeout(seconds(20)));
    let (stored, first) = channel();
    let stream = receive_with(&ssc, "the deaf one", SupervisorPolicy::for_receivers(seconds(1)), move |handle| {
        let stored = stored.clone();
        async move {
            handle.store(1).await?;
            stored.send(()).unwrap();
            std::future::pending::<()>().await;
            Ok(())
        }
    });
    batches(stream);
    let attentive = receive(&ssc, |handle: ReceiverHandle<u32>| async move {
        handle.stopped().await;
        Ok(())
    });
    batches(attentive);
    let running = ssc.start().unwrap();
    first.recv_timeout(DEADLINE).unwrap();
    running.request_stop(Stop::Graceful);
    wait_until(|| {
        clock.advance(milliseconds(100));
        running.state() == ContextState::Stopped
    });
    let error = running.stop(Stop::Graceful).unwrap_err().to_string();
    let expected = "the graceful stop did not finish within 20s: the receiver the deaf one has not stopped";
    assert_eq!(error, expected);
}

/// Under the limit of one record a second, what comes after the first hundred would wait for a hundred seconds.
#[test]
fn graceful_stop_does_not_wait_for_what_the_rate_limit_holds_back() {
    let (ssc, _clock) = manual_context(config().with_receiver(receivers().with_max_rate(1)));
    let (stored, first) = channel();
    let stream = receive(&ssc, move |handle| {
        let stored = stored.clone();
        async move {
            handle.store_many((0..100).collect()).await?;
            stored.send(()).unwrap();
            handle.store(100).await?;
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    first.recv_timeout(DEADLINE).unwrap();
    running.request_stop(Stop::Graceful);
    assert!(running.await_termination_or_timeout(DEADLINE).unwrap());
    assert_same(processed.try_iter().flatten(), 0..100);
}

/// The tick and the time of the block are an hour away, and nobody turns the clock: neither they nor the deadline of the stop come.
/// L-1
#[test]
fn graceful_stop_does_not_wait_for_the_time_of_a_block_that_a_receiver_waits_for() {
    let (ssc, _clock) = receivers_alone(config());
    let (told, answers) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let told = told.clone();
        async move {
            told.send(handle.store_reliably(vec![1, 2]).await).unwrap();
            Ok(())
        }
    });
    let processed = batches(stream);
    let running = ssc.start().unwrap();
    wait_until(|| running.receivers()[0].records == 2);
    running.request_stop(Stop::Graceful);
    assert!(running.await_termination_or_timeout(DEADLINE).unwrap());
    assert_eq!(answers.try_recv(), Ok(Ok(())));
    assert_same(processed.try_iter().flatten(), [1, 2]);
}

#[test]
fn immediate_stop_leaves_a_receiver_that_is_held_back() {
    let held = receivers().with_max_pending("1kB".parse().unwrap()).with_max_rate(1);
    let (ssc, _clock) = manual_context(config().with_receiver(held));
    let (started, starts) = channel();
    let stream = receive(&ssc, move |handle| {
        let started = started.clone();
        async move {
            started.send(()).unwrap();
            for n in 0.. {
                handle.store_sized(vec![n], 1000).await?;
            }
            Ok(())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();
    starts.recv_timeout(DEADLINE).unwrap();
    running.stop(Stop::Immediate).unwrap();
}
