//! Counts the words that come in over TCP, and goes on counting where it was when it is killed and started again.
//!
//! The counts, and what was received and not counted yet, are in a checkpoint directory: the one of `--checkpoint`, or else a
//! fixed one below the system's temporary directory. The program says which, and whether it begins anew or goes on. To begin
//! anew, remove the directory. Only what is still on its way through the network is lost with the program, since TCP takes
//! what was sent for delivered.
//!
//! Without an address it reads from a text server inside this program, which begins its text again at every start, and ends
//! after twenty batches. With one it reads from there until Ctrl-C: run `nc -lk 9999` in one terminal and
//! `recoverable_network_word_count localhost:9999` in another, and type. Kill it with the command that it shows, and start it again.

use std::cmp::Reverse;
use std::path::PathBuf;

use clap::Parser;
use examples::cli::{self, Cli};
use examples::feed::Feed;
use examples::run::{finish, start};
use examples::words::Lines;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines that the text server inside sends in a second.
const LINES_PER_SECOND: u32 = 20;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 20;

/// The directory below the system's temporary directory, if none is given.
const DIRECTORY: &str = "waterwheel-recoverable-network-word-count";

#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    cli: Cli,

    /// Where the counts are kept; if not given, in a fixed directory below the system's temporary directory
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
}

/// The program. It is built at every start: the directory holds data, no code.
fn count_words(ssc: &StreamingContext, address: &str) -> Result<(), Error> {
    let words = ssc
        .socket_text_stream(address)
        .named("lines")
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>());
    let counts = words
        .map(|word| (word, 1u64))
        .update_state_by_key(|ones, count: Option<u64>| Some(count.unwrap_or(0) + ones.iter().sum::<u64>()))
        .named("counts");
    // Words that are as frequent as each other in the order of the alphabet.
    let sorted = counts.transform(|counts| counts.sort_by(|(word, count)| (Reverse(*count), word.clone()), true, 1));
    sorted.print();
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let Arguments { cli, checkpoint } = cli::parse_as("Counts words, and goes on where it was when it was killed");
    cli::init_logging();
    let config = cli.config("RecoverableNetworkWordCount")?;
    let directory = checkpoint.unwrap_or_else(|| std::env::temp_dir().join(DIRECTORY));
    let feed = Feed::new(&cli, LINES_PER_SECOND, || Lines::new(1))?;
    let ssc =
        StreamingContext::get_or_create(&directory, config, cli.interval, |ssc| count_words(ssc, feed.address()))?;
    println!("Counting the words {feed}. The counts are kept in {}", directory.display());

    let running = start(ssc)?;
    match running.recovery() {
        None => println!("Nothing is there yet: the counts begin at 0."),
        Some(recovery) => println!(
            "The counts go on from an earlier run. Batches to run again: {}; missed meanwhile: {}.",
            recovery.pending, recovery.missed
        ),
    }
    println!("To kill it: kill -9 {}. Started again, it goes on.", std::process::id());

    finish(running, feed.batches(&cli, BATCHES))?;
    feed.tell_how("recoverable_network_word_count");
    Ok(())
}
