//! Counts the words that come in over TCP from the start of the program on, and shows the most frequent of them every second.
//!
//! The count of a word is its state: `update_state_by_key` adds to it what the second has brought. States need a checkpoint
//! directory; this program takes a new one and removes it. `recoverable_network_word_count` keeps it, and goes on from there.
//!
//! Without an address it reads from a text server inside this program and ends after ten batches. With one it reads from there
//! until Ctrl-C: run `nc -lk 9999` in one terminal and `stateful_network_word_count localhost:9999` in another, and type.

use std::cmp::Reverse;

use examples::cli;
use examples::feed::Feed;
use examples::run::run;
use examples::words::Lines;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines that the text server inside sends in a second.
const LINES_PER_SECOND: u32 = 20;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 10;

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Counts the words that come in over TCP from the start of the program on");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("StatefulNetworkWordCount")?, cli.interval)?;
    let directory = tempfile::tempdir()?;
    ssc.checkpoint(directory.path());
    let feed = Feed::new(&cli, LINES_PER_SECOND, || Lines::new(1))?;
    println!("Counting the words {feed}, from now on.");

    let words = ssc
        .socket_text_stream(feed.address())
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>());
    let counts = words
        .map(|word| (word, 1u64))
        .update_state_by_key(|ones, count: Option<u64>| Some(count.unwrap_or(0) + ones.iter().sum::<u64>()))
        .named("counts");
    // Words that are as frequent as each other in the order of the alphabet.
    let sorted = counts.transform(|counts| counts.sort_by(|(word, count)| (Reverse(*count), word.clone()), true, 1));
    sorted.print();

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("stateful_network_word_count");
    Ok(())
}
