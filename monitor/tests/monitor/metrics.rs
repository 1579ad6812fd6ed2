//! What Prometheus is told.

use crate::support::{Client, config, context, gate, running, told, wait_until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use waterwheel_monitor::StartMonitored;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;
use waterwheel_runtime::config::{BackpressureConfig, Estimator};
use waterwheel_runtime::durable::MemoryStorage;

/// The value of the first line that begins so.
#[track_caller]
fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find(|it| it.starts_with(line)).unwrap_or_else(|| panic!("{line} in {text}"));
    found.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_batch_without_records_has_no_latency_from_end_to_end() {
    let (ssc, clock) = context(config());
    ssc.input_stream(Scripted::new([vec![1, 2], vec![], vec![], vec![3]])).foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    clock.advance(6 * seconds(1));
    told(&running, 6);
    let text = Client::of(&running).raw("/metrics").text;
    assert_eq!(value(&text, "waterwheel_end_to_end_latency_seconds_count{"), 2.0);
    assert_eq!(value(&text, "waterwheel_batch_total_delay_seconds_count{"), 6.0);
}

/// U-12
#[test]
fn a_store_is_counted_once_for_every_commit_that_writes_it_in_metrics_and_in_rest() {
    let (ssc, clock) = context(config());
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let pairs = ssc.input_stream(Scripted::new((0..100u64).map(|n| vec![n]))).map(|n| (n % 3, 1u64));
    let counts =
        pairs.update_state_by_key(|new, known: Option<u64>| Some(known.unwrap_or(0) + new.iter().sum::<u64>()));
    counts.named("counts").foreach_rdd(|_| {});
    let sums = pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, 4 * seconds(1), 2 * seconds(1));
    sums.named("sums").foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    let written = || {
        let state = client.get("/state");
        let all = state["operators"].as_array().unwrap();
        let of = |name: &str| {
            let found = all.iter().find(|it| it["name"].as_str().unwrap().starts_with(name)).unwrap();
            ["writtenBytes", "lastCommitBytes", "numKeys"].map(|field| found[field].as_u64().unwrap())
        };
        assert_eq!(all.len(), 2, "{state}");
        (of("counts"), of("sums"))
    };
    let mut sums = Vec::new();
    let mut before = 0;
    for batch in 1..=6 {
        clock.advance(seconds(1));
        told(&running, batch);
        let (counts, of_sums) = written();
        assert_eq!(counts[0] - before, counts[1], "what all commits wrote is the sum of what each wrote");
        before = counts[0];
        sums.push(of_sums);
    }
    // The window slides every second batch: the commits between write nothing of it.
    for (number, [all, last, _]) in sums.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        assert_eq!(*last, 0, "batch {number}");
        assert_eq!(Some(*all), if number == 0 { Some(0) } else { sums.get(number - 1).map(|it| it[0]) });
    }
    assert!(sums.iter().skip(1).step_by(2).all(|[_, last, _]| *last > 0), "{sums:?}");
    let (text, (counts, sums)) = (client.raw("/metrics").text, written());
    for (name, rest) in [("counts", counts), ("sums", sums)] {
        let metric = |metric: &str| {
            let line =
                text.lines().find(|line| line.starts_with(metric) && line.contains(&format!("operator=\"{name}")));
            line.unwrap().rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64
        };
        let names =
            ["waterwheel_state_written_bytes_total", "waterwheel_state_last_commit_bytes", "waterwheel_state_keys"];
        assert_eq!(names.map(metric), rest, "{name}");
    }
    assert_eq!((counts[2], sums[2]), (3, 3));
}

/// U-12
#[test]
fn what_is_left_out_is_counted_in_metrics_and_in_rest() {
    let (ssc, clock) = context(config().with_cores(1));
    let numbers = ssc.input_stream(Scripted::new([vec![1]]));
    numbers.foreach_rdd(|rdd: Rdd<i32>| (0..130).try_for_each(|_| rdd.count().map(drop)));
    numbers.foreach_rdd(|_: Rdd<i32>| Err("x".repeat(10_000)));
    let running = ssc.start_monitored().unwrap();
    clock.advance(seconds(1));
    told(&running, 1);
    let client = Client::of(&running);
    let (statistics, batch) = (client.get("/statistics"), client.get("/batches")[0].clone());
    let text = client.raw("/metrics").text;
    for (field, name, expected) in [
        ("numOmittedJobs", "waterwheel_omitted_jobs_total{", 30),
        ("numOmittedStages", "waterwheel_omitted_stages_total{", 0),
        ("numOmittedInputParts", "waterwheel_omitted_input_parts_total{", 0),
        ("numShortenedFailures", "waterwheel_shortened_failures_total{", 1),
    ] {
        assert_eq!((&statistics[field], &batch[field]), (&expected.into(), &expected.into()), "{field}");
        assert_eq!(value(&text, name), f64::from(expected), "{name}");
    }
    for (field, name) in [
        ("numOmittedOutputs", "waterwheel_omitted_outputs_total{"),
        ("numOmittedOperators", "waterwheel_omitted_operators_total{"),
        ("numUntoldBatches", "waterwheel_untold_batches_total{"),
        ("numDroppedEvents", "waterwheel_dropped_events_total{"),
    ] {
        assert_eq!((&statistics[field], value(&text, name)), (&0.into(), 0.0), "{field}");
    }
}

