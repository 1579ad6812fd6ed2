//! Metrics for Prometheus. Counts and gauges are set from the store when they are asked for, so that they are the figures of the
//! page; distributions are recorded as batches end.

use crate::api::model::nanos;
use crate::queue_meters;
use crate::shared::Shared;
use crate::store::{BatchRow, Omitted, Progress, ReceiverRow, Status};
use metrics::{
    Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    with_local_recorder,
};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use waterwheel_runtime::block::StoreStats;
use waterwheel_runtime::event::{BatchInfo, Event};
use waterwheel_runtime::time::Time;

/// Upper bounds of the distributions, in seconds.
const BOUNDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// After so many batches, what was recorded is added up, also when nobody asks for it.
const UPKEEP: u32 = 64;

/// A recorder of one monitor: nothing is global.
pub(crate) struct Meters {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    scheduling_delay: Histogram,
    processing_time: Histogram,
    total_delay: Histogram,
    latency: Histogram,
    commit: Histogram,
    recorded: AtomicU32,
}

/// Name, whether it only grows, unit, meaning. What follows the names of Spark's metrics says which one it is.
const DESCRIBED: &[(&str, bool, Unit, &str)] = &[
    ("waterwheel_receivers", false, Unit::Count, "receivers"),
    ("waterwheel_active_receivers", false, Unit::Count, "receivers that run"),
    ("waterwheel_completed_batches_total", true, Unit::Count, "batches whose outputs have ended, well or not"),
    ("waterwheel_failed_batches_total", true, Unit::Count, "completed batches that failed"),
    ("waterwheel_received_records_total", true, Unit::Count, "records of batches that were started"),
    ("waterwheel_processed_records_total", true, Unit::Count, "records of completed batches"),
    ("waterwheel_unprocessed_batches", false, Unit::Count, "batches that wait or run"),
    ("waterwheel_waiting_batches", false, Unit::Count, "batches that wait for their turn"),
    ("waterwheel_running_batches", false, Unit::Count, "batches whose outputs run"),
    ("waterwheel_retained_completed_batches", false, Unit::Count, "completed batches that are kept to be shown"),
    (
        "waterwheel_last_completed_batch_submission_time_seconds",
        false,
        Unit::Seconds,
        "when it was submitted, since 1970; -1 when there is none",
    ),
    (
        "waterwheel_last_completed_batch_processing_start_time_seconds",
        false,
        Unit::Seconds,
        "when its first work began, since 1970; -1 when there is none",
    ),
    (
        "waterwheel_last_completed_batch_processing_end_time_seconds",
        false,
        Unit::Seconds,
        "when its last output ended, since 1970; -1 when there is none",
    ),
    (
        "waterwheel_last_completed_batch_scheduling_delay_seconds",
        false,
        Unit::Seconds,
        "how long it waited; -1 when there is none",
    ),
    (
        "waterwheel_last_completed_batch_processing_delay_seconds",
        false,
        Unit::Seconds,
        "how long it was worked on; -1 when there is none",
    ),
    (
        "waterwheel_last_completed_batch_total_delay_seconds",
        false,
        Unit::Seconds,
        "from its tick to the end of its last output; -1 when there is none",
    ),
    (
        "waterwheel_last_received_batch_submission_time_seconds",
        false,
        Unit::Seconds,
        "when it was submitted, since 1970; -1 when there is none",
    ),
    (
        "waterwheel_last_received_batch_processing_start_time_seconds",
        false,
        Unit::Seconds,
        "when its first work began, since 1970; -1 before",
    ),
    (
        "waterwheel_last_received_batch_processing_end_time_seconds",
        false,
        Unit::Seconds,
        "when its last output ended, since 1970; -1 before",
    ),
    ("waterwheel_last_received_batch_records", false, Unit::Count, "its records"),
    ("waterwheel_stream_records_total", true, Unit::Count, "records of the stream in completed batches"),
    ("waterwheel_stream_spilled_records", false, Unit::Count, "records that the last batch left behind"),
    ("waterwheel_stream_shed_records_total", true, Unit::Count, "records of the stream that were dropped"),
    (
        "waterwheel_receiver_rate_limit_records_per_second",
        false,
        Unit::Count,
        "how fast the receiver may store; +Inf without a limit",
    ),
    ("waterwheel_receiver_active", false, Unit::Count, "1 when the receiver runs"),
    ("waterwheel_receiver_records_per_second", false, Unit::Count, "rate of the receiver's stream in the latest batch"),
    (
        "waterwheel_receiver_starts_total",
        true,
        Unit::Count,
        "times the receiver was started; all but the first are restarts",
    ),
    ("waterwheel_receiver_restarts_total", true, Unit::Count, "times the receiver was started again"),
    ("waterwheel_receiver_errors_total", true, Unit::Count, "errors it reported or ended with"),
    (
        "waterwheel_receiver_untold_errors_total",
        true,
        Unit::Count,
        "errors it reported faster than they could be told, which are not among those",
    ),
    ("waterwheel_operator_records_total", true, Unit::Count, "records that went into the operator"),
    (
        "waterwheel_operator_busy_nanoseconds_total",
        true,
        Unit::Nanoseconds,
        "time spent in the operator, over all tasks",
    ),
    ("waterwheel_operator_shuffles_total", true, Unit::Count, "shuffles the operator asked for"),
    ("waterwheel_state_keys", false, Unit::Count, "keys that have state"),
    ("waterwheel_state_written_bytes_total", true, Unit::Bytes, "bytes that commits wrote of the operator's state"),
    ("waterwheel_state_last_commit_bytes", false, Unit::Bytes, "bytes that the last commit wrote of it"),
    ("waterwheel_commits_total", true, Unit::Count, "batches recorded in the checkpoint directory"),
    ("waterwheel_block_memory_bytes", false, Unit::Bytes, "bytes of blocks and persisted partitions in memory"),
    ("waterwheel_block_disk_bytes", false, Unit::Bytes, "bytes of blocks and persisted partitions in files"),
    ("waterwheel_blocks", false, Unit::Count, "blocks and persisted partitions that are held"),
    ("waterwheel_blocks_spilled_total", true, Unit::Count, "blocks moved from memory to disk to make room"),
    ("waterwheel_partitions_evicted_total", true, Unit::Count, "persisted partitions dropped to make room"),
    (
        "waterwheel_dropped_events_total",
        true,
        Unit::Count,
        "events that were not told because the listeners were behind",
    ),
    (
        "waterwheel_untold_batches_total",
        true,
        Unit::Count,
        "batches that are missing from the figures because their end was not told",
    ),
    ("waterwheel_omitted_jobs_total", true, Unit::Count, "jobs beyond the hundred that are kept of a batch"),
    ("waterwheel_omitted_stages_total", true, Unit::Count, "stages beyond the hundred that are kept of a job"),
    ("waterwheel_omitted_outputs_total", true, Unit::Count, "outputs of batches that were not told of"),
    (
        "waterwheel_omitted_operators_total",
        true,
        Unit::Count,
        "operators, states and streams beyond ten thousand, each time that one was told of",
    ),
    (
        "waterwheel_omitted_input_parts_total",
        true,
        Unit::Count,
        "files or positions that are not named in what a batch says of its inputs",
    ),
    (
        "waterwheel_shortened_failures_total",
        true,
        Unit::Count,
        "failures of outputs, jobs, batches and receivers of which only the beginning is kept",
    ),
];

