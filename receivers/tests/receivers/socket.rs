//! `socket_text_stream` and `socket_stream`, undisturbed.

use crate::support::*;
use std::io::Write;
use std::sync::mpsc::channel;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

/// B-4
#[test]
fn lines_arrive_once_and_in_order_over_the_batches() {
    let peer = Peer::new();
    let (ssc, clock) = manual_context(config());
    let (lines, told) = (batches(ssc.socket_text_stream(peer.address())), events(&ssc));
    let running = ssc.start().unwrap();

    let mut connection = peer.accept();
    for n in 1..=5 {
        writeln!(connection, "{n}").unwrap();
        assert_eq!(batch_of(&running, &clock, &lines, n), [n.to_string()]);
    }
    running.stop(Stop::Graceful).unwrap();
    assert_same(lines.try_iter(), []);

    let (mut submitted, mut processed) = (0, 0);
    // Listeners are told on a thread of their own, which the stop does not wait for.
    while processed < 5 {
        match told.recv_timeout(DEADLINE).unwrap() {
            Event::BatchSubmitted(batch) => submitted += batch.num_records(),
            Event::BatchCompleted(batch) => processed += batch.num_records(),
            _ => {}
        }
    }
    assert_eq!((submitted, processed), (5, 5));
}

#[test]
fn batch_without_a_block_runs_and_finds_no_partition() {
    let peer = Peer::new();
    let (ssc, clock) = manual_context(config());
    let (partitions, found) = channel();
    ssc.socket_text_stream(peer.address()).foreach_rdd(move |rdd| {
        partitions.send(rdd.num_partitions()).unwrap();
        rdd.collect().map(|lines| assert!(lines.is_empty()))
    });
    let running = ssc.start().unwrap();
    let _silent = peer.accept();
    for n in 1..=3 {
        run_batch(&running, &clock, n);
    }
    assert_same(found.try_iter(), [0, 0, 0]);
}

#[test]
fn empty_lines_nul_bytes_and_windows_line_ends_are_text() {
    let peer = Peer::new();
    let (ssc, clock) = manual_context(config());
    let lines = batches(ssc.socket_text_stream(peer.address()));
    let running = ssc.start().unwrap();

    let mut connection = peer.accept();
    connection.write_all(b"\n\na\0b\r\n\0\nr\xc3\xb6d\n").unwrap();
    assert_eq!(batch_of(&running, &clock, &lines, 5), ["", "", "a\0b", "\0", "röd"]);
}

#[test]
fn every_storage_level_delivers_the_same() {
    for level in StorageLevel::ALL {
        let peer = Peer::new();
        let (ssc, clock) = manual_context(config());
        let lines = batches(ssc.socket_text_stream_with(peer.address(), level));
        let running = ssc.start().unwrap();
        let mut connection = peer.accept();
        connection.write_all(b"to be\nor not\n").unwrap();
        assert_eq!(batch_of(&running, &clock, &lines, 2), ["to be", "or not"], "{level}");
    }
}

/// I-6
#[test]
fn one_core_is_enough_for_several_receivers() {
    let (one, other) = (Peer::new(), Peer::new());
    let (ssc, clock) = manual_context(config().with_cores(1));
    let ones = batches(ssc.socket_text_stream(one.address()));
    let others = batches(ssc.socket_text_stream(other.address()));
    let running = ssc.start().unwrap();

    let (mut one, mut other) = (one.accept(), other.accept());
    one.write_all(b"one\n").unwrap();
    assert_eq!(batch_of(&running, &clock, &ones, 1), ["one"]);
    other.write_all(b"other\n").unwrap();
    assert_same(batch_of(&running, &clock, &ones, 2), []);
    assert_same(others.try_iter(), [vec![], vec!["other".to_owned()]]);
}

#[test]
fn a_million_bytes_of_lines_arrive_complete() {
    let peer = Peer::new();
    let (ssc, clock) = manual_context(config());
    let lines = batches(ssc.socket_text_stream(peer.address()));
    let running = ssc.start().unwrap();

    let expected: Vec<String> = (0..100_000).map(|n| format!("line {n}")).collect();
    let text = expected.iter().fold(String::new(), |text, line| text + line + "\n");
    let mut connection = peer.accept();
    let sender = std::thread::spawn(move || {
        connection.write_all(text.as_bytes()).unwrap();
        connection
    });
    let received = batch_of(&running, &clock, &lines, expected.len() as u64);
    assert!(received == expected, "{} lines", received.len());
    sender.join().unwrap();
}

/// Numbers in four bytes, the first of the network's order.
fn number(bytes: &[u8]) -> Result<Option<Frame<u32>>, DecodeError> {
    let Some(four) = bytes.first_chunk() else { return Ok(None) };
    match u32::from_be_bytes(*four) {
        13 => Err(DecodeError::refused("thirteen")),
        number => Ok(Some(Frame { length: 4, record: number })),
    }
}

#[test]
fn users_decoder_cuts_the_records_and_starts_anew_with_each_connection() {
    let peer = Peer::new();
    let (ssc, clock) = manual_context(config());
    let (numbers, told) = (batches(ssc.socket_stream(peer.address(), || FrameDecoder::new(4, number))), events(&ssc));
    let running = ssc.start().unwrap();

    peer.accept().write_all(&[0, 0, 0, 7, 0, 0]).unwrap();
    let error = wait_for_error(&told, "closed the connection");
    assert!(error.contains("in the middle of a record, 2 bytes into it"), "{error}");

    // It connects again after its pause.
    wait_until(|| clock.next_deadline() == Some(Time::from_millis(10)));
    clock.advance(milliseconds(10));
    peer.accept().write_all(&[0, 0, 1, 0, 0, 0, 0, 13, 0, 0, 0, 1]).unwrap();
    let error = wait_for_error(&told, "dropped the connection");
    assert!(error.contains(&peer.address()) && error.contains("refused by the decoder: thirteen"), "{error}");
    assert_eq!(batch_of(&running, &clock, &numbers, 2), [7, 256]);
}
