//! Shows how a slow sink holds back a fast source.
//!
//! The source hands over numbers as fast as they are taken. The sink writes a thousand a time, and each write takes ten
//! milliseconds. A line per batch tells how many records it had, how long it waited and took, how many records a second the source
//! may hand over from then on, and where the records are that are not done. After twenty batches the program ends.
//!
//! What becomes of records that are too many is said by `--overload`: with `block` the source waits, with `spill` they go to files,
//! with `shed` they are dropped. The settings of `WATERWHEEL_BACKPRESSURE__ESTIMATOR` (`service_time`, `pid`, `none`) find rates in
//! different ways.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use examples::cli::{self, Cli};
use examples::run::run;
use waterwheel::prelude::*;
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches after which the program ends.
const BATCHES: u64 = 20;

/// Records that the sink takes at a time, and how long it takes for them.
const WRITE: (usize, Duration) = (1000, Duration::from_millis(10));

#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    cli: Cli,

    /// What becomes of records that are too many
    #[arg(long, value_enum, default_value_t = TooMany::Block)]
    overload: TooMany,
}

#[derive(Clone, Copy, ValueEnum)]
enum TooMany {
    /// The source waits.
    Block,
    /// They go to files.
    Spill,
    /// They are dropped.
    Shed,
}

/// Hands over numbers as fast as they are taken.
struct Numbers;

impl Receiver for Numbers {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        for first in (0..).step_by(100).take_while(|_| !handle.is_stopped()) {
            // Waits as the rate says, or not, as the stream's overload says.
            if handle.store_many((first..first + 100).collect()).await.is_err() {
                // The program stops, and these would have had to wait.
                break;
            }
            if first % 1000 == 0 {
                // A million a second is fast enough, and leaves some of the machine to the others.
                handle.clock().sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }
}

/// A sink that is slow, and takes no processor.
fn write(numbers: &[u64]) {
    let (_open, silent) = channel::<()>();
    for _ in numbers.chunks(WRITE.0) {
        assert_eq!(silent.recv_timeout(WRITE.1), Err(RecvTimeoutError::Timeout));
    }
}

/// A line of what a batch tells.
fn show(batch: &BatchInfo) {
    let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
    let rate = batch.rates.values().next().map_or("any".to_owned(), |rate| format!("{rate:.0}"));
    let FlowCounts { committed, spilled, shed, .. } = batch.flow.values().next().copied().unwrap_or_default();
    println!(
        "{:>10} {:>9} {:>8.3} {:>8.3} {rate:>11} {committed:>11} {spilled:>9} {shed:>9}",
        batch.batch.millis() % 100_000_000,
        batch.num_records(),
        seconds(batch.scheduling_delay),
        seconds(batch.processing_delay),
    );
}

fn main() -> anyhow::Result<()> {
    let Arguments { cli, overload } = cli::parse_as("Shows how a slow sink holds back a fast source");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("BackPressure")?, cli.interval)?;
    let overload = match overload {
        TooMany::Block => Overload::Block,
        TooMany::Spill => Overload::Spill,
        TooMany::Shed => Overload::Shed,
    };
    let numbers = ssc.receiver_stream("numbers", ReceiverOptions::new().overload(overload), || Numbers);
    numbers.foreach_partition(|numbers| write(&numbers));
    ssc.add_streaming_listener(|event: &Event| {
        if let Event::BatchCompleted(batch) = event {
            show(batch);
        }
    });

    println!(
        "{:>10} {:>9} {:>8} {:>8} {:>11} {:>11} {:>9} {:>9}",
        "batch", "records", "waited", "took", "next rate", "committed", "spilled", "shed"
    );
    run(ssc, Some(cli.batches.unwrap_or(BATCHES)))?;
    println!("Try --overload spill, --overload shed, or WATERWHEEL_BACKPRESSURE__ESTIMATOR=none.");
    Ok(())
}
