//! `page_views`.

use crate::pages::Page;
use crate::peer::Peer;
use crate::program::{PAGE_VIEWS, Program};
use std::io::Write;

/// What the lines that begin with `start` end with, page after page.
fn lines<'p>(pages: &'p [Page], start: &str) -> Vec<&'p str> {
    pages.iter().flat_map(|page| page.records.iter().filter_map(|record| record.strip_prefix(start))).collect()
}

/// The last word of `lines` as a number.
fn numbers(lines: &[&str]) -> Vec<u64> {
    lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn every_view_is_on_as_many_reports_as_windows_it_is_in() {
    let peer = Peer::new();
    let program = Program::start(PAGE_VIEWS, &format!("{} --interval 50ms", peer.address()));
    let views = "/news\t200\t94709\t1\n/news\t200\t94709\t50\n/home\t404\t94709\t2\n/home\t200\t94117\t51\nnonsense\n";
    peer.accept().write_all(views.as_bytes()).unwrap();
    let mut pages = program.pages_to(|page| page.records != ["users: 0"]);
    pages.extend(program.pages_to(|page| page.records == ["users: 0"]));

    // Sums do not depend on the batches that the views came in.
    let sum = |start| numbers(&lines(&pages, start)).iter().sum::<u64>();
    assert_eq!((sum("views of /news:"), sum("views of /home:")), (2 * 5, 2 * 5), "{pages:?}");
    assert_eq!((sum("errors in 94709:"), sum("errors in 94117:")), (3 * 15, 15), "{pages:?}");
    assert!(lines(&pages, "errors in 94709: ").contains(&"**33.3 %** of 3"), "{pages:?}");
    assert!(lines(&pages, "errors in 94117: ").iter().all(|line| *line == "0.0 % of 1"), "{pages:?}");
    assert!(lines(&pages, "users: ").contains(&"4"), "{pages:?}");
    for (name, times) in [("Ada", 1), ("Grace", 1), ("Barbara", 0)] {
        assert_eq!(lines(&pages, &format!("{name} was here")).len(), times, "{pages:?}");
    }
}

#[test]
fn without_an_argument_it_feeds_itself_and_reports_on_every_second_batch() {
    let end = Program::start(PAGE_VIEWS, "--interval 200ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((5..10).contains(&pages.len()), "what was under way is finished: {pages:?}");
    // The first ten batches are in one window, in which nothing becomes less.
    for start in ["views of /home: ", "errors in 94709: ", "users: "] {
        let numbers = numbers(&lines(&pages[..5], start));
        assert!(numbers.is_sorted() && numbers.last().is_some_and(|last| *last > 0), "{start} {pages:?}");
    }
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
