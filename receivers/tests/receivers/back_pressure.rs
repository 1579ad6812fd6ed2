//! What holds a receiver back: processing that stalls, and a rate.

use crate::support::*;
use std::io::{ErrorKind, Write};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::receiver::ReceiverHandle;

/// Has `stream` stall in its first batch, until something is sent to or the sender is dropped.
fn stall<T: Record>(stream: DStream<'_, T>) -> std::sync::mpsc::Sender<()> {
    let (release, released) = channel();
    let released = Mutex::new(released);
    // Afterwards the channel is closed, and no batch waits.
    stream.foreach_rdd(move |_| {
        let _ = released.lock().unwrap().recv();
    });
    release
}

/// The records of the next batch that gets its blocks.
fn submitted(told: &std::sync::mpsc::Receiver<Event>) -> u64 {
    wait_for(told, |event| match event {
        Event::BatchSubmitted(batch) => Some(batch.num_records()),
        _ => None,
    })
}

/// Ten records of 1000 bytes fill the allowance of 10 kB; the eleventh waits until the batch of the ten is done.
/// P-1
#[test]
fn receiver_waits_at_exactly_the_bytes_that_may_be_pending() {
    let pending = receivers().with_max_pending("10kB".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    let (accepted, numbers) = channel();
    let stream = receive(&ssc, move |handle| {
        let accepted = accepted.clone();
        async move {
            for n in 0_u64.. {
                handle.store_sized(vec![n], 1000).await?;
                accepted.send(n).unwrap();
            }
            Ok(())
        }
    });
    let (release, told) = (stall(stream), events(&ssc));
    let running = ssc.start().unwrap();

    let next_ten = |from: u64| {
        let ten = (0..10).map(|_| numbers.recv_timeout(DEADLINE).unwrap());
        assert_same(ten, from..from + 10);
    };
    next_ten(0);
    clock.advance(seconds(1));
    assert_eq!(submitted(&told), 10);
    // The first batch stalls: however many come after it, there is nothing for them.
    for _ in 0..3 {
        clock.advance(seconds(1));
        assert_eq!(submitted(&told), 0);
    }
    assert!(numbers.try_recv().is_err());

    drop(release);
    next_ten(10);
    running.stop(Stop::Immediate).unwrap();
}

/// How many of these records, stored one by one, come in before an allowance of 100 kB holds them back.
fn come_in<T: Record>(records: Vec<T>) -> u64 {
    let pending = receivers().with_max_pending("100kB".parse().unwrap());
    let (ssc, _clock) = manual_context(config().with_receiver(pending));
    let (held, done) = channel();
    let stream = receive(&ssc, move |handle: ReceiverHandle<T>| {
        let (records, held) = (records.clone(), held.clone());
        async move {
            for record in records {
                let mut storing = Box::pin(handle.store(record));
                std::future::poll_fn(|cx| {
                    let polled = storing.as_mut().poll(cx);
                    if polled.is_pending() {
                        let _ = held.send(());
                    }
                    polled
                })
                .await?;
            }
            Ok(())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();
    done.recv_timeout(DEADLINE).unwrap();
    let records = running.receivers()[0].records;
    running.stop(Stop::Immediate).unwrap();
    records
}

/// One record in 64 was weighed once, and stood for the others.
/// P-1
#[test]
fn large_records_among_small_ones_count_for_what_they_take() {
    let mut records = vec![String::new()];
    records.extend(vec!["x".repeat(10_000); 63]);
    assert_eq!(come_in(records), 10, "an empty one, and nine of ten kilobytes");
}

/// Encoded, an empty text is one byte: a hundred would count for a hundred bytes.
/// P-1
#[test]
fn lists_of_nothing_count_for_the_memory_of_their_elements() {
    assert_eq!(come_in(vec![vec![String::new(); 1000]; 20]), 4, "24 kB each");
}

/// One record larger than the whole allowance takes all of it, instead of waiting for ever.
/// P-1
#[test]
fn record_larger_than_what_may_be_pending_comes_in_alone() {
    let pending = receivers().with_max_pending("1kB".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    let stream = receive(&ssc, |handle| async move {
        for n in 0.. {
            handle.store_sized(vec![n], 5000).await?;
        }
        Ok(())
    });
    let numbers = batches(stream);
    let running = ssc.start().unwrap();
    for n in 0..5 {
        assert_eq!(batch_of(&running, &clock, &numbers, n + 1), [n]);
    }
    running.stop(Stop::Immediate).unwrap();
}

/// P-3
#[test]
fn stalled_output_blocks_the_senders_writes_and_memory_stays_within_the_allowance() {
    const ALLOWANCE: u64 = 1_000_000;
    const LINE: &str = "six times nine is forty-two, or so the story goes, ok\n";

    let peer = Peer::new();
    let pending = receivers().with_max_pending("1MB".parse().unwrap());
    let ssc = context(config().with_receiver(pending));
    let lines = ssc.socket_text_stream(peer.address());
    let (release, told) = (stall(lines), events(&ssc));
    let running = ssc.start().unwrap();

    let mut connection = peer.accept();
    connection.set_write_timeout(Some(milliseconds(500))).unwrap();
    let text = LINE.repeat(10_000);
    let mut written = 0;
    let blocked = loop {
        match connection.write(text.as_bytes()) {
            Ok(bytes) => written += bytes,
            Err(error) => break error,
        }
        assert!(written < 1 << 30, "nothing holds the sender");
    };
    assert!(matches!(blocked.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{blocked}");

    let received: u64 = told
        .try_iter()
        .map(|event| if let Event::BatchSubmitted(batch) = event { batch.num_records() } else { 0 })
        .sum();
    // A line weighs its bytes and its `String`; what is held back is less than the next read.
    let weight = (LINE.len() + size_of::<String>()) as u64;
    assert!(received * weight <= ALLOWANCE, "{received} lines");
    assert!(received * weight > ALLOWANCE / 2, "{received} lines");

    drop(release);
    connection.set_write_timeout(Some(DEADLINE)).unwrap();
    connection.write_all(text.as_bytes()).unwrap();
    running.stop(Stop::Immediate).unwrap();
}

/// P-2
#[test]
fn receiver_stores_no_faster_than_the_rate_it_may() {
    let (ssc, clock) = receivers_alone(config().with_receiver(receivers().with_max_rate(100)));
    let (accepted, numbers) = channel();
    let stream = receive(&ssc, move |handle| {
        let accepted = accepted.clone();
        async move {
            for n in 0_u64.. {
                handle.store(n).await?;
                accepted.send(n).unwrap();
            }
            Ok(())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();

    // At the start the slack of 50 ms is not there yet: the first record comes at once, the next ones every 10 ms.
    assert_eq!(numbers.recv_timeout(DEADLINE).unwrap(), 0);
    for n in 1..=200 {
        let due = Time::ZERO + milliseconds(10) * n;
        wait_until(|| clock.next_deadline() == Some(due));
        assert!(numbers.try_recv().is_err());
        clock.advance(milliseconds(10));
        assert_eq!(numbers.recv_timeout(DEADLINE).unwrap(), u64::from(n));
    }
    running.stop(Stop::Immediate).unwrap();
}

/// On the machine's clock, since it is about that: its timers wake a millisecond or two late, and a receiver that waited for each of
/// 5000 records would take many seconds. How exact the rate is, is said by `throttling`, on a clock that is.
#[test]
fn timers_that_wake_late_do_not_hold_a_receiver_of_single_records_to_a_fraction_of_its_rate() {
    const RATE: u64 = 5000;
    let ssc = context(config().with_receiver(receivers().with_max_rate(RATE)));
    let measured = Arc::new(Mutex::new(None));
    let result = measured.clone();
    let (done, finished) = channel();
    let stream = receive(&ssc, move |handle| {
        let (result, done) = (result.clone(), done.clone());
        async move {
            let start = handle.clock().monotonic();
            for n in 0..RATE {
                handle.store(n).await?;
            }
            *result.lock().unwrap() = Some(handle.clock().monotonic() - start);
            done.send(()).unwrap();
            handle.stopped().await;
            Ok(())
        }
    });
    batches(stream);
    let running = ssc.start().unwrap();
    finished.recv_timeout(DEADLINE).unwrap();
    let took = measured.lock().unwrap().unwrap();
    assert!(took >= milliseconds(949), "{took:?}: more than the rate and the slack of 50 ms");
    assert!(took <= milliseconds(2000), "{took:?}: the timers' delays have added up");
    running.stop(Stop::Immediate).unwrap();
}
