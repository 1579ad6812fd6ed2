//! A receiver of one's own that loses nothing: it acknowledges a message to its source when the message is stored for good, and skips
//! what the source sends again.
//!
//! The source numbers its messages and sends `NUMBER TEXT`, a line each. The receiver answers `NUMBER` when that message and all
//! before it are in the checkpoint directory. When a connection breaks, the source sends everything again that was not acknowledged.
//! Some of that has been stored: the receiver knows up to where, since the number of the last message is stored with it.
//!
//! Without an address the source is a small broker inside this program, which hangs up every 35 messages, and the program ends after ten
//! batches and says what came in. With one it reads from there until Ctrl-C: run `nc -lk 9999` in one terminal and
//! `custom_receiver localhost:9999` in another, type `1 hello`, and see it acknowledged.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::bail;
use examples::broker::Broker;
use examples::cli;
use examples::run::run;
use examples::words::Lines;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use waterwheel::prelude::*;
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages that the broker inside sends in a second.
const MESSAGES_PER_SECOND: u32 = 100;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 10;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Message {
    number: u64,
    text: String,
}

impl FromStr for Message {
    type Err = String;

    fn from_str(line: &str) -> Result<Message, String> {
        let (number, text) = line.split_once(' ').unwrap_or((line, ""));
        let number = number.parse().map_err(|_| format!("{line:?} does not begin with the number of a message"))?;
        Ok(Message { number, text: text.to_owned() })
    }
}

/// Reads messages from one connection.
struct FromBroker {
    address: String,
}

impl Receiver for FromBroker {
    type Record = Message;

    async fn run(&mut self, handle: ReceiverHandle<Message>) -> Result<(), ReceiverError> {
        // What an earlier connection (or an earlier run of the program) has stored, or is just storing.
        let mut stored: Option<u64> = handle.last_position().await?;
        let (input, mut answers) = TcpStream::connect(&self.address).await?.into_split();
        let mut lines = BufReader::new(input).lines();
        loop {
            let mut messages = Vec::new();
            // Storing waits for its block, so what has arrived already is stored together.
            while messages.is_empty() || lines.get_ref().buffer().contains(&b'\n') {
                let line = tokio::select! {
                    line = lines.next_line() => line.map_err(hung_up)?,
                    () = handle.stopped() => return Ok(()),
                };
                let Some(line) = line else { return Err("the broker hung up".into()) };
                match line.parse::<Message>() {
                    Ok(message) => messages.push(message),
                    Err(error) => handle.report_error(error),
                }
            }
            let Some(last) = messages.last().map(|message| message.number) else { continue };
            messages.retain(|message| Some(message.number) > stored);
            if !messages.is_empty() {
                handle.store_reliably_at(messages, &last).await?;
                stored = Some(last);
            }
            answers.write_all(format!("{last}\n").as_bytes()).await.map_err(hung_up)?;
        }
    }
}

fn hung_up(error: std::io::Error) -> ReceiverError {
    format!("the broker hung up: {error}").into()
}

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Receives messages that are acknowledged when they are stored, each once");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("CustomReceiver")?, cli.interval)?;
    let directory = tempfile::tempdir()?;
    ssc.checkpoint(directory.path());
    let broker = match &cli.address {
        Some(_) => None,
        None => Some(Broker::start(MESSAGES_PER_SECOND, Lines::new(1))?),
    };
    let inside = broker.as_ref().map(|broker| broker.address().to_string());
    let Some(address) = cli.address.clone().or(inside) else { bail!("there is no broker") };
    match &broker {
        Some(_) => println!("Messages of a broker inside this program, which hangs up now and then."),
        None => println!("Messages that come from {address}."),
    }

    // Connects again soon, and never later than two seconds after an attempt that failed.
    let policy = SupervisorPolicy::for_receivers(milliseconds(50)).max_delay(seconds(2));
    let made = move || FromBroker { address: address.clone() };
    let messages = ssc.receiver_stream("broker", ReceiverOptions::new().policy(policy), made).named("messages");
    let words =
        messages.flat_map(|message| message.text.split_whitespace().map(CompactString::from).collect::<Vec<_>>());
    words.map(|word| (word, 1u64)).reduce_by_key(|a, b| a + b).print_n(5);
    let came_in = Arc::new(Mutex::new(Vec::new()));
    let numbers = came_in.clone();
    messages.foreach_rdd(move |dataset| {
        let new = dataset.map(|message| message.number).collect()?;
        numbers.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok::<(), JobError>(())
    });

    run(ssc, cli.batches.or(broker.is_some().then_some(BATCHES)))?;
    let Some(broker) = broker else { return Ok(()) };
    let (told, came_in) = (broker.told(), came_in.lock().unwrap_or_else(PoisonError::into_inner));
    println!(
        "The broker sent {} messages over {} connections, {} of them again.",
        told.messages,
        told.connections,
        told.sent - told.messages
    );
    println!("Acknowledged: {}. Came in: {}.", told.acknowledged, came_in.len());
    if came_in.len() as u64 >= told.acknowledged && came_in.iter().copied().eq(1..=came_in.len() as u64) {
        println!("Each came in once, and none is missing.");
    } else {
        bail!("what came in is not what was sent: {came_in:?}");
    }
    println!("Be the broker yourself: run `nc -lk 9999` in one terminal, type `1 hello` there, and run in another");
    println!("  cargo run --profile demo -p examples --bin custom_receiver localhost:9999");
    Ok(())
}
