//! `store`: what it costs a receiver to have its records in a block, end to end: sized, counted, let in, cut, stored and in the ledger.

use std::hint::black_box;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use waterwheel::prelude::*;
use waterwheel::runtime::config::{BackpressureConfig, ByteSize, ReceiverConfig};
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

use crate::child;
use crate::cli::Peer;
use crate::report::{self, Line};
use crate::stats::{self, Durations};

/// Options of `benchmarks store`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Records of a run.
    #[arg(long, default_value_t = 20_000_000)]
    records: u64,
    /// Records of one `store_many`.
    #[arg(long, default_value_t = 1000)]
    chunk: u64,
    /// Runs; medians are reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Be the process of one run (used by the program itself).
    #[arg(long, hide = true)]
    child: bool,
}

/// One run.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    /// From the first call to the last record's block in the ledger.
    took: Duration,
    /// The part of it in which chunks were made: the caller's, not the library's.
    making: Duration,
    rss_mb: f64,
}

/// Stores numbers as fast as it can, once.
struct Numbers {
    records: u64,
    chunk: u64,
    done: Sender<(Duration, Duration)>,
}

impl Receiver for Numbers {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        let started = Instant::now();
        let mut next = 0;
        while next < self.records {
            let end = (next + self.chunk).min(self.records);
            handle.store_many((next..end).collect()).await?;
            next = end;
        }
        handle.store_reliably(vec![next]).await?;
        let took = started.elapsed();
        let started = Instant::now();
        (0..self.records.div_ceil(self.chunk)).for_each(|n| drop(black_box((n..n + self.chunk).collect::<Vec<u64>>())));
        let _ = self.done.send((took, started.elapsed()));
        handle.stopped().await;
        Ok(())
    }
}

/// Run the workload.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.child {
        return child::answer(&run(args)?);
    }
    let of_child: Vec<String> = ["store", "--child", "--records"]
        .map(str::to_owned)
        .into_iter()
        .chain([args.records.to_string(), "--chunk".to_owned(), args.chunk.to_string()])
        .collect();
    let runs = (0..args.runs).map(|_| child::run::<Run>("store", &of_child)).collect::<Result<Vec<_>>>()?;
    let nanos = |time: Duration| time.as_nanos() as f64 / args.records as f64;
    let per_record = stats::median_over(&runs, |run| nanos(run.took.saturating_sub(run.making)));
    let line = Line {
        workload: "store",
        peer: Peer::Waterwheel,
        cores: 1,
        records: args.records,
        records_per_s: stats::median_over(&runs, |run| args.records as f64 / run.took.as_secs_f64()),
        words_per_s: 0.0,
        batch_ms: Durations::new()?.percentiles(),
        rss_mb: stats::median_over(&runs, |run| run.rss_mb),
        more: report::fields([
            ("chunk", json!(args.chunk)),
            ("runs", json!(runs.len())),
            ("ns_per_record", json!(per_record)),
            ("ns_per_record_with_making", json!(stats::median_over(&runs, |run| nanos(run.took)))),
        ]),
    };
    line.print()?;
    eprintln!("store: {per_record:.1} ns a record into a block, chunks of {}", args.chunk);
    Ok(())
}

fn run(args: &Args) -> Result<Run> {
    // As by default there is a rate, but one that holds nothing back; and one batch takes everything at the end.
    let receiver = ReceiverConfig::default().with_max_pending(ByteSize::gib(3));
    let config = Config::local("store")
        .with_handle_signals(false)
        .with_backpressure(BackpressureConfig::default().with_initial_rate(1_000_000_000_000))
        .with_receiver(receiver);
    let ssc = StreamingContext::new(config, Duration::from_secs(3600))?;
    let (done, finished) = channel();
    let (records, chunk) = (args.records, args.chunk.max(1));
    let numbers = ssc.receiver_stream("numbers", StorageLevel::MemoryOnly, move || Numbers {
        records,
        chunk,
        done: done.clone(),
    });
    numbers.foreach_rdd(|numbers| numbers.count().map(drop));
    let running = ssc.start()?;
    let (took, making) = finished.recv().context("the receiver ended before it had stored everything")?;
    let rss_mb = stats::peak_rss_mb()?;
    running.stop(Stop::Immediate)?;
    Ok(Run { took, making, rss_mb })
}
