//! `custom_receiver`.

use crate::peer::Peer;
use crate::program::{CUSTOM_RECEIVER, Program};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

fn answer(connection: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// The acknowledgement of the second message is not heard, so it is sent again: its words are counted once.
#[test]
fn a_message_that_is_sent_again_comes_in_once_and_is_acknowledged_again() {
    let peer = Peer::new();
    let program = Program::start(CUSTOM_RECEIVER, &format!("{} --interval 50ms", peer.address()));
    let mut first = peer.accept();
    first.write_all(b"1 to be\n2 or not\n").unwrap();
    assert!(["1", "2"].contains(&answer(&first).as_str()));
    program.expect_counts(&[("to", 1), ("be", 1), ("or", 1), ("not", 1)]);
    drop(first);
    let mut second = peer.accept();
    second.write_all(b"2 or not\n").unwrap();
    assert_eq!(answer(&second), "2");
    second.write_all(b"nonsense\n3 to be\n").unwrap();
    assert_eq!(answer(&second), "3");
    program.expect_counts(&[("to", 1), ("be", 1)]);
    program.error("the broker hung up");
    program.error("\"nonsense\" does not begin with the number of a message");
    program.signal("INT");
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.pages().iter().all(|page| page.records.is_empty()), "{end:?}");
}

#[test]
fn without_an_argument_it_feeds_itself_through_broken_connections_and_ends_after_its_batches() {
    let end = Program::start(CUSTOM_RECEIVER, "--interval 200ms").end();
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.err.iter().all(|line| line.contains("the broker hung up")), "{:?}", end.err);
    let told = |before: &str| {
        let line = end.out.iter().find_map(|line| line.split_once(before)).unwrap_or_else(|| panic!("{:?}", end.out));
        line.1.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
    };
    assert!(told("messages over ") >= 2, "{:?}", end.out);
    let (acknowledged, came_in) = (told("Acknowledged: "), told("Came in: "));
    assert!(acknowledged > 20 && came_in >= acknowledged, "{:?}", end.out);
    assert!(end.out.iter().any(|line| line == "Each came in once, and none is missing."), "{:?}", end.out);
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
