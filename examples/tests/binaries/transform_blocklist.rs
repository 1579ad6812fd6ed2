//! `transform_blocklist`.

use crate::peer::Peer;
use crate::program::{End, Program, TRANSFORM_BLOCKLIST};
use std::collections::BTreeSet;
use std::io::Write;

/// Asserts that nobody is let through after having been blocked; returns who was.
fn blocked(end: &End) -> BTreeSet<&str> {
    let mut blocked = BTreeSet::new();
    for line in &end.out {
        if let Some((sender, _)) = line.strip_prefix("Blocked from now on: ").and_then(|rest| rest.split_once(',')) {
            assert!(blocked.insert(sender), "{sender} is blocked twice: {:?}", end.out);
        }
        let passed = line.strip_prefix('(').and_then(|pair| pair.split_once(','));
        assert!(passed.is_none_or(|(sender, _)| !blocked.contains(sender)), "{line}: {:?}", end.out);
    }
    blocked
}

#[test]
fn who_sends_too_much_is_blocked_and_only_the_others_come_through() {
    let peer = Peer::new();
    let program = Program::start(TRANSFORM_BLOCKLIST, &format!("{} --interval 50ms", peer.address()));
    let mut terminal = peer.accept();
    terminal.write_all(b"ada: hello\nno message\nben: hello\nada: anybody?\n").unwrap();
    program.expect_counts(&[("ada", 2), ("ben", 1)]);
    terminal.write_all("mallory: buy\n".repeat(40).as_bytes()).unwrap();
    program.says("Blocked from now on: mallory, who has sent ");
    terminal.write_all(b"mallory: buy, buy\nada: quiet at last\n").unwrap();
    program.expect_counts(&[("ada", 1)]);
    program.signal("INT");
    let end = program.end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    assert!(end.pages().iter().all(|page| page.records.is_empty()), "{end:?}");
}

#[test]
fn without_an_argument_it_feeds_itself_and_nobody_comes_through_after_having_been_blocked() {
    let end = Program::start(TRANSFORM_BLOCKLIST, "--batches 3").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    assert!((3..=4).contains(&end.pages().len()), "the batch that was under way is finished: {end:?}");
    // At 24 messages a second, of which each of the two sends a third, a batch has about eight of either.
    assert!(blocked(&end).iter().any(|sender| ["mallory", "trudy"].contains(sender)), "{:?}", end.out);
    assert!(end.out.iter().any(|line| line.contains("nc -lk 9999")), "it tells how to feed it: {:?}", end.out);
}
