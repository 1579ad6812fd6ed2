//! `socket_text_stream` when peers come and go, and send what is no text.

use crate::support::*;
use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

#[test]
fn refused_connection_is_told_and_tried_again_until_somebody_listens() {
    let address = nobodys_address();
    let ssc = context(config());
    let (lines, told) = (batches(ssc.socket_text_stream(&address)), events(&ssc));
    let running = ssc.start().unwrap();

    for _ in 0..2 {
        let error = wait_for_error(&told, "cannot connect");
        let expected = format!("cannot connect to {address}: Connection refused (os error 111)");
        assert_eq!(error, expected);
    }
    let peer = Peer::at(&address);
    peer.accept().write_all(b"late\n").unwrap();
    assert_eq!(next_records(&lines, 1), ["late"]);
    assert_eq!(running.state(), ContextState::Active);
}

#[test]
fn server_that_is_killed_and_comes_back_is_read_again() {
    let peer = Peer::new();
    let address = peer.address();
    let ssc = context(config());
    let (lines, told) = (batches(ssc.socket_text_stream(&address)), events(&ssc));
    let _running = ssc.start().unwrap();

    let mut connection = peer.accept();
    connection.write_all(b"before\n").unwrap();
    assert_eq!(next_records(&lines, 1), ["before"]);
    drop(peer);
    drop(connection);
    wait_for_error(&told, "cannot connect");

    let peer = Peer::at(&address);
    peer.accept().write_all(b"after\n").unwrap();
    assert_eq!(next_records(&lines, 1), ["after"]);
}

#[test]
fn unfinished_last_line_of_a_closed_connection_is_delivered() {
    let peer = Peer::new();
    let ssc = context(config());
    let (lines, told) = (batches(ssc.socket_text_stream(peer.address())), events(&ssc));
    let _running = ssc.start().unwrap();

    peer.accept().write_all(b"whole\nunfin").unwrap();
    assert_eq!(next_records(&lines, 2), ["whole", "unfin"]);
    let error = wait_for_error(&told, "closed");
    assert_eq!(error, format!("{} closed the connection", peer.address()));
    peer.accept().write_all(b"ished\n").unwrap();
    assert_eq!(next_records(&lines, 1), ["ished"]);
}

#[test]
fn invalid_text_is_replaced_and_counted_once_when_it_begins_and_once_at_the_end() {
    let peer = Peer::new();
    let ssc = context(config());
    let (lines, told) = (batches(ssc.socket_text_stream(peer.address())), events(&ssc));
    let _running = ssc.start().unwrap();

    let mut connection = peer.accept();
    connection.write_all(b"good\n\xff\xfe\n").unwrap();
    assert_eq!(next_records(&lines, 2), ["good", "\u{fffd}\u{fffd}"]);
    wait_for_error(&told, "1 records");
    connection.write_all(b"\xc0\n\xc1\n\xf5\n").unwrap();
    assert_eq!(next_records(&lines, 3), ["\u{fffd}"; 3]);
    connection.shutdown(Shutdown::Write).unwrap();
    let error = wait_for_error(&told, "records");
    let address = peer.address();
    assert_eq!(
        error,
        format!("4 records from {address} were not valid text in all: invalid bytes are replaced by U+FFFD")
    );
}

/// I-5
#[test]
fn line_over_the_limit_drops_the_connection_and_names_the_limit_and_the_peer() {
    let peer = Peer::new();
    let limit = receivers().with_max_line("1kB".parse().unwrap());
    let ssc = context(config().with_receiver(limit));
    let (lines, told) = (batches(ssc.socket_text_stream(peer.address())), events(&ssc));
    let _running = ssc.start().unwrap();

    let mut connection = peer.accept();
    connection.write_all(b"first\n").unwrap();
    // It never ends; that the write fails shows that nobody holds it.
    let error = (0..100_000).find_map(|_| connection.write_all(&[b'x'; 4096]).err()).unwrap();
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    assert_eq!(next_records(&lines, 1), ["first"]);
    let error = wait_for_error(&told, "limit");
    assert!(error.contains("limit of 1000 bytes") && error.contains(&peer.address()), "{error}");

    peer.accept().write_all(b"second\n").unwrap();
    assert_eq!(next_records(&lines, 1), ["second"]);
}

#[test]
fn addresses_that_cannot_be_are_misuses_with_the_users_line() {
    let ssc = context(config());
    ssc.socket_text_stream("localhost").foreach_rdd(|_| ());
    ssc.socket_text_stream_with("localhost:http", StorageLevel::MemoryOnly).foreach_rdd(|_| ());
    ssc.socket_stream(":9999", || LineDecoder::new(80)).foreach_rdd(|_| ());
    let line = line!() - 3;

    let error = ssc.start().unwrap_err().to_string();
    for (offset, expected) in [
        (0, "the address \"localhost\" has no port; write it as host:port, such as localhost:9999"),
        (1, "the port \"http\" of the address \"localhost:http\" is not a number from 1 to 65535"),
        (2, "the address \":9999\" has no host"),
    ] {
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(&format!("socket_faults.rs:{}:", line + offset)), "{error}");
    }
    for method in ["socket_text_stream at", "socket_text_stream_with at", "socket_stream at"] {
        assert!(error.contains(method), "{error}");
    }
}

#[test]
fn host_that_does_not_exist_is_told_and_ends_nothing() {
    let ssc = context(config());
    ssc.socket_text_stream("no-such-host.invalid:9999").foreach_rdd(|_| ());
    let told = events(&ssc);
    let running = ssc.start().unwrap();
    let error = wait_for_error(&told, "cannot connect to no-such-host.invalid:9999");
    assert!(error.starts_with("cannot connect to no-such-host.invalid:9999: "), "{error}");
    running.stop(Stop::Graceful).unwrap();
}
