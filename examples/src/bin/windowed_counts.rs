//! Counts the words of the last ten batches in every batch, each time from the counts of the batch before: what has come is
//! added, what has left is taken away.
//!
//! A slide costs what comes and goes, however long the window is. That takes an inverse of the addition, and it takes state, which
//! needs a checkpoint directory; this program takes a new one and removes it. A filter forgets the words whose count has
//! become 0. `windowed_word_count` does without all of this.
//!
//! Without an address it reads from a text server inside this program and ends after fifteen batches. With one it reads from
//! there until Ctrl-C: run `nc -lk 9999` in one terminal and `windowed_counts localhost:9999` in another, and type. What you
//! type stays in the counts for ten seconds.

use std::cmp::Reverse;

use examples::cli;
use examples::feed::Feed;
use examples::run::run;
use examples::words::Lines;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches that a count covers.
const LENGTH: u32 = 10;

/// Lines that the text server inside sends in a second.
const LINES_PER_SECOND: u32 = 20;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 15;

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Counts the words of the last ten batches, by adding what comes and taking away what leaves");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("WindowedCounts")?, cli.interval)?;
    let directory = tempfile::tempdir()?;
    ssc.checkpoint(directory.path());
    let feed = Feed::new(&cli, LINES_PER_SECOND, || Lines::new(1))?;
    let (length, slide) = (LENGTH * cli.interval, cli.interval);
    println!("Counting the words {feed}, of the last {length:?}.");

    let words = ssc
        .socket_text_stream(feed.address())
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>());
    let not_zero = InverseWindow::new().filter(|_, count| *count != 0);
    let counts = words
        .map(|word| (word, 1u64))
        .reduce_by_key_and_window_inverse_with(|a, b| a + b, |a, b| a - b, length, slide, not_zero)
        .named("counts");
    // Words that are as frequent as each other in the order of the alphabet.
    let sorted = counts.transform(|counts| counts.sort_by(|(word, count)| (Reverse(*count), word.clone()), true, 1));
    sorted.print();

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("windowed_counts");
    Ok(())
}
