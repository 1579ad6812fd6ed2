//! `recoverable_network_word_count`: killed again and again, its counts go on.

use crate::pages::{Counts, Page};
use crate::peer::Peer;
use crate::program::{End, Program, RECOVERABLE_WORD_COUNT, command};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

/// How often the program is killed.
const KILLS: usize = 6;

/// The words of the feeder; each of its lines has one of them, and `line`.
const WORDS: [&str; 5] = ["drop", "mill", "pond", "wheel", "brook"];

/// A feeder that knows what the counts are after any number of its lines. Which word a line has is drawn by lot, so lines
/// that are missing or twice do not add up to the counts of any other number of lines.
struct Feeder {
    random: StdRng,
    /// The word of each line that was ever made.
    words: Vec<&'static str>,
    /// Lines that were sent, those before a kill as far as they were counted.
    sent: usize,
}

impl Feeder {
    fn new(seed: u64) -> Feeder {
        Feeder { random: StdRng::seed_from_u64(seed), words: Vec::new(), sent: 0 }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end)
    }

    fn send(&mut self, lines: usize, connection: &mut TcpStream) {
        let end = self.sent + lines;
        while self.words.len() < end {
            let word = WORDS[self.below(WORDS.len())];
            self.words.push(word);
        }
        let text: String = self.words[self.sent..end].iter().map(|word| format!("line {word}\n")).collect();
        connection.write_all(text.as_bytes()).unwrap();
        self.sent = end;
    }

    /// How many lines `page` has counted; fails if these are not the first ones, each once.
    fn counted(&self, page: &Page) -> usize {
        let counts = Counts::all(std::slice::from_ref(page));
        let lines = usize::try_from(counts.of("line")).unwrap();
        assert!(lines <= self.sent, "{lines} of {} lines are counted: {page:?}", self.sent);
        for word in WORDS {
            let expected = self.words[..lines].iter().filter(|other| **other == word).count();
            assert_eq!(counts.of(word), expected as u64, "{word} in the first {lines} lines: {page:?}");
        }
        lines
    }
}

fn start(peer: &Peer, directory: &Path) -> Program {
    let mut command = command(RECOVERABLE_WORD_COUNT, &format!("{} --interval 50ms", peer.address()));
    command.arg("--checkpoint").arg(directory);
    Program::spawn(command)
}

fn kill(program: Program) -> End {
    program.signal("KILL");
    let end = program.end();
    assert_eq!(end.code, None, "a signal ended it: {end:?}");
    end
}

/// The number of batches that are run again, of the line that tells how the program goes on.
fn pending(line: &str) -> usize {
    let number = line.split("to run again: ").nth(1).and_then(|rest| rest.split(';').next());
    number.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap()
}

#[test]
fn killed_again_and_again_it_loses_no_count_and_counts_no_line_twice() {
    let seed = rand::random();
    println!("seed {seed}");
    let (peer, home, mut feeder) = (Peer::new(), tempfile::tempdir().unwrap(), Feeder::new(seed));
    let directory = home.path().join("counts");

    let mut program = start(&peer, &directory);
    program.says("the counts begin at 0");
    let mut acknowledged = 0;
    for _ in 0..KILLS {
        let mut connection = peer.accept();
        for _ in 0..=feeder.below(3) {
            let lines = 1 + feeder.below(200);
            feeder.send(lines, &mut connection);
            let pages = program.pages_to(|page| feeder.counted(page) > acknowledged);
            acknowledged = feeder.counted(pages.last().unwrap());
        }
        // It dies with lines on their way, in blocks that no batch has yet, or in a batch.
        let lines = feeder.below(200);
        feeder.send(lines, &mut connection);
        (0..feeder.below(2)).for_each(|_| drop(program.page()));
        let last = kill(program).pages().iter().map(|page| feeder.counted(page)).max();
        acknowledged = acknowledged.max(last.unwrap_or(0));

        program = start(&peer, &directory);
        let pending = pending(&program.says("The counts go on"));
        // Batches that were not committed are run again, and the one after them has what was in no batch.
        let mut counted = 0;
        for _ in 0..=pending {
            counted = feeder.counted(&program.page());
        }
        assert!(counted >= acknowledged, "{counted} lines are counted, and {acknowledged} were");
        // What was counted before the kill stays counted; the rest is sent again.
        (acknowledged, feeder.sent) = (counted, counted);
    }

    let mut connection = peer.accept();
    feeder.send(100, &mut connection);
    program.pages_to(|page| feeder.counted(page) == feeder.sent);
    program.signal("INT");
    let end = program.end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));

    let program = start(&peer, &directory);
    assert_eq!(pending(&program.says("The counts go on")), 0, "a graceful end leaves nothing to be done");
    assert_eq!(feeder.counted(&program.page()), feeder.sent);
}

/// The highest count of the last page.
fn highest(end: &End) -> u64 {
    let pages = end.pages();
    pages.last().and_then(|page| page.counts().next()).map(|(_, count)| count).unwrap()
}

#[test]
fn without_an_argument_it_feeds_itself_and_goes_on_at_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &str| {
        let mut command = command(RECOVERABLE_WORD_COUNT, arguments);
        command.env("TMPDIR", home.path());
        Program::spawn(command).end()
    };
    let directory = home.path().join("waterwheel-recoverable-network-word-count");
    let says = |end: &End, text: &str| end.out.iter().any(|line| line.contains(text));

    let first = run("--interval 100ms");
    assert_eq!((first.code, first.err.as_slice()), (Some(0), [].as_slice()));
    assert!((20..40).contains(&first.pages().len()), "{first:?}");
    assert!(says(&first, &format!("The counts are kept in {}", directory.display())), "{first:?}");
    assert!(says(&first, "the counts begin at 0") && says(&first, "nc -lk 9999"), "{first:?}");

    // As long as the first run: on a busy machine its feed comes after some batches only.
    let second = run("--interval 100ms --batches 20");
    assert_eq!((second.code, second.err.as_slice()), (Some(0), [].as_slice()));
    assert!(says(&second, "The counts go on from an earlier run"), "{second:?}");
    assert!(highest(&second) > highest(&first), "{first:?} {second:?}");

    let other = run("--interval 200ms");
    let message = other.err.join("\n");
    assert!(other.code == Some(1) && message.contains("use the same interval, or a new directory"), "{other:?}");
}

#[test]
fn a_directory_belongs_to_one_process_at_a_time() {
    let (peer, home) = (Peer::new(), tempfile::tempdir().unwrap());
    let program = start(&peer, home.path());
    program.page();
    let second = start(&peer, home.path()).end();
    let message = second.err.join("\n");
    assert!(second.code == Some(1) && message.contains(&program.id().to_string()), "who holds it is named: {message}");
    program.page();
}
