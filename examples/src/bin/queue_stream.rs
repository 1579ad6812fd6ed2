//! Puts a dataset of the numbers 1 to 1000 into a queue every second, and counts each batch's numbers by their last digit.
//!
//! Ends after five batches; every digit is counted 100 times.

use std::time::Duration;

use examples::cli;
use examples::run::start;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches after which the program ends.
const BATCHES: u64 = 5;

/// Datasets that are pushed ahead of the batches: the queue is never empty and never long.
const AHEAD: u64 = 3;

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Counts the numbers of queued datasets by their last digit");
    cli::init_logging();
    let batches = cli.batches.unwrap_or(BATCHES);

    let ssc = StreamingContext::new(cli.config("QueueStream")?, cli.interval)?;
    let queue = RddQueue::new();
    let numbers = ssc.queue_stream(&queue, true);
    numbers.map(|number: u32| (number % 10, 1u64)).reduce_by_key(|a, b| a + b).print();
    let engine = ssc.engine().clone();

    let mut pushed = 0;
    let mut push_after = move |complete: u64| {
        while pushed < batches.min(complete + AHEAD) {
            queue.push_records(&engine, 1..=1000, 10);
            pushed += 1;
        }
    };
    push_after(0);
    let running = start(ssc)?;
    loop {
        push_after(running.batches_completed());
        if running.batches_completed() >= batches || running.await_termination_or_timeout(Duration::from_millis(10))? {
            break;
        }
    }
    Ok(running.stop(Stop::Graceful)?)
}