/// U-12
#[test]
fn events_that_were_dropped_because_a_listener_is_behind_are_counted_one_by_one() {
    let (ssc, clock) = context(config());
    ssc.input_stream(Scripted::new((0..1000).map(|n| vec![n]))).foreach_rdd(|_| {});
    let (pass, go, begins) = gate();
    let told = Arc::new(AtomicU64::new(0));
    let count = told.clone();
    ssc.add_streaming_listener(move |_: &Event| {
        count.fetch_add(1, Ordering::Relaxed);
        pass();
    });
    let running = ssc.start_monitored().unwrap();
    begins.recv_timeout(crate::support::PATIENCE).unwrap();
    clock.advance(1000 * seconds(1));
    assert!(running.wait_for_batches(1000, crate::support::PATIENCE), "the listener holds up no batch");
    let client = Client::of(&running);
    let dropped = client.get("/statistics")["numDroppedEvents"].as_u64().unwrap();
    assert!(dropped > 0);
    drop(go);
    // The start, and of each batch: submitted, started, its output started and completed, completed.
    wait_until(&running, || told.load(Ordering::Relaxed) + dropped == 1 + 5 * 1000);
    assert_eq!(value(&client.raw("/metrics").text, "waterwheel_dropped_events_total{"), dropped as f64);
    running.stop(Stop::Immediate).unwrap();
}

/// The guide lists every family, with its unit in its name.
#[test]
fn every_family_is_in_the_guide() {
    let guide = include_str!("../../../docs/guide/monitoring.md");
    let (running, _clock) = running(config(), 3);
    let text = Client::of(&running).raw("/metrics").text;
    let families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(families.len() > 50, "{families:?}");
    for family in families {
        assert!(guide.contains(&format!("`{family}`")), "{family} is not in docs/guide/monitoring.md");
    }
}

/// A limit that nobody has set is +Inf as Prometheus writes it, and nothing in JSON, which has no infinity.
#[test]
fn a_receiver_without_a_limit_has_an_infinite_one_in_the_metrics_and_none_in_rest() {
    for (estimator, limited) in [(Estimator::None, false), (Estimator::Pid, false), (Estimator::ServiceTime, true)] {
        let backpressure = BackpressureConfig::default().with_estimator(estimator);
        let (running, _clock) = running(config().with_backpressure(backpressure), 2);
        let client = Client::of(&running);
        let limit = client.get("/receivers/1")["rateLimit"].clone();
        assert_eq!(limit.is_number(), limited, "{estimator:?}: {limit}");
        assert_eq!(limit.is_null(), !limited, "{estimator:?}: {limit}");
        let text = client.raw("/metrics").text;
        let name = "waterwheel_receiver_rate_limit_records_per_second{";
        let told = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.rsplit(' ').next()).unwrap();
        let expected = if limited { limit.as_f64().unwrap().to_string() } else { "+Inf".to_owned() };
        assert_eq!(told, expected, "{estimator:?}");
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let value = line.rsplit(' ').next().unwrap();
            assert!(value == "+Inf" || value.parse().is_ok_and(f64::is_finite), "{line}");
        }
    }
}

#[test]
fn metrics_tell_the_same_figures_with_their_units() {
    let (running, _clock) = running(config(), 6);
    let client = Client::of(&running);
    let answer = client.raw("/metrics");
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let value = |name: &str| {
        let line = answer.text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("waterwheel_completed_batches_total{"), 6.0);
    assert_eq!(value("waterwheel_failed_batches_total{"), 2.0);
    assert_eq!(value("waterwheel_received_records_total{"), 12.0);
    assert_eq!(value("waterwheel_processed_records_total{"), 12.0);
    assert_eq!(value("waterwheel_unprocessed_batches{"), 0.0);
    assert_eq!(value("waterwheel_retained_completed_batches{"), 6.0);
    assert_eq!(value("waterwheel_receivers{"), 1.0);
    assert_eq!(value("waterwheel_dropped_events_total{"), 0.0);
    assert_eq!(value("waterwheel_last_received_batch_records{"), 2.0);
    assert_eq!(value("waterwheel_batch_total_delay_seconds_count{"), 6.0);
    assert_eq!(
        value("waterwheel_end_to_end_latency_seconds_bucket{application=\"Wheel <&> \\\"quotes\\\"\",le=\"+Inf\"}"),
        6.0
    );
    assert!(value("waterwheel_last_completed_batch_submission_time_seconds{") >= 1_431_637_486.0);
    assert!(answer.text.contains("waterwheel_operator_records_total{"), "{}", answer.text);
    assert!(answer.text.contains("waterwheel_block_memory_bytes{"), "{}", answer.text);
    let families = answer.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for family in families {
        let (name, kind) = family.split_once(' ').unwrap();
        assert!(name.starts_with("waterwheel_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{family}");
        assert!(answer.text.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }
    // Asked again, it says the same: nothing is counted by being looked at.
    assert_eq!(
        client.raw("/metrics").text.lines().find(|line| line.starts_with("waterwheel_completed_batches_total{")),
        answer.text.lines().find(|line| line.starts_with("waterwheel_completed_batches_total{"))
    );
}
