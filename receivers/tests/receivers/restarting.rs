//! How a receiver is stopped and made anew: by its own wish, by its policy, and not at all.

use crate::support::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver as Inbox, channel};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_runtime::receiver::{ReceiverHandle, ReceiverState};

fn t(millis: i64) -> Option<Time> {
    Some(Time::from_millis(millis))
}

/// A configuration whose receivers always pause for 150 ms before they are made anew the first time.
fn pausing() -> Config {
    config().with_receiver(receivers().with_restart_delay(milliseconds(150)))
}

/// What is told of receivers, in short.
fn life(events: &Inbox<Event>) -> String {
    wait_for(events, |event| match event {
        Event::ReceiverStarted { .. } => Some("started".to_owned()),
        Event::ReceiverError { message, .. } => Some(format!("error: {message}")),
        Event::ReceiverStopped { error, .. } => Some(format!("stopped: {error:?}")),
        _ => None,
    })
}

/// A receiver that says when it starts and ends, and in its first life does `first` with its handle.
fn said(
    ssc: &StreamingContext,
    first: impl Fn(&ReceiverHandle<u32>) + Clone + Send + 'static,
) -> (Inbox<&'static str>, Inbox<Event>) {
    let (say, said) = channel();
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive(ssc, move |handle: ReceiverHandle<u32>| {
        let (say, life, first) = (say.clone(), lives.fetch_add(1, Ordering::SeqCst), first.clone());
        async move {
            assert!(handle.is_started() && !handle.is_stopped());
            say.send("starts").unwrap();
            if life == 0 {
                first(&handle);
            }
            handle.stopped().await;
            assert!(handle.is_started() && handle.is_stopped());
            say.send("ends").unwrap();
            Ok(())
        }
    });
    batches(stream);
    (said, events(ssc))
}

fn next<T>(inbox: &Inbox<T>) -> T {
    inbox.recv_timeout(DEADLINE).unwrap()
}

/// Spark: "receiver life cycle". Stop, pause and start come in this order, after `restart` has returned.
/// I-20
#[test]
fn restart_stops_the_receiver_and_starts_it_again_after_the_pause_in_this_order() {
    let (ssc, clock) = receivers_alone(pausing());
    let (said, told) = said(&ssc, |handle| {
        handle.restart("the peer has moved");
        handle.restart("a later wish counts for nothing");
        assert!(handle.is_stopped());
    });
    let running = ssc.start().unwrap();
    assert_eq!([next(&said), next(&said)], ["starts", "ends"]);
    assert_eq!(life(&told), "started");
    assert_eq!(life(&told), "error: the peer has moved");
    assert_eq!(life(&told), "stopped: Some(\"the peer has moved\")");
    wait_until(|| clock.next_deadline() == t(150));
    clock.advance(milliseconds(149));
    assert_eq!(clock.next_deadline(), t(150));
    assert!(said.try_recv().is_err());
    clock.advance(milliseconds(1));
    assert_eq!((life(&told), next(&said)), ("started".to_owned(), "starts"));
    running.stop(Stop::Graceful).unwrap();
    assert_eq!((life(&told), next(&said)), ("stopped: None".to_owned(), "ends"));
}

/// Spark: `restart(message, error, 100)`.
/// I-20
#[test]
fn restart_after_pauses_for_as_long_as_it_was_told() {
    let (ssc, clock) = receivers_alone(pausing());
    let (said, _told) = said(&ssc, |handle| handle.restart_after("busy", milliseconds(100)));
    let running = ssc.start().unwrap();
    assert_eq!([next(&said), next(&said)], ["starts", "ends"]);
    wait_until(|| clock.next_deadline() == t(100));
    clock.advance(milliseconds(100));
    assert_eq!(next(&said), "starts");
    running.stop(Stop::Graceful).unwrap();
}

/// Spark: "should restart receiver after stopping it".
/// I-20
#[test]
fn a_receiver_that_stops_itself_is_started_again_while_its_stream_runs_and_that_is_no_error() {
    let (ssc, clock) = receivers_alone(pausing());
    let (said, told) = said(&ssc, |handle| handle.stop("nothing more to do"));
    let running = ssc.start().unwrap();
    assert_eq!([next(&said), next(&said)], ["starts", "ends"]);
    assert_eq!([life(&told), life(&told)], ["started", "stopped: None"]);
    assert_eq!(running.receivers()[0].last_error, None);
    wait_until(|| clock.next_deadline() == t(150));
    clock.advance(milliseconds(150));
    assert_eq!((life(&told), next(&said)), ("started".to_owned(), "starts"));
    running.stop(Stop::Graceful).unwrap();
}

