//! SIGINT (Ctrl-C) and SIGTERM.

use crate::pages::Counts;
use crate::peer::Peer;
use crate::program::{DEADLINE, Program, WORD_COUNT, command};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

/// More than any two socket buffers hold: when all of it is written, what was written before has been read.
const FLOOD_LINES: usize = 512;

/// Sends `text`, and has it read: blank lines that are counted as nothing follow until no buffer can hold them.
fn send_and_have_it_read(connection: &mut TcpStream, text: &str) {
    let mut blank = vec![b' '; 64 * 1024];
    blank.push(b'\n');
    connection.write_all(text.as_bytes()).unwrap();
    (0..FLOOD_LINES).for_each(|_| connection.write_all(&blank).unwrap());
}

/// Waits until the other end has closed the connection.
fn expect_end(connection: &mut TcpStream) {
    match connection.read(&mut [0]) {
        Ok(read) => assert_eq!(read, 0, "the program sends nothing"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[test]
fn signal_has_everything_printed_that_was_read_before_it() {
    for signal in ["INT", "TERM"] {
        let peer = Peer::new();
        // No batch comes by itself: what is printed is printed by the drain.
        let program = Program::start(WORD_COUNT, &format!("{} --interval 1h", peer.address()));
        let mut connection = peer.accept();
        send_and_have_it_read(&mut connection, "last words last\n");
        program.signal(signal);
        let end = program.end();
        assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()), "{signal}");
        let mut counts = Counts::default();
        end.pages().iter().for_each(|page| counts.add(page));
        assert!(counts.is(&[("last", 2), ("words", 1)]), "{signal}: {:?}", end.out);
    }
}

#[test]
fn signal_ends_a_program_that_is_fed_by_itself_or_by_nobody() {
    let nobody = crate::peer::nobodys_address();
    for arguments in ["--batches 1000000", nobody.as_str()] {
        let program = Program::start(WORD_COUNT, &format!("{arguments} --interval 50ms"));
        program.page();
        program.signal("INT");
        let end = program.end();
        assert_eq!(end.code, Some(0), "{arguments}: {end:?}");
    }
}

/// A page that cannot be written, and an output that is tried again in an hour: a drain that would take as long.
#[test]
fn second_signal_ends_a_drain_at_once() {
    let peer = Peer::new();
    let mut command = command(WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    command.env("WATERWHEEL_FAILURE_POLICY", "retry(9, 1h)");
    let mut child = command.spawn().unwrap();
    let mut greeting = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut greeting).unwrap();
    let mut connection = peer.accept();
    let program = Program::adopt(child);

    program.error("Broken pipe");
    program.signal("INT");
    // The receiver has been stopped: the drain has begun.
    expect_end(&mut connection);
    program.signal("INT");
    let end = program.end();
    assert_eq!(end.code, Some(0), "{end:?}");
}

/// Somebody holds the pipe and does not read it: the output hangs in user code.
#[test]
fn second_signal_ends_a_program_whose_output_is_stuck() {
    let peer = Peer::new();
    let mut child = command(WORD_COUNT, &format!("{} --interval 50ms", peer.address())).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let program = Program::adopt(child);
    let mut connection = peer.accept();
    // A page of ten words of 64 KiB is larger than any pipe.
    let words: Vec<String> = ('a'..='j').map(|letter| letter.to_string().repeat(64 * 1024)).collect();
    connection.write_all(format!("{}\n", words.join(" ")).as_bytes()).unwrap();
    // The first pair is being written: the rest of the page has no place to go.
    let mut byte = [0];
    while byte != *b"(" {
        pipe.read_exact(&mut byte).unwrap();
    }
    program.signal("INT");
    expect_end(&mut connection);
    program.signal("INT");

    let (ended, end) = channel();
    thread::spawn(move || drop(ended.send(program.end())));
    let end = end.recv_timeout(DEADLINE).expect("the program hangs");
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.err.iter().any(|line| line.contains("is still in user code")), "{end:?}");
}
