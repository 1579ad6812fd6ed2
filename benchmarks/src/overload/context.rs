//! One run: the context, what its batches tell, and the memory of the process meanwhile.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use waterwheel::prelude::*;

use super::producer::Producer;
use super::{Load, Mode};
use crate::stability::BatchTiming;
use crate::stats;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How long the last records that were handed over may take to be counted.
const TOLD: Duration = Duration::from_secs(30);

/// What a run showed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) batches: Vec<BatchTiming>,
    /// Resident memory every quarter of a second.
    pub(super) rss_mb: Vec<f64>,
    pub(super) peak_rss_mb: f64,
    /// Received, committed, pending, spilled and shed at the end.
    pub(super) counts: [u64; 5],
    /// Whether every record was accounted for at every commit, and in the end, and is what the producer had handed over.
    pub(super) balanced: bool,
    /// Records that the outputs have seen.
    pub(super) processed: u64,
    pub(super) elapsed: Duration,
    /// How long the graceful stop took; for a stream that spills, until everything was counted.
    pub(super) drain: Duration,
}

/// Keeps a core busy.
fn spin(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}

pub(super) fn run(load: &Load) -> Result<Run> {
    let load = *load;
    let mut config = Config::local("overload").with_cores(load.cores).with_handle_signals(false);
    // Long enough for what was spilled.
    config.graceful_stop_timeout = Some(Duration::from_secs(600));
    let ssc = StreamingContext::new(config, load.interval)?;
    let overload = match load.mode {
        Mode::Block | Mode::Backlog => Overload::Block,
        Mode::Spill => Overload::Spill,
        Mode::Shed => Overload::Shed,
    };
    let (handed_over, processed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let theirs = handed_over.clone();
    let options = ReceiverOptions::new().overload(overload);
    let numbers = ssc.receiver_stream("producer", options, move || Producer { load, handed_over: theirs.clone() });
    let counted = processed.clone();
    let costly = numbers.map_partitions(move |numbers| {
        let numbers: Vec<u64> = numbers.into_iter().collect();
        spin(load.cost * u32::try_from(numbers.len()).unwrap_or(u32::MAX));
        [black_box(numbers).len() as u64]
    });
    costly.foreach_rdd(move |counts| {
        counted.fetch_add(counts.reduce(|a, b| a + b)?.unwrap_or_default(), Ordering::Relaxed);
        Ok::<(), JobError>(())
    });
    let seen = Arc::new(Mutex::new(Run { balanced: true, ..Run::default() }));
    let listening = seen.clone();
    ssc.add_streaming_listener(move |event: &Event| {
        if let Event::BatchCompleted(info) = event {
            let mut seen = listening.lock().unwrap_or_else(PoisonError::into_inner);
            let even = |flow: &FlowCounts| flow.received == flow.committed + flow.spilled + flow.shed;
            seen.balanced &= info.flow.values().all(even);
            seen.batches.push(BatchTiming {
                records: info.num_records(),
                scheduling_delay: info.submitted.since(info.batch) + info.scheduling_delay.unwrap_or_default(),
                processing: info.processing_delay.unwrap_or_default(),
            });
        }
    });

    let started = Instant::now();
    let running = ssc.start()?;
    let done = || match load.time {
        Some(time) => started.elapsed() >= time,
        None => processed.load(Ordering::Relaxed) >= load.records,
    };
    let mut rss = Vec::new();
    while !done() {
        running.await_termination_or_timeout(LOOK)?;
        rss.push(stats::rss_mb()?);
    }
    let elapsed = started.elapsed();
    let in_time = processed.load(Ordering::Relaxed);
    let stopping = Instant::now();
    if load.mode == Mode::Spill {
        // What is in files would take ten times as long as the run: what is measured is that all of it is counted.
        let received = || running.flow().values().map(|flow| flow.received).sum::<u64>();
        while received() != handed_over.load(Ordering::Relaxed) && stopping.elapsed() < TOLD {
            running.await_termination_or_timeout(LOOK)?;
        }
        let everything = (handed_over.load(Ordering::Relaxed), None);
        let (flow, drain) = (running.flow(), stopping.elapsed());
        running.stop(Stop::Immediate)?;
        return finish(&seen, &flow, rss, in_time, elapsed, drain, everything);
    }
    running.stop(Stop::Graceful)?;
    let drain = stopping.elapsed();
    let everything = (handed_over.load(Ordering::Relaxed), Some(processed.load(Ordering::Relaxed)));
    finish(&seen, &running.flow(), rss, in_time, elapsed, drain, everything)
}

/// Puts the run together. `everything` is what was handed over and, if all was drained, what the outputs have seen.
fn finish(
    seen: &Mutex<Run>,
    flow: &std::collections::BTreeMap<waterwheel::runtime::ids::StreamId, FlowCounts>,
    rss_mb: Vec<f64>,
    processed: u64,
    elapsed: Duration,
    drain: Duration,
    everything: (u64, Option<u64>),
) -> Result<Run> {
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let last = flow.values().next().copied().unwrap_or_default();
    let FlowCounts { received, committed, pending, spilled, shed } = last;
    let (handed_over, outputs_saw) = everything;
    let drained = received == handed_over && outputs_saw.is_none_or(|processed| committed == processed);
    Ok(Run {
        balanced: seen.balanced && last.is_balanced() && drained,
        counts: [received, committed, pending, spilled, shed],
        peak_rss_mb: stats::peak_rss_mb()?,
        rss_mb,
        processed,
        elapsed,
        drain,
        ..seen
    })
}
