//! `sessions`.

use crate::pages::Page;
use crate::peer::Peer;
use crate::program::{Program, SESSIONS};
use std::io::Write;

fn under_way(page: &Page) -> u64 {
    let (count, rest) = page.records.split_first().unwrap();
    assert!(rest.iter().all(|record| record.starts_with("user ")), "{page:?}");
    count.strip_prefix("sessions under way: ").unwrap().parse().unwrap()
}

/// Reads until somebody's session is over.
fn ended(program: &Program) -> Vec<Page> {
    program.pages_to(|page| page.records.len() > 1)
}

#[test]
fn a_session_is_told_once_when_its_user_has_gone() {
    let peer = Peer::new();
    let program = Program::start(SESSIONS, &format!("{} --interval 50ms", peer.address()));
    let mut terminal = peer.accept();
    terminal.write_all(b"/home\t200\t94709\t7\n/news\t404\t94709\t7\nnonsense\n/home\t200\t94709\t7\n").unwrap();
    let pages = ended(&program);
    assert!(pages.iter().any(|page| under_way(page) == 1), "{pages:?}");
    let last = pages.last().unwrap();
    assert!(under_way(last) == 0 && last.records[1].starts_with("user 7: 3 views in "), "{last:?}");

    terminal.write_all(b"/home\t200\t94709\t8\n").unwrap();
    let pages = ended(&program);
    assert_eq!(pages.last().unwrap().records, ["sessions under way: 0", "user 8: 1 views in 0 ms"], "{pages:?}");
}

#[test]
fn without_an_argument_it_feeds_itself_and_ends_after_its_batches() {
    let end = Program::start(SESSIONS, "--interval 200ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((10..20).contains(&pages.len()), "{pages:?}");
    assert!(pages.iter().all(|page| page.records.len() <= 20) && under_way(&pages[9]) > 0, "{pages:?}");
    // With ten views a batch from a hundred users, most are gone after three.
    assert!(pages.iter().any(|page| page.records.len() > 1), "{pages:?}");
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
