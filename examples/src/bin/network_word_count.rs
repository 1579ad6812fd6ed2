//! Counts the words that come in over TCP, every second.
//!
//! Without an address it reads from a text server inside this program and ends after five batches. With one it reads from
//! there until Ctrl-C: run `nc -lk 9999` in one terminal and `network_word_count localhost:9999` in another, and type.

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
const BATCHES: u64 = 5;

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Counts the words that come in over TCP, every second");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("NetworkWordCount")?, cli.interval)?;
    let feed = Feed::new(&cli, LINES_PER_SECOND, || Lines::new(1))?;
    println!("Counting the words {feed}.");

    let lines = ssc.socket_text_stream(feed.address());
    let counts = lines
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>())
        .map(|word| (word, 1u64))
        .reduce_by_key(|a, b| a + b);
    counts.print();

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("network_word_count");
    Ok(())
}
