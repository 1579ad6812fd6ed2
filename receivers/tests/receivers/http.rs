//! `http_text_stream` and `http_stream`, undisturbed.

use crate::http_client::*;
use crate::support::*;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::durable::{MemoryStorage, Storage};

/// H-1
#[test]
fn lines_of_a_body_are_answered_with_their_number_and_come_in_order() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("127.0.0.1:0", HttpOptions::default());
    let (endpoint, lines) = (stream.endpoint(), batches(stream.stream()));
    let running = ssc.start().unwrap();

    // One connection takes any number of requests.
    let mut client = Client::connect(endpoint.local_addr().unwrap());
    for (body, number) in [("to be\r\n\nor not", 3), ("", 0), ("nul\0", 1)] {
        client.request("/", "text/plain", body);
        let answer = client.answer().unwrap();
        assert_eq!((answer.status, answer.body), (202, format!("{{\"records\":{number}}}\n")));
        assert_eq!(answer.headers.iter().find(|(name, _)| name == "content-type").unwrap().1, "application/json");
    }
    assert_eq!(next_records(&lines, 4), ["to be", "", "or not", "nul\0"]);
    running.stop(Stop::Graceful).unwrap();
    let counts = endpoint.counts();
    assert_eq!((counts.stored, counts.records, counts.refused, counts.no_room), (3, 4, 0, 0));
}

#[test]
fn records_come_as_lines_of_json_or_as_an_array() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct View {
        page: String,
        user: Option<u32>,
    }
    let ssc = context(config());
    let stream = ssc.http_stream::<View>("0", HttpOptions::default().with_path("/views"));
    let address = stream.local_addr().unwrap();
    assert!(address.ip().is_loopback());
    assert_eq!(stream.endpoint().url(), Some(format!("http://{address}/views")));
    let views = batches(*stream);
    let _running = ssc.start().unwrap();

    for (content_type, body) in [
        ("application/x-ndjson", "{\"page\":\"/\",\"user\":1}\n\n{\"page\":\"/a\"}\n"),
        ("application/json; charset=utf-8", "[{\"page\":\"/\",\"user\":1}, {\"page\":\"/a\"}]"),
    ] {
        let answer = post(address, "/views", content_type, body);
        assert_eq!((answer.status, answer.body.as_str()), (202, "{\"records\":2}\n"));
        let view = |page: &str, user| View { page: page.to_owned(), user };
        assert_eq!(next_records(&views, 2), [view("/", Some(1)), view("/a", None)]);
    }
    let answer = post(address, "/views", "application/json", "{\"page\":\"/b\"}");
    assert_eq!((answer.status, answer.body.as_str()), (202, "{\"records\":1}\n"));
}

/// The block is cut by the clock, which the test turns.
/// H-2
#[test]
fn stored_is_answered_when_the_block_is_in_the_ledger_and_not_before() {
    let (ssc, clock) = manual_context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default());
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let running = ssc.start().unwrap();

    assert_eq!(post_lines(address, "first").status, 202);
    let mut client = Client::connect(address);
    client.request("/?acknowledge=stored", "text/plain", "second\nthird");
    client.stream().set_read_timeout(Some(milliseconds(100))).unwrap();
    let early = client.stream().peek(&mut [0]).unwrap_err();
    assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
    client.stream().set_read_timeout(Some(DEADLINE)).unwrap();
    run_batch(&running, &clock, 1);
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"records\":2}\n"));
    assert_eq!(lines.try_recv().unwrap(), ["first", "second", "third"]);
    running.stop(Stop::Immediate).unwrap();
}