/// The thread knows nothing of event loops, and outlives the run that it had restarted.
/// I-20
#[test]
fn a_handle_on_a_thread_restarts_its_run_and_no_later_one() {
    let (ssc, _clock) = receivers_alone(config().with_receiver(receivers().with_restart_delay(Duration::ZERO)));
    let (hand, handles) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let hand = hand.clone();
        async move {
            hand.send(handle.clone()).unwrap();
            handle.stopped().await;
            Ok(())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();
    let first = next(&handles);
    first.restart("from outside");
    let second = next(&handles);
    assert!(!first.is_started() && first.is_stopped());
    first.restart("too late");
    first.stop("too late");
    assert!(second.is_started() && !second.is_stopped());
    assert!(handles.try_recv().is_err());
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(running.receivers()[0].starts, 2);
}

/// I-20
#[test]
fn a_receiver_that_does_not_return_after_its_own_wish_is_dropped_five_seconds_later() {
    let (ssc, clock) = receivers_alone(pausing());
    let (ended, ends) = channel();
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let (dropped, life) = (Dropped(ended.clone()), lives.fetch_add(1, Ordering::SeqCst));
        async move {
            let _dropped = dropped;
            if life == 0 {
                handle.restart("stuck");
                std::future::pending::<()>().await;
            }
            handle.stopped().await;
            Ok(())
        }
    });
    batches(stream);
    let told = events(&ssc);
    let running = ssc.start().unwrap();
    wait_until(|| clock.next_deadline() == t(5_000));
    assert!(ends.try_recv().is_err());
    clock.advance(seconds(5));
    ends.recv_timeout(DEADLINE).unwrap();
    assert_eq!(wait_for_error(&told, ""), "stuck");
    wait_until(|| clock.next_deadline() == t(5_150));
    clock.advance(milliseconds(150));
    wait_until(|| running.receivers()[0].starts == 2);
    running.stop(Stop::Graceful).unwrap();
}

/// A user whose `Drop` panics has a receiver that failed, not one that is gone.
#[test]
fn a_receiver_that_panics_while_it_is_dropped_is_made_anew() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("no way out");
        }
    }
    let (ssc, clock) = receivers_alone(pausing());
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let life = lives.fetch_add(1, Ordering::SeqCst);
        async move {
            if life == 0 {
                let _bomb = Bomb;
                handle.restart("stuck");
                std::future::pending::<()>().await;
            }
            handle.stopped().await;
            Ok(())
        }
    });
    batches(stream);
    let told = events(&ssc);
    let running = ssc.start().unwrap();
    wait_until(|| clock.next_deadline() == t(5_000));
    clock.advance(seconds(5));
    assert_eq!(wait_for_error(&told, ""), "stuck; panicked while it was dropped: no way out");
    wait_until(|| clock.next_deadline() == t(5_150));
    clock.advance(milliseconds(150));
    wait_until(|| running.receivers()[0].starts == 2);
    running.stop(Stop::Graceful).unwrap();
}