/// The distributions, all in seconds.
const DISTRIBUTIONS: [(&str, &str); 5] = [
    ("waterwheel_batch_scheduling_delay_seconds", "how long batches waited for their turn"),
    ("waterwheel_batch_processing_time_seconds", "how long batches were worked on"),
    ("waterwheel_batch_total_delay_seconds", "from the tick of a batch to the end of its last output"),
    (
        "waterwheel_end_to_end_latency_seconds",
        "an upper bound: how old a record that came in right behind the batch before was when the outputs of its batch had ended",
    ),
    ("waterwheel_commit_duration_seconds", "how long the record that a batch is done took to be written"),
];

impl Meters {
    pub(crate) fn new(application: &str) -> Result<Meters, BuildError> {
        let builder = PrometheusBuilder::new().add_global_label("application", application).set_buckets(&BOUNDS)?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let [scheduling_delay, processing_time, total_delay, latency, commit] = with_local_recorder(&recorder, || {
            for (name, grows, unit, meaning) in DESCRIBED.iter().chain(queue_meters::DESCRIBED) {
                match grows {
                    true => describe_counter!(*name, *unit, *meaning),
                    false => describe_gauge!(*name, *unit, *meaning),
                }
            }
            DISTRIBUTIONS.map(|(name, meaning)| {
                describe_histogram!(name, Unit::Seconds, meaning);
                histogram!(name)
            })
        });
        let recorded = AtomicU32::new(0);
        Ok(Meters { recorder, handle, scheduling_delay, processing_time, total_delay, latency, commit, recorded })
    }

    /// Takes in an event.
    pub(crate) fn told(&self, event: &Event, interval: Duration) {
        match event {
            Event::BatchCompleted(info) => self.completed(info, interval),
            Event::StateCommitted { took, .. } => self.commit.record(took.as_secs_f64()),
            _ => {}
        }
    }

