//! Counts the words of the last six batches, every second batch.
//!
//! Without an address it reads from a text server inside this program and ends after ten batches. With one it reads from
//! there until Ctrl-C: run `nc -lk 9999` in one terminal and `windowed_word_count localhost:9999` in another, and type. What
//! you type stays in the counts for six seconds.

use examples::cli;
use examples::feed::Feed;
use examples::run::run;
use examples::words::Lines;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches that a count covers.
const LENGTH: u32 = 6;

/// Batches from one count to the next.
const SLIDE: u32 = 2;

/// Lines that the text server inside sends in a second.
const LINES_PER_SECOND: u32 = 5;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 10;

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Counts the words of the last six batches, every second batch");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("WindowedWordCount")?, cli.interval)?;
    let feed = Feed::new(&cli, LINES_PER_SECOND, || Lines::new(1))?;
    let (length, slide) = (LENGTH * cli.interval, SLIDE * cli.interval);
    println!("Counting the words {feed}, of the last {length:?}, every {slide:?}.");

    let lines = ssc.socket_text_stream(feed.address());
    let counts = lines
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>())
        .map(|word| (word, 1u64))
        .reduce_by_key_and_window(|a, b| a + b, length, slide);
    counts.print();

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("windowed_word_count");
    Ok(())
}
