//! Shows the most frequent words of the last ten batches, the most frequent first.
//!
//! Without an address it reads from a text server inside this program and ends after five batches. With one it reads from
//! there until Ctrl-C: run `nc -lk 9999` in one terminal and `top_k localhost:9999` in another, and type.

use std::cmp::Reverse;

use examples::cli;
use examples::feed::Feed;
use examples::run::run;
use examples::words::Lines;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Words that are shown.
const SHOWN: usize = 5;

/// Batches whose words are counted together.
const WINDOW: u32 = 10;

/// Lines that the text server inside sends in a second.
const LINES_PER_SECOND: u32 = 20;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 5;

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Shows the most frequent words of the last ten batches, the most frequent first");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("TopK")?, cli.interval)?;
    let feed = Feed::new(&cli, LINES_PER_SECOND, || Lines::new(1))?;
    println!("The {SHOWN} most frequent words in the lines {feed}, over {:?}.", WINDOW * cli.interval);

    let words = ssc
        .socket_text_stream(feed.address())
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>());
    let counts =
        words.map(|word| (word, 1u64)).reduce_by_key_and_window(|a, b| a + b, WINDOW * cli.interval, cli.interval);
    // Words that are as frequent as each other in the order of the alphabet.
    let sorted = counts.transform(|counts| counts.sort_by(|(word, count)| (Reverse(*count), word.clone()), true, 1));
    sorted.print_n(SHOWN);

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("top_k");
    Ok(())
}
