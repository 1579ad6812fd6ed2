//! `http_text_stream` when there is more than can be taken.

use crate::http_client::*;
use crate::support::*;
use std::io::ErrorKind;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

fn impatient() -> HttpOptions {
    HttpOptions::default().with_patience(Duration::from_millis(50))
}

/// H-6
#[test]
fn full_stream_answers_429_within_the_patience_and_takes_records_again_when_there_is_room() {
    let pending = receivers().with_max_pending("100kB".parse().unwrap());
    let ssc = context(config().with_receiver(pending));
    let stream = ssc.http_text_stream("0", impatient());
    let endpoint = stream.endpoint();
    let address = endpoint.local_addr().unwrap();
    let (release, released) = channel::<()>();
    let (seen, inbox) = channel();
    let gate = Mutex::new(Some(released));
    stream.foreach_rdd(move |rdd| {
        if let Some(gate) = gate.lock().unwrap().take() {
            let _ = gate.recv();
        }
        rdd.collect().map(|lines| drop(seen.send(lines)))
    });
    let running = ssc.start().unwrap();

    let body = "x".repeat(20_000);
    let mut accepted = 0;
    let refused = loop {
        let answer = post_lines(address, &body);
        match answer.status {
            202 => accepted += 1,
            _ => break answer,
        }
        assert!(accepted < 100, "the stream takes more than it may");
    };
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert!((3..=4).contains(&accepted), "{accepted} bodies of 20 kB are in 100 kB");
    // However many come.
    for _ in 0..20 {
        assert_eq!(post_lines(address, &body).status, 429);
    }
    drop(release);
    wait_until(|| post_lines(address, "room").status == 202);
    running.stop(Stop::Graceful).unwrap();
    let lines: Vec<String> = inbox.try_iter().flatten().collect();
    assert_eq!(lines.len(), accepted + 1, "what was answered with 429 is not there");
    let counts = endpoint.counts();
    assert!(counts.no_room >= 21 && counts.records == lines.len() as u64, "{counts:?}");
}

/// Ten records at one a second; the clock stands still.
/// H-6
#[test]
fn rate_limit_is_told_as_the_time_to_come_again_and_refused_requests_do_not_lengthen_it() {
    let (ssc, clock) = manual_context(config().with_receiver(receivers().with_max_rate(1)));
    let stream = ssc.http_text_stream("0", HttpOptions::default().with_patience(Duration::ZERO));
    let address = stream.local_addr().unwrap();
    batches(*stream);
    let running = ssc.start().unwrap();
    assert_eq!(post_lines(address, "x\n".repeat(10)).status, 202);
    for _ in 0..100 {
        let answer = post_lines(address, "y\n".repeat(1000));
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("10")));
    }
    clock.advance(seconds(10));
    assert_eq!(post_lines(address, "z").status, 202);
    running.stop(Stop::Immediate).unwrap();
}

/// H-4
#[test]
fn bodies_on_their_way_share_their_memory() {
    let ssc = context(config());
    let options = impatient().with_max_body(100_000).with_max_in_flight(100_000);
    let stream = ssc.http_text_stream("0", options);
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let _running = ssc.start().unwrap();

    let mut half = Client::connect(address);
    half.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n").unwrap();
    half.send("y".repeat(80_000)).unwrap();
    // Until the first half has been read, there is room for others.
    wait_until(|| post_lines(address, "x".repeat(50_000)).status == 429);
    half.send("y".repeat(10_000)).unwrap();
    assert_eq!(half.answer().unwrap().status, 202);
    assert_eq!(post_lines(address, "x".repeat(50_000)).status, 202);
    let received = next_records(&lines, 2);
    assert!(received.iter().any(|line| line.len() == 90_000), "{}", received.len());
}

/// H-4
#[test]
fn connections_over_the_limit_wait_until_another_has_ended() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default().with_max_connections(2));
    let address = stream.local_addr().unwrap();
    batches(*stream);
    let _running = ssc.start().unwrap();
    let held: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = Client::connect(address);
            client.request("/", "text/plain", "held");
            assert_eq!(client.answer().unwrap().status, 202);
            client
        })
        .collect();
    let mut third = Client::connect(address);
    third.request("/", "text/plain", "third");
    third.stream().set_read_timeout(Some(milliseconds(100))).unwrap();
    let waits = third.stream().peek(&mut [0]).unwrap_err();
    assert!(matches!(waits.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waits}");
    drop(held);
    third.stream().set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(third.answer().unwrap().status, 202);
}

/// The block store has room for nothing: what is asked to be stored is in memory, and stays there.
#[test]
fn storing_that_takes_longer_than_it_may_is_answered_with_504() {
    let slow = receivers().with_store_timeout(milliseconds(100));
    let (ssc, clock) = manual_context(config().with_receiver(slow).with_block_interval(seconds(1)));
    let options = HttpOptions::default().with_patience(Duration::ZERO).with_acknowledge(Acknowledge::Stored);
    let stream = ssc.http_text_stream("0", options);
    let (endpoint, lines) = (stream.endpoint(), batches(*stream));
    let running = ssc.start().unwrap();
    let mut client = Client::connect(endpoint.local_addr().unwrap());
    client.request("/", "text/plain", "late");
    // The server waits from whenever it comes to it, but the block is cut at the tick only.
    wait_until(|| clock.waiting() > 0 && clock.next_deadline() < Some(Time::from_millis(1000)));
    clock.advance(milliseconds(100));
    let answer = client.answer().unwrap();
    assert!(answer.status == 504 && answer.body.contains("they may be stored later"), "{answer:?}");
    clock.advance(milliseconds(900));
    assert!(running.wait_for_batches(1, DEADLINE));
    assert_eq!(lines.try_recv().unwrap(), ["late"]);
    assert_eq!(endpoint.counts().unfinished, 1);
    running.stop(Stop::Immediate).unwrap();
}

/// P-2, with the one store more.
#[test]
fn clients_side_by_side_lose_nothing_and_double_nothing() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default());
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let running = ssc.start().unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|threads| {
        for client in 0..8 {
            let sent = sent.clone();
            threads.spawn(move || {
                let mut connection = Client::connect(address);
                for request in 0..50 {
                    let all: Vec<String> = (0..20).map(|n| format!("{client}/{request}/{n}")).collect();
                    connection.request("/", "text/plain", all.join("\n"));
                    assert_eq!(connection.answer().unwrap().status, 202);
                    sent.lock().unwrap().extend(all);
                }
            });
        }
    });
    running.stop(Stop::Graceful).unwrap();
    let (mut sent, mut received) = (sent.lock().unwrap().clone(), lines.try_iter().flatten().collect::<Vec<_>>());
    sent.sort();
    received.sort();
    assert!(sent == received, "{} sent, {} received", sent.len(), received.len());
}
