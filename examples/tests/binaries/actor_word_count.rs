//! `actor_word_count`: its own feeder, one that is started apart, and either of them gone for a while.

use crate::pages::Counts;
use crate::program::{ACTOR_WORD_COUNT, Program};

#[test]
fn without_an_argument_it_starts_its_feeder_and_ends_after_its_batches() {
    let end = Program::start(ACTOR_WORD_COUNT, "--batches 3 --interval 500ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!((3..=4).contains(&pages.len()), "the batch that was under way is finished: {pages:?}");
    assert!(Counts::all(&pages).of("the") > 0, "{pages:?}");
    let told = end.out.iter().find(|line| line.ends_with("lines were acknowledged."));
    let told: Vec<u64> = told.unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(told[..], [acknowledged, sent] if 0 < acknowledged && acknowledged <= sent), "{told:?}");
}

/// The port of a word count that listens on one it was not told.
fn port_of(program: &Program) -> String {
    let line = program.says("Counting the words that come to");
    line.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn a_word_count_and_its_feeder_are_two_processes_and_either_may_come_back() {
    // A port that is free: that of a program that has ended.
    let finding = Program::start(ACTOR_WORD_COUNT, "--batches 1 --interval 50ms");
    let address = port_of(&finding);
    assert_eq!(finding.end().code, Some(0));

    let counting = || Program::start(ACTOR_WORD_COUNT, &format!("{address} --interval 50ms"));
    let feeding = || Program::start(ACTOR_WORD_COUNT, &format!("{address} --feed"));
    // The feeder first: it waits for somebody to listen.
    let feeder = feeding();
    let first = counting();
    assert_eq!(port_of(&first), address);
    feeder.says("Sending lines to");
    first.pages_to(|page| !page.records.is_empty());

    first.signal("TERM");
    assert_eq!(first.end().code, Some(0));
    let second = counting();
    second.pages_to(|page| !page.records.is_empty());
    drop(feeder);
    let _feeder = feeding();
    second.pages_to(|page| page.records.is_empty());
    second.pages_to(|page| !page.records.is_empty());
}

#[test]
fn a_feeder_without_an_address_is_told_what_is_missing() {
    let end = Program::start(ACTOR_WORD_COUNT, "--feed").end();
    assert_eq!(end.code, Some(2));
    assert!(end.err.join("\n").contains("HOST:PORT"), "{:?}", end.err);
}
