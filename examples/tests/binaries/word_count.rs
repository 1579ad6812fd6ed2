//! `network_word_count` undisturbed, and when its peer goes and comes back.

use crate::peer::Peer;
use crate::program::{Program, WORD_COUNT, command};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use std::io::{Read, Write};
use std::net::TcpStream;
use waterwheel::prelude::*;

#[test]
fn without_an_argument_it_feeds_itself_and_ends_after_its_batches() {
    let end = Program::start(WORD_COUNT, "--batches 2").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((2..=3).contains(&pages.len()), "the batch that was under way is finished: {pages:?}");
    for page in &pages {
        assert!(page.counts().all(|(word, count)| count > 0 && word.chars().all(char::is_alphabetic)), "{page:?}");
        // Seconds are whole, and then no fraction is shown.
        DateTime::strptime("%Y-%m-%d %H:%M:%S", &page.time).unwrap();
    }
    // At 20 lines a second the second batch holds far more than ten words.
    assert_eq!((pages[1].records.len(), pages[1].more), (10, true), "{pages:?}");
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}

#[test]
fn pages_carry_the_local_time_of_their_batch() {
    let clock = SystemClock::new();
    let mut command = command(WORD_COUNT, "--batches 2 --interval 250ms");
    command.env("TZ", "<+0530>-05:30");
    let before = clock.now();
    let end = Program::spawn(command).end();
    // The batch in which the drain puts what is left lies one interval ahead.
    let after = clock.now() + milliseconds(250);
    let zone = TimeZone::fixed(Offset::from_seconds(19_800).unwrap());
    let mut fractions = 0;
    for page in end.pages() {
        let local = DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", &page.time).unwrap();
        let time = local.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
        assert!((before.millis()..=after.millis()).contains(&time), "{page:?} is not between {before} and {after}");
        assert_eq!((time % 250, page.time.contains('.')), (0, time % 1000 != 0), "{page:?}");
        fractions += usize::from(page.time.contains('.'));
    }
    assert!(fractions > 0);
}

#[test]
fn its_page_is_where_it_says() {
    let peer = Peer::new();
    let program = Program::start(WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    let line = program.error("to be seen at http://");
    let address = line.rsplit("http://").next().unwrap().trim_end_matches('/');
    let mut page = TcpStream::connect(address).unwrap();
    write!(page, "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn lines_that_are_typed_are_counted() {
    let peer = Peer::new();
    let program = Program::start(WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    let mut terminal = peer.accept();
    terminal.write_all(b"to be or not\r\n\n   to\tbe   \n").unwrap();
    program.expect_counts(&[("to", 2), ("be", 2), ("or", 1), ("not", 1)]);
    terminal.write_all(b"that is the question\n").unwrap();
    program.expect_counts(&[("that", 1), ("is", 1), ("the", 1), ("question", 1)]);
    assert_eq!(program.errors_so_far(), [""; 0]);
}

#[test]
fn server_that_is_killed_and_started_again_is_counted_on() {
    let mut peer = Peer::new();
    let address = peer.address();
    let program = Program::start(WORD_COUNT, &format!("{address} --interval 50ms"));
    for round in 0..3 {
        let mut terminal = peer.accept();
        terminal.write_all(format!("round {round}\n").as_bytes()).unwrap();
        program.expect_counts(&[("round", 1), (&round.to_string(), 1)]);
        drop(peer);
        drop(terminal);
        program.error("cannot connect");
        peer = Peer::at(&address);
    }
    peer.accept();
}

#[test]
fn one_core_is_enough() {
    let peer = Peer::new();
    let program = Program::start(WORD_COUNT, &format!("{} --interval 50ms --cores 1", peer.address()));
    peer.accept().write_all(b"one core one receiver\n").unwrap();
    program.expect_counts(&[("one", 2), ("core", 1), ("receiver", 1)]);
    drop(program);
    let end = Program::start(WORD_COUNT, "--interval 100ms --batches 3 --cores 1").end();
    assert_eq!(end.code, Some(0), "{end:?}");
}

/// Load makes the share of a process smaller, never larger, so that this is no matter of luck.
#[cfg(target_os = "linux")]
#[test]
fn idle_program_leaves_the_processor_alone() {
    let peer = Peer::new();
    let program = Program::start(WORD_COUNT, &format!("{} --interval 250ms", peer.address()));
    let _silent = peer.accept();
    (0..2).for_each(|_| drop(program.page()));
    let (clock, before) = (SystemClock::new(), processor_time(program.id()));
    (0..8).for_each(|_| drop(program.page()));
    let (used, passed) = (processor_time(program.id()) - before, clock.monotonic());
    assert!(used < passed / 4, "{used:?} of processor time in {passed:?} of eight idle batches");
}

/// What a process has used so far.
#[cfg(target_os = "linux")]
fn processor_time(process: u32) -> std::time::Duration {
    // The kernel counts in units of 1/100 s for programs, whatever it does itself.
    const TICK: std::time::Duration = std::time::Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind the name, which may hold spaces: state is field 3, utime 14 and stime 15.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum::<u32>();
    TICK * ticks
}
