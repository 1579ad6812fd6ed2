//! Lines over TCP to word counts, on Waterwheel.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use waterwheel::prelude::*;
use waterwheel::runtime::config::Estimator;

use super::send::Sender;
use super::{Outcome, Plan};
use crate::count::Word;
use crate::latency::{LatencyRecorder, stamp_of};
use crate::stability::BatchTiming;
use crate::text::words;
use crate::watched;

/// How long the last batches may take once the sender is done.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the listener and the outputs have seen so far.
#[derive(Default)]
struct Seen {
    batches: Vec<BatchTiming>,
    lines: u64,
    words: u64,
    /// When the last batch with lines was complete.
    last: Option<Instant>,
}

/// Run the plan. With a recorder, lines carry stamps and the recorder gets them when their batch's counts are out.
pub(crate) fn run<W: Word>(plan: &Plan, sender: Sender, latency: Option<&LatencyRecorder>) -> Result<Outcome> {
    let mut config = Config::local("benchmark").with_cores(plan.cores);
    config.handle_signals = false;
    watched::configure(&mut config)?;
    if plan.unrated {
        config.backpressure.estimator = Estimator::None;
    }
    let ssc = StreamingContext::new(config, plan.interval)?;
    plan.checkpoint.iter().for_each(|dir| ssc.checkpoint(dir));
    let seen = Arc::new(Mutex::new(Seen::default()));

    let lines = ssc.socket_text_stream(sender.addr().to_string());
    if plan.receive_only {
        lines.foreach_rdd(|lines| lines.count().map(drop));
    } else {
        let counts = lines
            .flat_map_into(|line, out| out.extend(words(line).map(W::from)))
            .map(|word| (word, 1u64))
            .reduce_by_key(|a, b| a + b);
        let theirs = seen.clone();
        counts.foreach_rdd(move |counts| {
            let words = counts.values().reduce(|a, b| a + b)?.unwrap_or_default();
            theirs.lock().unwrap_or_else(PoisonError::into_inner).words += words;
            Ok::<(), JobError>(())
        });
    }
    if let Some(latency) = latency.cloned() {
        // Defined last, so it runs when the counts of the batch are out.
        lines.foreach_rdd(move |lines| {
            latency.record(&lines.flat_map_into(|line, out| out.extend(stamp_of(line))).collect()?);
            Ok::<(), JobError>(())
        });
    }
    let theirs = seen.clone();
    ssc.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            theirs.lock().unwrap_or_else(PoisonError::into_inner).completed(info);
        }
    });

    let started = Instant::now();
    let running = watched::start(ssc, plan.monitored)?;
    let sent = sender.wait()?;
    let deadline = Instant::now() + PATIENCE;
    let done = || seen.lock().unwrap_or_else(PoisonError::into_inner).lines >= sent.lines;
    while !done() {
        ensure!(Instant::now() < deadline, "the lines were not counted within {PATIENCE:?} after the last was sent");
        running.await_termination_or_timeout(Duration::from_millis(2))?;
    }
    running.stop(Stop::Graceful)?;
    ensure!(running.dropped_events() == 0, "{} events were dropped", running.dropped_events());
    running.end()?;
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let elapsed = seen.last.unwrap_or(started) - started;
    Ok(Outcome { lines: seen.lines, words: seen.words, elapsed, batches: seen.batches, sent })
}

impl Seen {
    fn completed(&mut self, info: &BatchInfo) {
        let waited = info.submitted.since(info.batch) + info.scheduling_delay.unwrap_or_default();
        let records = info.num_records();
        self.batches.push(BatchTiming {
            records,
            scheduling_delay: waited,
            processing: info.processing_delay.unwrap_or_default(),
        });
        self.lines += records;
        if records > 0 {
            self.last = Some(Instant::now());
        }
    }
}
