//! What a peer or a reader can do wrong: the program says so once, clearly, and goes on where it can.

use crate::peer::{Peer, nobodys_address};
use crate::program::{Program, WORD_COUNT, command};
use std::io::{BufRead, BufReader, Write};

#[test]
fn refused_connection_is_told_once_and_batches_go_on() {
    let address = nobodys_address();
    let program = Program::start(WORD_COUNT, &format!("{address} --interval 50ms"));
    // Twenty batches and some fifty attempts to connect.
    (0..20).for_each(|_| assert_eq!(program.page().records, [""; 0]));
    program.signal("INT");
    let end = program.end();
    let [warning] = end.err.as_slice() else { panic!("{end:?}") };
    let expected = format!("cannot connect to {address}: Connection refused");
    assert!(warning.contains("WARN") && warning.contains(&expected), "{warning}");
    assert!(warning.ends_with("; starting again in 20 ms"), "{warning}");
}

#[test]
fn garbage_is_told_and_the_words_around_it_are_counted() {
    let peer = Peer::new();
    let program = Program::start(WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    let mut connection = peer.accept();
    connection.write_all(b"good \xff\xfe\xc0\x80 \0\0 good\n\x80\n").unwrap();
    program.expect_counts(&[("good", 2), ("\u{fffd}\u{fffd}\u{fffd}\u{fffd}", 1), ("\0\0", 1), ("\u{fffd}", 1)]);
    let warning = program.error("not valid text");
    assert!(warning.contains("WARN") && warning.contains(&peer.address()) && warning.contains("U+FFFD"), "{warning}");
    connection.write_all(b"fine\n").unwrap();
    program.expect_counts(&[("fine", 1)]);
    assert_eq!(program.errors_so_far(), [""; 0]);
}

#[test]
fn line_over_the_limit_is_told_with_limit_and_peer_and_the_stream_goes_on() {
    let peer = Peer::new();
    let mut command = command(WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    command.env("WATERWHEEL_RECEIVER__MAX_LINE", "1KiB");
    let program = Program::spawn(command);
    let mut connection = peer.accept();
    connection.write_all(b"before\n").unwrap();
    connection.write_all(&[b'x'; 5000]).unwrap();
    let warning = program.error("longer than the limit");
    assert!(warning.contains("limit of 1024 bytes") && warning.contains(&peer.address()), "{warning}");
    peer.accept().write_all(b"after\n").unwrap();
    program.expect_counts(&[("before", 1), ("after", 1)]);
}

#[test]
fn reader_that_goes_away_ends_the_program_with_an_error_that_names_the_output() {
    let peer = Peer::new();
    let mut child = command(WORD_COUNT, &format!("{} --interval 50ms", peer.address())).spawn().unwrap();
    let mut greeting = String::new();
    // As `head -1` does; the end of the pipe is closed with the line.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut greeting).unwrap();
    let end = Program::adopt(child).end();
    assert_eq!(end.code, Some(1));
    let error = end.err.iter().find(|line| line.starts_with("Error: ")).unwrap();
    assert!(error.contains("print at examples/src/bin/network_word_count.rs:"), "{error}");
    assert!(error.contains("batch ") && error.contains("Broken pipe"), "{error}");
}
