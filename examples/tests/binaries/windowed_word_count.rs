//! `windowed_word_count`.

use crate::pages::Counts;
use crate::peer::Peer;
use crate::program::{Program, WINDOWED_WORD_COUNT};
use std::io::Write;

/// Pages that a word is counted on: a window covers six batches and begins every second one.
const PAGES: u64 = 3;

#[test]
fn every_word_is_counted_on_as_many_pages_as_windows_it_is_in_and_then_gone() {
    let peer = Peer::new();
    let program = Program::start(WINDOWED_WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    peer.accept().write_all(b"to be or not to be\n").unwrap();
    let mut pages = program.pages_to(|page| !page.records.is_empty());
    pages.extend(program.pages_to(|page| page.records.is_empty()));
    // The sum does not depend on the batches that the words came in.
    let counts = Counts::all(&pages);
    assert!(counts.is(&[("to", 2 * PAGES), ("be", 2 * PAGES), ("or", PAGES), ("not", PAGES)]), "{pages:?}");
}

#[test]
fn without_an_argument_it_feeds_itself_and_shows_every_second_batch() {
    let end = Program::start(WINDOWED_WORD_COUNT, "--interval 200ms --batches 6").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((3..6).contains(&pages.len()), "what was under way is finished: {pages:?}");
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
