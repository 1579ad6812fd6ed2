//! Counts the words that come in over TCP, every second.
//!
//! Without an address it reads from a text server inside this program and ends after five batches. With one it reads from
//! there until Ctrl-C: run `nc -lk 9999` in one terminal and `network_word_count localhost:9999` in another, and type.

use std::time::Duration;

use anyhow::bail;
use examples::cli;
use examples::text_server::TextServer;
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

    let server = match &cli.address {
        Some(_) => None,
        None => Some(TextServer::start(LINES_PER_SECOND, 1)?),
    };
    let batches = cli.batches.or(server.is_some().then_some(BATCHES));
    let source = match (&cli.address, &server) {
        (Some(address), _) => address.clone(),
        (None, Some(server)) => server.address().to_string(),
        (None, None) => bail!("there is nothing to read from"),
    };
    match &server {
        Some(_) => println!("Counting the words of a text server inside this program."),
        None => println!("Counting the words that come from {source}, until Ctrl-C."),
    }

    let lines = ssc.socket_text_stream(source);
    let counts = lines
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>())
        .map(|word| (word, 1u64))
        .reduce_by_key(|a, b| a + b);
    counts.print();

    let running = ssc.start()?;
    if let Some(batches) = batches {
        while running.batches_completed() < batches
            && !running.await_termination_or_timeout(Duration::from_millis(20))?
        {}
        running.stop(Stop::Graceful)?;
    } else {
        running.await_termination()?;
    }
    if server.is_some() {
        println!("Feed it yourself: run `nc -lk 9999` in one terminal, and in another");
        println!("  cargo run --profile demo -p examples --bin network_word_count localhost:9999");
    }
    Ok(())
}
