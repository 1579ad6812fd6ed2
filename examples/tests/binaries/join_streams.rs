//! `join_streams`.

use crate::pages::Page;
use crate::program::{JOIN_STREAMS, Program};
use std::collections::BTreeMap;

/// The number behind the colon of line `line` of `page`.
fn number(page: &Page, line: usize) -> u64 {
    page.records[line].rsplit_once(": ").unwrap().1.parse().unwrap()
}

#[test]
fn every_run_shows_the_same_joins() {
    let end = Program::start(JOIN_STREAMS, "--interval 50ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    // Advertisements 0, 3, 6 and 9 are clicked on at once, 1, 4 and 7 one batch later, 2, 5 and 8 two batches later.
    let first = [
        "clicks on what was shown in the same batch: 4",
        "clicks on what was shown in the last three: 4",
        "advertisement 0 at the top: user 1000",
        "advertisement 3 at the end: user 1021",
        "advertisement 6 at the middle: user 1042",
    ];
    assert_eq!(pages[0].records, first);
    let joined: Vec<_> = pages.iter().take(6).map(|page| (number(page, 0), number(page, 1))).collect();
    assert_eq!(joined, [(4, 4), (3, 6), (3, 10), (4, 10), (3, 10), (3, 10)]);
    assert!(pages[6..].iter().all(|page| (number(page, 0), number(page, 1)) == (0, 0)), "{pages:?}");
}

#[test]
fn no_click_is_joined_twice_however_many_windows_its_advertisement_is_in() {
    let end = Program::start(JOIN_STREAMS, "--interval 20ms --batches 30").end();
    let mut rows = BTreeMap::new();
    for page in end.pages() {
        for row in page.records.iter().filter(|record| record.starts_with("advertisement")) {
            *rows.entry(row.clone()).or_insert(0) += 1;
        }
    }
    assert_eq!(rows.len(), 30 * 3);
    assert!(rows.values().all(|times| *times == 1), "{rows:?}");
}
