//! `top_k`.

use crate::pages::{Counts, Page};
use crate::peer::Peer;
use crate::program::{Program, TOP_K};
use std::io::Write;

/// Batches, and so pages, that a word is counted in.
const WINDOW: u64 = 10;

fn numbers(page: &Page) -> Vec<u64> {
    page.counts().map(|(_, count)| count).collect()
}

#[test]
fn the_most_frequent_words_come_first_and_leave_with_the_window() {
    let peer = Peer::new();
    let program = Program::start(TOP_K, &format!("{} --interval 50ms", peer.address()));
    let mut terminal = peer.accept();
    terminal.write_all(b"b a c b c b\nf e d e\n").unwrap();
    let expected = ["(b,3)", "(c,2)", "(e,2)", "(a,1)", "(d,1)"];
    let pages = program.pages_to(|page| page.records == expected);
    assert!(pages.last().is_some_and(|page| page.more), "there is a sixth word: {pages:?}");
    program.pages_to(|page| page.records.is_empty());

    terminal.write_all(b"late later late\n").unwrap();
    let mut pages = program.pages_to(|page| !page.records.is_empty());
    pages.extend(program.pages_to(|page| page.records.is_empty()));
    // The sum does not depend on the batches that the words came in.
    assert!(Counts::all(&pages).is(&[("late", 2 * WINDOW), ("later", WINDOW)]), "{pages:?}");
}

#[test]
fn without_an_argument_it_feeds_itself_and_every_page_is_sorted() {
    let end = Program::start(TOP_K, "--interval 200ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((5..10).contains(&pages.len()), "what was under way is finished: {pages:?}");
    assert!(pages.iter().all(|page| numbers(page).is_sorted_by(|a, b| a >= b)), "{pages:?}");
    // All of them are in one window, in which no count becomes smaller.
    let firsts: Vec<_> = pages.iter().map(|page| numbers(page).first().copied()).collect();
    assert!(firsts.is_sorted(), "{pages:?}");
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
