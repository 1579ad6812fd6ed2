//! `windowed_counts`.

use crate::pages::Counts;
use crate::peer::Peer;
use crate::program::{Program, WINDOWED_COUNTS};
use std::io::Write;

/// Pages that a word is counted on: a window covers ten batches, and there is one in every batch.
const PAGES: u64 = 10;

#[test]
fn every_word_is_counted_on_as_many_pages_as_windows_it_is_in_and_then_forgotten() {
    let peer = Peer::new();
    let program = Program::start(WINDOWED_COUNTS, &format!("{} --interval 50ms", peer.address()));
    let mut terminal = peer.accept();
    for (line, expected) in [
        ("to be or not to be\n", [("to", 2), ("be", 2), ("or", 1), ("not", 1)].as_slice()),
        ("to be\n", [("to", 1), ("be", 1)].as_slice()),
    ] {
        terminal.write_all(line.as_bytes()).unwrap();
        let mut pages = program.pages_to(|page| !page.records.is_empty());
        pages.extend(program.pages_to(|page| page.records.is_empty()));
        // The sum does not depend on the batches that the words came in.
        let expected: Vec<_> = expected.iter().map(|(word, count)| (*word, count * PAGES)).collect();
        assert!(Counts::all(&pages).is(&expected), "{pages:?}");
    }
    assert_eq!(program.errors_so_far(), [""; 0]);
}

#[test]
fn without_an_argument_it_feeds_itself_and_ends_after_its_batches() {
    let end = Program::start(WINDOWED_COUNTS, "--interval 100ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((15..30).contains(&pages.len()), "what was under way is finished: {pages:?}");
    assert!(pages.iter().all(|page| page.counts().all(|(_, count)| count > 0)), "{pages:?}");
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
