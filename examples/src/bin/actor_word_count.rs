//! Counts the words that a feeder in another process sends to an actor of this one, every second.
//!
//! Without an address it starts its own feeder, as a process, and ends after five batches. With one it listens there until Ctrl-C:
//! run `actor_word_count localhost:9999` in one terminal and its feeder, `actor_word_count localhost:9999 --feed`, in another. Either
//! can be stopped and started again.

use std::process::{Child, Command};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use actix::prelude::*;
use anyhow::Context as _;
use clap::Parser;
use examples::cli::{self, Cli};
use examples::run::run;
use examples::words::Lines;
use serde::{Deserialize, Serialize};
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The name of the actor stream.
const NAME: &str = "lines";

/// Between two lines of the feeder.
const PAUSE: Duration = Duration::from_millis(50);

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 5;

#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    cli: Cli,

    /// Be the feeder: send lines to the word count that listens on HOST:PORT
    #[arg(long, requires = "address")]
    feed: bool,
}

/// A line on its way from the feeder. Both sides have to have the same fields, and no more in common.
#[derive(Message, Serialize, Deserialize)]
#[rtype(result = "Result<(), StoreReliablyError>")]
struct Line(String);

/// Takes lines and stores their words.
struct Splitter {
    sink: ActorSink<String>,
}

impl Actor for Splitter {
    type Context = Context<Self>;
}

impl Handler<Line> for Splitter {
    type Result = ResponseFuture<Result<(), StoreReliablyError>>;

    /// The feeder is told when the words are in a block, not before.
    fn handle(&mut self, Line(text): Line, _: &mut Context<Self>) -> Self::Result {
        let words = text.split_whitespace().map(str::to_owned).collect();
        Box::pin(self.sink.store_acknowledged(words))
    }
}

fn main() -> anyhow::Result<()> {
    let Arguments { cli, feed } = cli::parse_as("Counts the words that a feeder in another process sends to an actor");
    cli::init_logging();
    match (&cli.address, feed) {
        (Some(address), true) => feed_to(address),
        _ => count(&cli),
    }
}

fn count(cli: &Cli) -> anyhow::Result<()> {
    let ssc = StreamingContext::new(cli.config("ActorWordCount")?, cli.interval)?;
    let words = ssc.actor_stream(NAME, SupervisorPolicy::for_actors(), |sink| Splitter { sink }).remote::<Line>();
    words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b).print();

    let address = cli.address.as_deref().unwrap_or("127.0.0.1:0");
    let port = ssc.remote_actors(address).with_context(|| format!("cannot listen on {address}"))?;
    println!("Counting the words that come to {}.", port.address());
    if cli.address.is_some() {
        println!("To feed it, run: actor_word_count {} --feed", port.address());
        return Ok(run(ssc, cli.batches)?);
    }
    let _feeder = Feeder::start(&port.address().to_string())?;
    run(ssc, cli.batches.or(Some(BATCHES)))?;
    let statistics = port.statistics();
    println!("{} of {} lines were acknowledged.", statistics.acknowledged, statistics.messages);
    println!("In two terminals: actor_word_count localhost:9999, and actor_word_count localhost:9999 --feed");
    Ok(())
}

/// Sends lines until it is killed, or nobody has listened for a long while.
fn feed_to(address: &str) -> anyhow::Result<()> {
    let feeder = RemoteActor::connect_blocking(address, NAME)?;
    println!("Sending lines to {address}.");
    // Nothing is ever sent through it: it only measures the pause.
    let (_open, pause) = channel::<()>();
    // A line that was not counted, since its actor failed or refused it, is told of beside the sending. One that nobody has looked at is
    // sent again by the feeder itself.
    let (receipts, sent) = channel::<waterwheel::receivers::remote::Receipt>();
    std::thread::spawn(move || {
        for error in sent.into_iter().filter_map(|receipt| receipt.wait_blocking().err()) {
            println!("A line was not counted: {error}.");
        }
    });
    for line in Lines::new(1) {
        // Not waited for: while the word count is slow, or gone, the next lines queue up behind this one, up to a bound.
        receipts.send(feeder.post_blocking(&Line(line))?)?;
        if pause.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    Ok(())
}

/// The feeder as a process; killed when it is dropped.
struct Feeder(Child);

impl Feeder {
    fn start(address: &str) -> anyhow::Result<Feeder> {
        let this = std::env::current_exe()?;
        let mut command = Command::new(this);
        command.args([address, "--feed"]).stdout(std::process::Stdio::null());
        Ok(Feeder(command.spawn().context("cannot start the feeder")?))
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        // One that has ended by itself is not there to be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
