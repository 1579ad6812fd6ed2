//! Several programs on one engine, each with a peer of its own.

use crate::support::{DEADLINE, Peer, batches, config, held, next_records};
use std::io::Write;
use std::sync::mpsc::Receiver;
use waterwheel::prelude::*;

/// A started program that counts the words of a peer.
struct Program {
    peer: Peer,
    counts: Receiver<Vec<(String, u64)>>,
    running: RunningContext,
}

impl Program {
    fn start(engine: &Engine, fails_at: &'static str) -> Program {
        let peer = Peer::new();
        let ssc = StreamingContext::on(engine, config(), milliseconds(20)).unwrap();
        let words = ssc
            .socket_text_stream(peer.address())
            .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let counts = words
            .map(move |word| {
                assert!(word != fails_at, "the word is {word}");
                (word, 1u64)
            })
            .reduce_by_key(|a, b| a + b);
        let counts = batches(counts);
        Program { peer, counts, running: ssc.start().unwrap() }
    }

    /// Sends a line on a new connection and waits for the counts of its words.
    fn count(&self, line: &str, words: usize) -> Vec<(String, u64)> {
        self.peer.accept().write_all(line.as_bytes()).unwrap();
        let mut counts = next_records(&self.counts, words);
        counts.sort();
        counts
    }
}

fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

#[test]
fn programs_side_by_side_see_their_own_peer_only() {
    let engine = Engine::local(2).unwrap();
    let (first, second) = (Program::start(&engine, ""), Program::start(&engine, ""));
    for _ in 0..3 {
        assert_eq!(first.count("a b a\n", 2), counts(&[("a", 2), ("b", 1)]));
        assert_eq!(second.count("x a x x\n", 2), counts(&[("a", 1), ("x", 3)]));
    }
    first.running.stop(Stop::Graceful).unwrap();
    assert_eq!(second.count("still here\n", 2), counts(&[("here", 1), ("still", 1)]));
    second.running.stop(Stop::Graceful).unwrap();
    assert!(first.counts.iter().chain(second.counts.iter()).flatten().next().is_none(), "nothing is counted twice");
    assert_eq!(held(&engine), (0, 0));
}

#[test]
fn programs_one_after_another_begin_with_nothing() {
    let engine = Engine::local(2).unwrap();
    for how in [Stop::Graceful, Stop::Immediate, Stop::Graceful, Stop::Immediate] {
        let program = Program::start(&engine, "");
        assert_eq!(program.count("to be or not to be\n", 4), counts(&[("be", 2), ("not", 1), ("or", 1), ("to", 2)]));
        program.running.stop(how).unwrap();
        assert!(program.counts.iter().flatten().next().is_none(), "nothing is counted twice");
        assert_eq!(held(&engine), (0, 0), "{how:?}");
    }
}

#[test]
fn program_that_fails_takes_neither_its_neighbour_nor_its_successor_along() {
    let engine = Engine::local(2).unwrap();
    let (neighbour, failing) = (Program::start(&engine, ""), Program::start(&engine, "bad"));
    let mut connection = failing.peer.accept();
    connection.write_all(b"bad\n").unwrap();
    let error = failing.running.await_termination_or_timeout(DEADLINE).unwrap_err().to_string();
    assert!(error.contains("the word is bad") && error.contains(file!()), "{error}");
    drop(failing);
    assert_eq!(neighbour.count("good\n", 1), counts(&[("good", 1)]));
    let successor = Program::start(&engine, "");
    assert_eq!(successor.count("bad\n", 1), counts(&[("bad", 1)]));
    assert_eq!(neighbour.count("better\n", 1), counts(&[("better", 1)]));
    for program in [neighbour, successor] {
        program.running.stop(Stop::Graceful).unwrap();
    }
    assert_eq!(held(&engine), (0, 0));
}

#[test]
fn programs_with_engines_of_their_own_run_side_by_side() {
    let engines = [1, 2].map(|cores| Engine::local(cores).unwrap());
    let programs = engines.each_ref().map(|engine| Program::start(engine, ""));
    for program in &programs {
        assert_eq!(program.count("one two two\n", 2), counts(&[("one", 1), ("two", 2)]));
    }
    for program in programs {
        program.running.stop(Stop::Graceful).unwrap();
    }
    assert!(engines.iter().all(|engine| held(engine) == (0, 0)));
}
