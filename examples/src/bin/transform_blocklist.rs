//! Lets messages through whose sender is not on a blocklist, and the list grows while the program runs.
//!
//! Every batch is joined with the list as it is then. Whoever sends more than four messages in one batch is put on it, and that
//! is said; from the next batch on their messages are gone. For each batch, the number of messages that came through is shown
//! by sender. (A list that fits in memory need not be joined by a shuffle; `page_views` looks its names up in a `Dataset`.)
//!
//! Without an address it reads from a text server inside this program, in which two senders write twice as much as all the
//! others together, and ends after five batches. With one it reads lines of the form `sender: text` from there until Ctrl-C:
//! run `nc -lk 9999` in one terminal and `transform_blocklist localhost:9999` in another, and type.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use examples::cli;
use examples::feed::Feed;
use examples::run::run;
use examples::words::Messages;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages of one sender in one batch; who sends more is blocked.
const LIMIT: u64 = 4;

/// Messages that the text server inside sends in a second.
const LINES_PER_SECOND: u32 = 24;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 5;

/// Senders whose messages are not let through. A clone is the same list.
#[derive(Clone, Default)]
struct Blocklist(Arc<Mutex<BTreeSet<String>>>);

impl Blocklist {
    /// Whether `sender` was not on the list before.
    fn insert(&self, sender: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sender.to_owned())
    }

    fn senders(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Lets messages through whose sender is not on a blocklist that grows while the program runs");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("TransformBlocklist")?, cli.interval)?;
    let feed = Feed::new(&cli, LINES_PER_SECOND, || Messages::new(1))?;
    println!("Messages {feed}, without those of senders of more than {LIMIT} a batch.");

    let messages = ssc
        .socket_text_stream(feed.address())
        .flat_map(|line| line.split_once(": ").map(|(sender, text)| (sender.to_owned(), text.to_owned())));
    let blocklist = Blocklist::default();

    let list = blocklist.clone();
    let clean = messages.transform(move |messages| {
        // Called for each batch: the list is the one of now.
        let blocked = messages.scope().parallelize(list.senders().into_iter().map(|sender| (sender, ())), 1);
        messages.left_outer_join(&blocked).filter(|(_, (_, blocked))| blocked.is_none())
    });
    clean.map(|(sender, _)| (sender, 1u64)).reduce_by_key(|a, b| a + b).print();

    let counts = messages.map(|(sender, _)| (sender, 1u64)).reduce_by_key(|a, b| a + b);
    counts.filter(|(_, count)| *count > LIMIT).foreach_rdd(move |too_many| -> Result<(), JobError> {
        for (sender, count) in too_many.collect()? {
            if blocklist.insert(&sender) {
                println!("Blocked from now on: {sender}, who has sent {count} messages in one batch.");
            }
        }
        Ok(())
    });

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("transform_blocklist");
    Ok(())
}