/// I-3
#[test]
fn pauses_grow_while_nothing_comes_and_begin_anew_once_something_was_stored() {
    let (ssc, clock) = receivers_alone(config());
    let policy = SupervisorPolicy::for_receivers(milliseconds(100)).seed(3);
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive_with(&ssc, "test", policy, move |handle: ReceiverHandle<u32>| {
        let life = lives.fetch_add(1, Ordering::SeqCst);
        async move {
            if life == 4 {
                handle.store(1).await?;
            }
            Err("refused".into())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();
    let pause = |starts: u64| {
        let state = || running.receivers().remove(0);
        wait_until(|| state().starts == starts && state().state == ReceiverState::Pausing);
        // What wakes the loop is there when the supervisor knows that it pauses.
        let pause = clock.next_deadline().unwrap().millis() - clock.now().millis();
        clock.advance(milliseconds(pause as u64));
        pause
    };
    let pauses: Vec<i64> = (1..=6).map(pause).collect();
    assert_eq!((pauses[0], pauses[4]), (100, 100), "{pauses:?}");
    assert!((100..=200).contains(&pauses[1]) && (200..=400).contains(&pauses[2]), "{pauses:?}");
    assert!((200..=400).contains(&pauses[3]) && (100..=200).contains(&pauses[5]), "{pauses:?}");
    running.stop(Stop::Immediate).unwrap();
}

/// F-20
#[test]
fn a_receiver_that_fails_too_often_ends_the_program_with_its_line_and_the_first_error() {
    let (ssc, _clock) = manual_context(config());
    let policy = SupervisorPolicy::for_receivers(Duration::ZERO).max_restarts(3, seconds(60));
    let lives = Arc::new(AtomicU32::new(0));
    let line = line!() + 1;
    let stream = receive_with(&ssc, "the device", policy, move |handle: ReceiverHandle<u32>| {
        let life = lives.fetch_add(1, Ordering::SeqCst);
        async move {
            handle.store(life).await?;
            assert!(life != 1, "the second is a panic");
            Err(format!("no luck {life}").into())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();
    let error = running.await_termination_or_timeout(DEADLINE).unwrap_err().to_string();
    let begin = format!("the receiver the device of {}", running.receivers()[0].stream);
    assert!(error.starts_with(&begin) && error.contains(&format!("{}:{line}:", file!())), "{error}");
    let how = "is given up: it ended 4 times within 1 min; the first time: no luck 0; the last time: no luck 3";
    assert!(error.contains(how), "{error}");
    let known = running.receivers().remove(0);
    assert_eq!((known.state, known.starts, known.restarts(), known.records), (ReceiverState::Ended, 4, 3, 4));
    assert_eq!(known.last_error.unwrap().message, "no luck 3");
}

/// One fails without end, on the thread that both share; the other has one life, and its stream has all it stored, in order.
/// I-21
#[test]
fn the_failures_of_one_receiver_do_not_disturb_the_stream_of_another() {
    let (ssc, clock) = manual_context(config().with_receiver(receivers().with_restart_delay(Duration::ZERO)));
    batches(receive(&ssc, |handle: ReceiverHandle<u32>| async move {
        handle.store(0).await?;
        panic!("never well");
    }));
    let lives = Arc::new(AtomicU32::new(0));
    let counted = lives.clone();
    let steady = batches(receive(&ssc, move |handle| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            for number in 0..20_000_u32 {
                handle.store(number).await?;
            }
            handle.stopped().await;
            Ok(())
        }
    }));
    let running = ssc.start().unwrap();
    wait_until(|| running.receivers()[0].restarts() >= 100 && running.receivers()[1].records == 20_000);
    run_batch(&running, &clock, 1);
    assert_same(steady.recv_timeout(DEADLINE).unwrap(), 0..20_000);
    let known = running.receivers();
    assert_eq!((lives.load(Ordering::SeqCst), known[1].restarts(), known[1].last_error.as_ref()), (1, 0, None));
    assert!(known[0].last_error.as_ref().is_some_and(|error| error.message == "panicked: never well"));
    assert_eq!(running.state(), ContextState::Active);
    running.stop(Stop::Graceful).unwrap();
}

/// Each life stores some numbers, one by one or together, and panics at a random one of them.
/// I-1
#[test]
fn a_thousand_panics_at_random_records_lose_nothing_that_was_stored() {
    const LIVES: u32 = 1000;
    let (ssc, clock) = manual_context(config().with_receiver(receivers().with_restart_delay(Duration::ZERO)));
    // Numbers whose `store` has returned, and the seeds of the lives; no life runs beside another.
    let (stored, lives) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counted = stored.clone();
    let numbers = batches(receive(&ssc, move |handle: ReceiverHandle<u32>| {
        let (stored, life) = (counted.clone(), lives.fetch_add(1, Ordering::SeqCst));
        async move {
            if life >= LIVES {
                handle.stopped().await;
                return Ok(());
            }
            let mut random = SmallRng::seed_from_u64(life.into());
            for _ in 0..random.random_range(0..8) {
                let next = stored.load(Ordering::SeqCst);
                let count = random.random_range(1..4);
                match count {
                    1 => handle.store(next).await?,
                    _ => handle.store_many((next..next + count).collect()).await?,
                }
                stored.store(next + count, Ordering::SeqCst);
            }
            // Does not call the panic hook, which would write a thousand times.
            std::panic::resume_unwind(Box::new("at random"))
        }
    }));
    let running = ssc.start().unwrap();
    let all_lives = || running.receivers()[0].restarts() >= u64::from(LIVES) && running.receivers()[0].is_active();
    turn_until(&running, &clock, all_lives);
    running.stop(Stop::Graceful).unwrap();
    let stored = stored.load(Ordering::SeqCst);
    assert!(stored > LIVES, "{stored}");
    assert_same(numbers.try_iter().flatten(), 0..stored);
    let known = running.receivers().remove(0);
    assert_eq!((known.records, known.restarts()), (u64::from(stored), u64::from(LIVES)));
    assert!(known.last_error.is_some_and(|error| error.message == "panicked: at random"));
}

/// What is known of a receiver does not go with it.
/// I-22
#[test]
fn the_state_and_the_last_error_of_a_receiver_are_known_while_it_is_down_and_after_the_end() {
    let (ssc, clock) = receivers_alone(pausing());
    let lives = Arc::new(AtomicU32::new(0));
    let stream = receive(&ssc, move |handle| {
        let life = lives.fetch_add(1, Ordering::SeqCst);
        async move {
            handle.store_many(vec![1, 2, 3]).await?;
            if life == 0 {
                return Err("the cable is cut".into());
            }
            handle.report_error("a record is odd");
            handle.stopped().await;
            Ok(())
        }
    });
    batches(stream);
    clock.advance(seconds(7));
    let running = ssc.start().unwrap();
    let known = || running.receivers().remove(0);
    wait_until(|| known().state == ReceiverState::Pausing);
    let down = known();
    assert_eq!((&*down.name, down.starts, down.records, down.is_active()), ("test", 1, 3, false));
    let error = down.last_error.unwrap();
    assert_eq!((error.time, &*error.message), (Time::from_millis(7_000), "the cable is cut"));
    wait_until(|| clock.next_deadline() == t(7_150));
    clock.advance(milliseconds(150));
    wait_until(|| known().last_error.is_some_and(|error| error.message == "a record is odd"));
    wait_until(|| known().is_active());
    running.stop(Stop::Immediate).unwrap();
    let over = known();
    assert_eq!((over.state, over.starts, over.records), (ReceiverState::Ended, 2, 6));
    assert_eq!(over.last_error.unwrap().time, Time::from_millis(7_150));
}