/// H-3
#[test]
fn what_was_answered_with_success_before_or_during_a_graceful_stop_is_processed() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default());
    let (endpoint, lines) = (stream.endpoint(), batches(*stream));
    let address = endpoint.local_addr().unwrap();
    let running = ssc.start().unwrap();

    let stopping = AtomicBool::new(false);
    let mut accepted: Vec<String> = std::thread::scope(|threads| {
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let stopping = &stopping;
                threads.spawn(move || {
                    let mut accepted = Vec::new();
                    let mut connection = Client::connect(address);
                    for n in 0.. {
                        let line = format!("{client} {n}");
                        let target = if n % 2 == 0 { "/" } else { "/?acknowledge=stored" };
                        let head =
                            format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", line.len());
                        let answer = connection.send(head + &line).ok().and_then(|()| connection.answer());
                        match answer.map(|answer| answer.status) {
                            Some(200 | 202) => accepted.push(line),
                            Some(503) | None => break,
                            Some(status) => panic!("{status}"),
                        }
                    }
                    assert!(stopping.load(Ordering::SeqCst), "it hung up before it stopped");
                    accepted
                })
            })
            .collect();
        wait_until(|| endpoint.counts().records > 100);
        stopping.store(true, Ordering::SeqCst);
        running.stop(Stop::Graceful).unwrap();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let mut processed: Vec<String> = lines.try_iter().flatten().collect();
    accepted.sort();
    processed.sort();
    let missing: Vec<_> = accepted.iter().filter(|line| processed.binary_search(line).is_err()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    processed.dedup();
    assert!(processed.len() as u64 <= endpoint.counts().records, "something came twice");
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn stop_answers_a_half_sent_body_and_gives_the_port_back() {
    for how in [Stop::Graceful, Stop::Immediate] {
        let ssc = context(config());
        let stream = ssc.http_text_stream("0", HttpOptions::default());
        let address = stream.local_addr().unwrap();
        batches(*stream);
        let running = ssc.start().unwrap();

        let (mut half, mut idle) = (Client::connect(address), Client::connect(address));
        half.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf a li").unwrap();
        idle.request("/", "text/plain", "whole");
        assert_eq!(idle.answer().unwrap().status, 202);
        running.stop(how).unwrap();
        // A graceful stop says so, unless it comes before the request was looked at.
        if let Some(answer) = half.answer() {
            assert_eq!((answer.status, answer.body.as_str()), (503, "{\"error\":\"the program is stopping\"}\n"));
        }
        idle.wait_for_end();
        let refused = || TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        // An immediate stop does not wait for the receiver, which is dropped where it runs.
        assert!(how == Stop::Immediate || refused());
        wait_until(refused);
    }
}

/// Its block is far from its time, and further than a receiver may take to stop.
/// H-3
#[test]
fn request_that_waits_for_its_block_at_a_stop_is_answered_without_waiting_for_the_time_of_the_block() {
    let ssc = StreamingContext::new(config().with_block_interval(seconds(100)), seconds(100)).unwrap();
    let stream = ssc.http_text_stream("0", HttpOptions::default().with_acknowledge(Acknowledge::Stored));
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let running = ssc.start().unwrap();
    let mut client = Client::connect(address);
    client.request("/", "text/plain", "one");
    wait_until(|| running.receivers()[0].records == 1);
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(client.answer().map(|answer| answer.status), Some(200));
    assert_same(lines.try_iter().flatten(), ["one".to_owned()]);
}

/// The process ends before the batch; another one, at another port, goes on.
/// H-2
#[test]
fn what_was_answered_as_stored_is_there_after_a_restart() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let clock = ManualClock::new(Time::ZERO);
    let start = || {
        let config = config().with_block_interval(milliseconds(10));
        let ssc = StreamingContext::with_clock(config, seconds(10), Arc::new(clock.clone())).unwrap();
        ssc.checkpoint_to(storage.clone());
        let stream = ssc.http_text_stream("0", HttpOptions::default().with_acknowledge(Acknowledge::Stored));
        let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
        (ssc.start().unwrap(), address, lines)
    };
    let (running, address, lines) = start();
    let mut client = Client::connect(address);
    client.request("/", "text/plain", "one\ntwo");
    // Whenever the request is looked at: the block is cut soon after, and the batch is far away.
    client.stream().set_read_timeout(Some(milliseconds(10))).unwrap();
    let answered = (0..1900).any(|_| {
        clock.advance(milliseconds(5));
        client.stream().peek(&mut [0]).is_ok()
    });
    assert!(answered, "it is not stored before its batch");
    assert_eq!(client.answer().unwrap().status, 200);
    running.stop(Stop::Immediate).unwrap();
    assert_same(lines.try_iter().flatten(), Vec::<String>::new());

    let (running, _, lines) = start();
    clock.advance(seconds(10));
    assert_eq!(next_records(&lines, 2), ["one", "two"]);
    running.stop(Stop::Immediate).unwrap();
}

#[test]
fn connection_made_before_the_start_is_answered_after_it() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default());
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let mut early = Client::connect(address);
    early.request("/", "text/plain", "early");
    let _running = ssc.start().unwrap();
    assert_eq!(early.answer().unwrap().status, 202);
    assert_eq!(next_records(&lines, 1), ["early"]);
}

#[test]
fn addresses_and_options_that_cannot_be_are_misuses_with_the_users_line() {
    let ssc = context(config());
    let one = ssc.http_text_stream("0", HttpOptions::default());
    one.foreach_rdd(|_| ());
    let taken = one.local_addr().unwrap();
    ssc.http_stream::<u32>(taken.to_string(), HttpOptions::default()).foreach_rdd(|_| ());
    let other = ssc.http_text_stream(":8080", HttpOptions::default().with_path("events"));
    other.foreach_rdd(|_| ());
    let line = line!() - 2;
    assert_eq!((other.local_addr(), other.endpoint().url()), (None, None));

    let error = ssc.start().unwrap_err().to_string();
    for (offset, expected) in [
        (1, format!("cannot listen at {taken}: Address already in use")),
        (0, "the address \":8080\" is none; write it as host:port".to_owned()),
        (0, "the path \"events\" is none".to_owned()),
    ] {
        assert!(error.contains(&expected) && error.contains(&format!("http.rs:{}:", line - offset)), "{error}");
    }
    // The port is free again.
    drop(Peer::at(&taken.to_string()));
}
