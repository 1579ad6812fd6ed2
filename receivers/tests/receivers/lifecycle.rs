//! A receiver's life: panics, ends, threads and neighbours.

use crate::support::*;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use waterwheel_operators::prelude::*;

/// I-1
#[test]
fn receiver_that_panics_is_made_anew_and_what_it_stored_is_kept() {
    let (ssc, clock) = manual_context(config().with_receiver(receivers().with_restart_delay(Duration::ZERO)));
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive(&ssc, move |handle| {
        let life = lives.fetch_add(1, Ordering::SeqCst);
        async move {
            handle.store_many(vec![life * 10 + 1, life * 10 + 2]).await?;
            assert!(life >= 2, "life {life} ends");
            handle.stopped().await;
            Ok(())
        }
    });
    let (numbers, told) = (batches(stream), events(&ssc));
    let running = ssc.start().unwrap();

    assert_eq!(batch_of(&running, &clock, &numbers, 6), [1, 2, 11, 12, 21, 22]);
    assert_eq!(wait_for_error(&told, "life 0"), "panicked: life 0 ends");
    assert_eq!(wait_for_error(&told, "life 1"), "panicked: life 1 ends");
    assert_eq!(running.state(), ContextState::Active);
}

/// I-3
#[test]
fn receiver_is_started_again_after_the_restart_delay_and_not_before() {
    let (ssc, clock) = manual_context(config().with_receiver(receivers().with_restart_delay(milliseconds(150))));
    let (started, starts) = channel();
    let stream = receive(&ssc, move |_| {
        let started = started.clone();
        async move {
            started.send(()).unwrap();
            Err("no luck".into())
        }
    });
    batches::<u32>(stream);
    let told = events(&ssc);
    let running = ssc.start().unwrap();

    starts.recv_timeout(DEADLINE).unwrap();
    wait_until(|| clock.next_deadline() == Some(Time::from_millis(150)));
    clock.advance(milliseconds(149));
    assert_eq!(wait_for_error(&told, ""), "no luck");
    assert!(starts.try_recv().is_err());
    clock.advance(milliseconds(1));
    starts.recv_timeout(DEADLINE).unwrap();
    running.stop(Stop::Immediate).unwrap();
}

/// I-4
#[test]
fn clones_of_the_handle_store_side_by_side_and_lose_nothing() {
    let (ssc, clock) = manual_context(config());
    let stream = receive(&ssc, |handle| async move {
        let tasks = (0..10).map(|task| {
            let handle = handle.clone();
            tokio::task::spawn_local(async move {
                for n in 0..1000 {
                    handle.store(task * 1000 + n).await.unwrap();
                }
            })
        });
        join_all(tasks).await;
        handle.stopped().await;
        Ok(())
    });
    let numbers = batches(stream);
    let running = ssc.start().unwrap();
    let mut all = batch_of(&running, &clock, &numbers, 10_000);
    running.stop(Stop::Graceful).unwrap();
    all.extend(numbers.try_iter().flatten());
    all.sort_unstable();
    assert_same(all, 0..10_000);
}

/// I-4
#[test]
fn handle_may_be_taken_to_threads_of_the_users_own() {
    let (ssc, clock) = manual_context(config());
    let stream = receive(&ssc, |handle| async move {
        let tasks = (0..10).map(|thread| {
            let handle = handle.clone();
            tokio::task::spawn_blocking(move || {
                (0..1000).for_each(|n| futures::executor::block_on(handle.store(thread * 1000 + n)).unwrap());
            })
        });
        join_all(tasks).await;
        handle.stopped().await;
        Ok(())
    });
    let numbers = batches(stream);
    let running = ssc.start().unwrap();
    let mut all = batch_of(&running, &clock, &numbers, 10_000);
    all.sort_unstable();
    assert_same(all, 0..10_000);
}

/// All receivers share one thread here, and neither of these ever has to wait by itself.
#[test]
fn receiver_that_never_pauses_leaves_room_for_its_neighbour() {
    let (ssc, clock) = manual_context(config());
    let restless = |ssc| {
        batches(receive(ssc, |handle| async move {
            for n in 0_u64.. {
                handle.store(n).await?;
            }
            Ok(())
        }))
    };
    let (one, other) = (restless(&ssc), restless(&ssc));
    let running = ssc.start().unwrap();
    wait_until(|| running.receivers().iter().all(|receiver| receiver.records > 0));
    run_batch(&running, &clock, 1);
    for numbers in [one, other] {
        assert_eq!(numbers.recv_timeout(DEADLINE).unwrap().first(), Some(&0));
    }
    running.stop(Stop::Immediate).unwrap();
}

/// The engine goes on, and with it the thread that receivers share; the receiver does not.
#[test]
fn receiver_that_does_not_listen_for_the_stop_ends_with_its_context() {
    /// Says that the future which owns it is gone.
    struct Dropped(std::sync::mpsc::Sender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    let clock = Arc::new(ManualClock::new(Time::ZERO));
    let engine = Engine::start(EngineOptions { cores: 1, clock, ..EngineOptions::default() }).unwrap();
    let ssc = StreamingContext::on(&engine, config(), seconds(1)).unwrap();
    let ((started, starts), (ended, ends)) = (channel(), channel());
    let stream = receive(&ssc, move |_| {
        let (started, dropped) = (started.clone(), Dropped(ended.clone()));
        async move {
            let _dropped = dropped;
            started.send(()).unwrap();
            std::future::pending().await
        }
    });
    batches::<u32>(stream);
    let running = ssc.start().unwrap();
    starts.recv_timeout(DEADLINE).unwrap();
    running.stop(Stop::Immediate).unwrap();
    ends.recv_timeout(DEADLINE).unwrap();
}
