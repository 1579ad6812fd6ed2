//! `http_text_stream` and `http_stream` when clients send what cannot be taken.

use crate::http_client::*;
use crate::support::*;
use serde::{Deserialize, Deserializer, Serialize};
use std::io::ErrorKind;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

/// H-1
#[test]
fn body_that_cannot_be_decoded_stores_nothing_and_names_line_and_column() {
    let ssc = context(config());
    let stream = ssc.http_stream::<u32>("0", HttpOptions::default().with_max_records(3));
    let (endpoint, numbers) = (stream.endpoint(), batches(*stream));
    let address = endpoint.local_addr().unwrap();
    let _running = ssc.start().unwrap();

    for (content_type, body, status, expected) in [
        (
            "application/x-ndjson",
            "1\n2\nthree\n",
            400,
            r#"{"column":2,"error":"line 3, column 2: expected ident","line":3}"#,
        ),
        ("application/json", "[1,\n-1]", 400, r#""line":2"#),
        ("application/json", "[1, 2", 400, "EOF while parsing"),
        ("application/json", "[1, 2, 3, 4]", 413, "there are more than 3 records"),
        ("text/plain", "1\n", 415, r#"the body is of type \"text/plain\"; send it as application/x-ndjson"#),
    ] {
        let answer = post(address, "/", content_type, body);
        assert!(answer.status == status && answer.body.contains(expected), "{answer:?}");
    }
    let answer = post(address, "/?acknowledge=maybe", "application/json", "[1]");
    assert!(answer.status == 400 && answer.body.contains("acknowledge=stored"), "{answer:?}");
    assert_eq!(post(address, "/", "application/json", "[7]").status, 202);
    assert_eq!(next_records(&numbers, 1), [7]);
    let counts = endpoint.counts();
    assert_eq!((counts.stored, counts.records, counts.refused), (1, 1, 6));
}

#[test]
fn text_that_is_not_utf8_or_has_a_long_line_is_refused_as_a_whole() {
    let ssc = context(config().with_receiver(receivers().with_max_line("10B".parse().unwrap())));
    let stream = ssc.http_text_stream("0", HttpOptions::default());
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let _running = ssc.start().unwrap();
    for (body, status, expected) in [
        (b"ok\n\xff\xfe\n".as_slice(), 400, "line 2, column 1: the text is not valid UTF-8"),
        (b"ok\n12345678901\n", 413, "line 2 has 11 bytes, the limit is 10"),
    ] {
        let answer = post_lines(address, body);
        assert!(answer.status == status && answer.body.contains(expected), "{answer:?}");
    }
    post_lines(address, "good");
    assert_eq!(next_records(&lines, 1), ["good"]);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default().with_path("/in"));
    let address = stream.local_addr().unwrap();
    batches(*stream);
    let _running = ssc.start().unwrap();
    assert_eq!(post(address, "/", "text/plain", "x").status, 404);
    assert_eq!(post(address, "/in", "text/plain", "x").status, 202);
    for method in ["GET", "PUT", "DELETE"] {
        let mut client = Client::connect(address);
        client.send(format!("{method} /in HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
        let answer = client.answer().unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
}

/// H-4
#[test]
fn body_over_the_limit_is_refused_by_its_announcement_or_when_it_gets_there() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default().with_max_body(1000));
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let _running = ssc.start().unwrap();

    // Announced and never sent: nobody waits for it.
    let mut client = Client::connect(address);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").unwrap();
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (413, "{\"error\":\"the body has more than 1000 bytes\"}\n"));

    // Not announced, and without end.
    let mut client = Client::connect(address);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(1 << 16));
    let ended = (0..1_000_000).find_map(|_| client.send(&chunk).err()).expect("the server reads on and on");
    assert!(matches!(ended.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{ended}");

    assert_eq!(post_lines(address, "x".repeat(1000)).status, 202);
    assert_eq!(next_records(&lines, 1), ["x".repeat(1000)]);
}

/// On the machine's clock, by which the server below closes connections; the deadline of each read is what fails otherwise.
/// H-4
#[test]
fn client_that_takes_for_ever_over_its_head_or_its_body_is_given_up() {
    let quick = Duration::from_millis(500);
    let options = HttpOptions::default().with_head_timeout(quick).with_keep_alive(quick).with_body_timeout(quick);
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", options);
    let (endpoint, lines) = (stream.endpoint(), batches(*stream));
    let address = endpoint.local_addr().unwrap();
    let _running = ssc.start().unwrap();

    for head in ["", "POST", "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut client = Client::connect(address);
        client.send(head).unwrap();
        client.wait_for_end();
    }
    // After a request that was as it should be.
    let mut client = Client::connect(address);
    client.request("/", "text/plain", "fine");
    assert_eq!(client.answer().unwrap().status, 202);
    client.send("POST / HTTP/1.1\r\nHost").unwrap();
    client.wait_for_end();

    let mut client = Client::connect(address);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (408, "{\"error\":\"the body has not arrived within 500ms\"}\n"));
    client.wait_for_end();
    assert_eq!(next_records(&lines, 1), ["fine"]);
}

/// H-4
#[test]
fn bytes_that_are_no_requests_end_their_connection_and_nothing_else() {
    let ssc = context(config());
    let stream = ssc.http_text_stream("0", HttpOptions::default());
    let (address, lines) = (stream.local_addr().unwrap(), batches(*stream));
    let running = ssc.start().unwrap();
    let long_header = format!("POST / HTTP/1.1\r\nHost: x\r\nX: {}", "y".repeat(200_000));
    let many_headers = format!("POST / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000));
    for bytes in [
        b"\0\0\0\0\r\n\r\n".as_slice(),
        b"\xff\xfe\xfd\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: minus one\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        long_header.as_bytes(),
        many_headers.as_bytes(),
    ] {
        let mut client = Client::connect(address);
        // It may hang up in the middle.
        let _ = client.send(bytes);
        if let Some(answer) = client.answer() {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
    }
    // A client that hangs up in the middle of everything.
    for length in [0, 10, 40, 70] {
        let whole = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n12345";
        Client::connect(address).send(&whole[..length]).unwrap();
    }
    assert_eq!(post_lines(address, "still there").status, 202);
    assert_eq!(next_records(&lines, 1), ["still there"]);
    assert_eq!(running.state(), ContextState::Active);
}

/// H-5
#[test]
fn what_a_client_does_wrong_is_counted_each_time_and_reported_once() {
    let ssc = context(config());
    let stream = ssc.http_stream::<u32>("0", HttpOptions::default());
    let (endpoint, told) = (stream.endpoint(), events(&ssc));
    let address = endpoint.local_addr().unwrap();
    batches(*stream);
    let running = ssc.start().unwrap();
    for _ in 0..50 {
        assert_eq!(post(address, "/", "application/json", "[x]").status, 400);
        assert_eq!(post(address, "/", "image/png", "x").status, 415);
    }
    running.stop(Stop::Graceful).unwrap();
    let reports: Vec<String> = told
        .try_iter()
        .filter_map(|event| if let Event::ReceiverError { message, .. } = event { Some(message) } else { None })
        .collect();
    let expected = "a request from 127.0.0.1 was refused with 400 Bad Request: line 1, column 2: expected value; further \
                    ones from there are counted only, for an hour";
    assert_eq!(reports, [expected]);
    assert_eq!(endpoint.counts().refused, 100);
}

/// Forty kilobytes of JSON, and ten megabytes of memory.
/// H-4, H-5
#[test]
fn body_whose_records_take_much_more_memory_than_bytes_is_refused_and_counted() {
    #[expect(clippy::large_enum_variant, reason = "what makes it dear is the point")]
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Wide {
        A,
        Large([[u64; 16]; 8]),
    }
    let ssc = context(config());
    let options = HttpOptions::default().with_max_body(100_000).with_max_in_flight(1_000_000);
    let stream = ssc.http_stream::<Vec<Wide>>("0", options);
    let (endpoint, told) = (stream.endpoint(), events(&ssc));
    let (address, records) = (endpoint.local_addr().unwrap(), batches(*stream));
    let running = ssc.start().unwrap();
    let list = format!("[{}]", vec!["\"A\""; 10_000].join(","));
    for (kind, body) in [("application/json", format!("[{list}]")), ("application/x-ndjson", list)] {
        let answer = post(address, "/", kind, &body);
        assert_eq!(answer.status, 413);
        let problem = "the records take more than 1000000 bytes of memory; send them in several requests";
        assert!(answer.body.contains(problem), "{}", answer.body);
    }
    assert_eq!(post(address, "/", "application/json", "[[\"A\"]]").status, 202);
    assert_eq!(next_records(&records, 1), [vec![Wide::A]]);
    assert_eq!((endpoint.counts().refused, endpoint.counts().stored), (2, 1));
    running.stop(Stop::Graceful).unwrap();
    let reports = told.try_iter().filter(|event| matches!(event, Event::ReceiverError { .. })).count();
    assert_eq!(reports, 1, "both came from one address");
}

#[test]
fn panic_in_the_decoding_of_a_record_is_an_answer_and_ends_nothing() {
    #[derive(Debug, Clone, PartialEq, Serialize)]
    struct Picky(u32);
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let number = u32::deserialize(deserializer)?;
            assert!(number != 13, "thirteen");
            Ok(Picky(number))
        }
    }
    let ssc = context(config());
    let stream = ssc.http_stream::<Picky>("0", HttpOptions::default());
    let (address, numbers, told) = (stream.local_addr().unwrap(), batches(*stream), events(&ssc));
    let _running = ssc.start().unwrap();
    let answer = post(address, "/", "application/json", "[12, 13]");
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body, "{\"error\":\"the decoding of a record panicked: thirteen\"}\n");
    wait_for_error(&told, "the decoding of a record panicked: thirteen");
    assert_eq!(post(address, "/", "application/json", "[14]").status, 202);
    assert_eq!(next_records(&numbers, 1), [Picky(14)]);
}