    fn completed(&self, info: &BatchInfo, interval: Duration) {
        let (scheduling, processing, total) = (info.scheduling_delay, info.processing_delay, info.total_delay());
        for (histogram, delay) in
            [(&self.scheduling_delay, scheduling), (&self.processing_time, processing), (&self.total_delay, total)]
        {
            if let Some(delay) = delay {
                histogram.record(delay.as_secs_f64());
            }
        }
        // In a batch without records none was late.
        if let Some(total) = total.filter(|_| info.num_records() > 0) {
            let age = info.submitted.since(info.batch) + interval + total;
            self.latency.record(age.as_secs_f64());
        }
        if self.recorded.fetch_add(1, Ordering::Relaxed).is_multiple_of(UPKEEP) {
            self.handle.run_upkeep();
        }
    }

    /// The metrics as text.
    pub(crate) fn render(&self, shared: &Shared, blocks: Option<StoreStats>) -> String {
        with_local_recorder(&self.recorder, || {
            // One look, so that the figures are of one moment.
            let (dropped, depths) = (shared.dropped_events(), shared.depths());
            let progress = shared.progress();
            counts(shared, &progress, dropped);
            batches(&progress);
            streams(shared, &progress);
            operators(shared, &progress);
            queue_meters::set(&progress, &depths);
            drop(progress);
            if let Some(blocks) = blocks {
                gauge!("waterwheel_block_memory_bytes").set(blocks.memory_bytes as f64);
                gauge!("waterwheel_block_disk_bytes").set(blocks.disk_bytes as f64);
                gauge!("waterwheel_blocks").set(blocks.blocks as f64);
                counter!("waterwheel_blocks_spilled_total").absolute(blocks.spilled);
                counter!("waterwheel_partitions_evicted_total").absolute(blocks.evicted);
            }
        });
        self.handle.run_upkeep();
        as_prometheus_writes(&self.handle.render())
    }
}

/// Prometheus writes what has no limit as `+Inf`, and the exporter as Rust does. A space and a value end a line: what ends a label is
/// not mistaken for one, since a quote and a bracket follow it.
fn as_prometheus_writes(text: &str) -> String {
    text.replace(" inf\n", " +Inf\n")
}

fn counts(shared: &Shared, progress: &Progress, dropped: u64) {
    let (waiting, running) = (progress.count(Status::Queued), progress.count(Status::Processing));
    let statistics = shared.statistics(progress);
    gauge!("waterwheel_receivers").set(statistics.num_receivers as f64);
    gauge!("waterwheel_active_receivers").set(statistics.num_active_receivers as f64);
    counter!("waterwheel_completed_batches_total").absolute(progress.total_completed);
    counter!("waterwheel_failed_batches_total").absolute(progress.total_failed);
    counter!("waterwheel_received_records_total").absolute(progress.total_received);
    counter!("waterwheel_processed_records_total").absolute(progress.total_processed);
    gauge!("waterwheel_unprocessed_batches").set((waiting + running) as f64);
    gauge!("waterwheel_waiting_batches").set(waiting as f64);
    gauge!("waterwheel_running_batches").set(running as f64);
    gauge!("waterwheel_retained_completed_batches").set(progress.completed().len() as f64);
    counter!("waterwheel_dropped_events_total").absolute(dropped);
    counter!("waterwheel_untold_batches_total").absolute(progress.untold);
    let Omitted { jobs, stages, failures, inputs, outputs, rows } = progress.omitted();
    counter!("waterwheel_omitted_jobs_total").absolute(jobs);
    counter!("waterwheel_omitted_stages_total").absolute(stages);
    counter!("waterwheel_omitted_outputs_total").absolute(outputs);
    counter!("waterwheel_omitted_operators_total").absolute(rows);
    counter!("waterwheel_omitted_input_parts_total").absolute(inputs);
    counter!("waterwheel_shortened_failures_total").absolute(failures);
    counter!("waterwheel_commits_total").absolute(progress.works.commits);
}

fn batches(progress: &Progress) {
    let (completed, received) = (progress.last_completed(), progress.last_received());
    let time = |time: Option<Time>| time.map_or(-1.0, |time| time.millis() as f64 / 1000.0);
    let delay = |delay: Option<Duration>| delay.map_or(-1.0, |delay| delay.as_secs_f64());
    let submitted = |row: &std::sync::Arc<BatchRow>| row.info.submitted;
    for (which, row) in [("completed", completed), ("received", received)] {
        let name = |what: &str| format!("waterwheel_last_{which}_batch_{what}_time_seconds");
        gauge!(name("submission")).set(time(row.map(submitted)));
        gauge!(name("processing_start")).set(time(row.and_then(|row| row.processing_start())));
        gauge!(name("processing_end")).set(time(row.and_then(|row| row.processing_end())));
    }
    let info = completed.map(|row| &row.info);
    let of_completed = |what: &str| format!("waterwheel_last_completed_batch_{what}_delay_seconds");
    gauge!(of_completed("scheduling")).set(delay(info.and_then(|info| info.scheduling_delay)));
    gauge!(of_completed("processing")).set(delay(info.and_then(|info| info.processing_delay)));
    gauge!(of_completed("total")).set(delay(info.and_then(|info| info.total_delay())));
    let records = received.map_or(0, |row| row.info.num_records());
    gauge!("waterwheel_last_received_batch_records").set(records as f64);
}

