//! `stateful_network_word_count`.

use crate::pages::Page;
use crate::peer::Peer;
use crate::program::{Program, STATEFUL_WORD_COUNT};
use std::io::Write;

fn shows(page: &Page, records: &[&str]) -> bool {
    page.records == records
}

#[test]
fn counts_grow_from_batch_to_batch_and_stay_when_nothing_comes() {
    let peer = Peer::new();
    let program = Program::start(STATEFUL_WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    let mut terminal = peer.accept();
    terminal.write_all(b"to be or not to be\n").unwrap();
    let first = ["(be,2)", "(to,2)", "(not,1)", "(or,1)"];
    program.pages_to(|page| shows(page, &first));
    assert!(shows(&program.page(), &first), "nothing came, nothing changes");

    terminal.write_all(b"not that question\n").unwrap();
    let second = ["(be,2)", "(not,2)", "(to,2)", "(or,1)", "(question,1)", "(that,1)"];
    let pages = program.pages_to(|page| shows(page, &second));
    let (_, before) = pages.split_last().unwrap();
    assert!(before.iter().all(|page| shows(page, &first)), "{before:?}");
    assert_eq!(program.errors_so_far(), [""; 0]);
}

#[test]
fn without_an_argument_it_feeds_itself_and_its_counts_never_fall() {
    let end = Program::start(STATEFUL_WORD_COUNT, "--interval 100ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((10..20).contains(&pages.len()), "what was under way is finished: {pages:?}");
    let highest: Vec<_> = pages.iter().map(|page| page.counts().next().map(|(_, count)| count)).collect();
    assert!(highest.is_sorted() && highest.first() < highest.last(), "{pages:?}");
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