fn streams(shared: &Shared, progress: &Progress) {
    let latest = progress.last_received();
    for (stream, row) in progress.streams.iter() {
        let row = shared.stream(stream, row);
        let labels = [("stream_id", stream.0.to_string()), ("stream", row.name.clone())];
        counter!("waterwheel_stream_records_total", &labels).absolute(row.records);
        gauge!("waterwheel_stream_spilled_records", &labels).set(row.spilled as f64);
        counter!("waterwheel_stream_shed_records_total", &labels).absolute(row.shed);
        // A limit that has ended is none, and not the last there was.
        if row.receiver.is_some() {
            let limit = row.rate_limit.unwrap_or(f64::INFINITY);
            gauge!("waterwheel_receiver_rate_limit_records_per_second", &labels).set(limit);
        }
        let Some(ReceiverRow { active, starts, errors, untold_errors, .. }) = &row.receiver else { continue };
        let records = latest.and_then(|latest| latest.info.records.get(&stream)).copied().unwrap_or(0);
        gauge!("waterwheel_receiver_active", &labels).set(if *active { 1.0 } else { 0.0 });
        gauge!("waterwheel_receiver_records_per_second", &labels).set(records as f64 / shared.interval.as_secs_f64());
        counter!("waterwheel_receiver_starts_total", &labels).absolute(*starts);
        counter!("waterwheel_receiver_restarts_total", &labels).absolute(starts.saturating_sub(1));
        counter!("waterwheel_receiver_errors_total", &labels).absolute(*errors);
        counter!("waterwheel_receiver_untold_errors_total", &labels).absolute(*untold_errors);
    }
    for (operator, row) in progress.works.states() {
        let labels = [("operator", operator.to_owned())];
        gauge!("waterwheel_state_keys", &labels).set(row.keys as f64);
        gauge!("waterwheel_state_last_commit_bytes", &labels).set(row.last_bytes as f64);
        counter!("waterwheel_state_written_bytes_total", &labels).absolute(row.written_bytes);
    }
}

fn operators(shared: &Shared, progress: &Progress) {
    for costed in shared.graph.costed(&progress.works, &std::collections::BTreeMap::new()) {
        let name = costed.node.map_or_else(|| costed.site.operator.to_owned(), |node| node.name.clone());
        let labels = [("operator", name), ("site", costed.site.location.to_string())];
        counter!("waterwheel_operator_records_total", &labels).absolute(costed.work.total.records);
        counter!("waterwheel_operator_busy_nanoseconds_total", &labels).absolute(nanos(costed.work.total.busy));
        counter!("waterwheel_operator_shuffles_total", &labels).absolute(costed.work.shuffles);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const GUIDE: &str = include_str!("../../docs/guide/monitoring.md");

    /// Names and units of all metrics.
    fn all() -> Vec<(&'static str, Unit)> {
        let described = DESCRIBED.iter().chain(queue_meters::DESCRIBED).map(|(name, _, unit, _)| (*name, *unit));
        described.chain(DISTRIBUTIONS.iter().map(|(name, _)| (*name, Unit::Seconds))).collect()
    }

    #[test]
    fn the_guide_names_every_metric_and_no_other() {
        let here: BTreeSet<&str> = all().into_iter().map(|(name, _)| name).collect();
        let spans = GUIDE.split('`').skip(1).step_by(2);
        let there: BTreeSet<&str> = spans.filter(|span| span.starts_with("waterwheel_")).collect();
        assert_eq!(here.difference(&there).collect::<Vec<_>>(), [""; 0].iter().collect::<Vec<_>>(), "not in the guide");
        assert_eq!(there.difference(&here).collect::<Vec<_>>(), [""; 0].iter().collect::<Vec<_>>(), "not here");
    }

    #[test]
    fn units_are_in_the_names() {
        for (name, unit) in all() {
            let base = name.strip_suffix("_total").unwrap_or(name);
            let named = match unit {
                Unit::Seconds => base.ends_with("_seconds"),
                Unit::Nanoseconds => base.ends_with("_nanoseconds"),
                Unit::Bytes => base.ends_with("_bytes"),
                _ => !["_seconds", "_nanoseconds", "_bytes"].iter().any(|unit| base.ends_with(unit)),
            };
            assert!(named, "{name} is in {unit:?}");
        }
    }

    #[test]
    fn no_metric_is_described_twice() {
        let names: BTreeSet<&str> = all().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), all().len());
    }
}
