//! The figures agree with each other, errors are JSON, and no request makes the server fail.

use crate::support::{Client, config, context, running, wait_until};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use std::sync::Arc;
use waterwheel_monitor::StartMonitored;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;
use waterwheel_runtime::config::{BackpressureConfig, Estimator};
use waterwheel_runtime::durable::MemoryStorage;

fn sum<'a>(of: impl IntoIterator<Item = &'a Value>, field: &str) -> u64 {
    of.into_iter().filter_map(|value| value[field].as_u64()).sum()
}

/// U-1
#[test]
fn the_parts_add_up_to_the_statistics() {
    let (running, _clock) = running(config(), 9);
    let client = Client::of(&running);
    let (statistics, batches) = (client.get("/statistics"), client.get("/batches"));
    let all = batches.as_array().unwrap();
    assert_eq!(statistics["numTotalCompletedBatches"], 9);
    assert_eq!(statistics["numProcessedRecords"], sum(all, "inputSize"));
    assert_eq!(statistics["numReceivedRecords"], 18);
    assert_eq!(statistics["numFailedBatches"], 3);
    assert_eq!((&statistics["numReceivers"], &statistics["numInactiveReceivers"]), (&json!(1), &json!(1)));
    assert_eq!(statistics["avgInputRate"], 2.0, "two records a second");
    let receivers = client.get("/receivers");
    assert_eq!(receivers[0]["eventRates"].as_array().unwrap().len(), 9);
    assert_eq!(receivers[0]["avgEventRate"], 2.0);
    assert_eq!(client.get("/receivers/0"), receivers[0]);
    let overview = client.get("/overview");
    assert_eq!(overview["statistics"], statistics);
    assert_eq!(overview["completed"], batches);
    assert_eq!(overview["timelines"], client.get("/timelines"));
    assert_eq!(overview["operators"], client.get("/operators"));
    assert_eq!(overview["timelines"]["failed"].as_array().unwrap().iter().filter(|it| **it == true).count(), 3);
    assert_eq!(client.get("/timelines?limit=4")["batchIds"].as_array().unwrap().len(), 4);
    assert_eq!(client.get("/batches?limit=2&offset=3"), json!([all[3], all[4]]));
    assert_eq!(client.get("/batches?status=QUEUED&status=PROCESSING"), json!([]));
}

#[test]
fn operators_tell_what_goes_in_and_where_the_time_goes() {
    let (running, _clock) = running(config(), 3);
    let operators = Client::of(&running).get("/operators");
    let of = |name: &str| {
        let found = operators.as_array().unwrap().iter().find(|it| it["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {operators}")).clone()
    };
    let (numbers, map, reduce) = (of("numbers"), of("map-1"), of("reduce_by_key-1"));
    assert_eq!((&numbers["kind"], &numbers["streamId"]), (&json!("input"), &json!(0)));
    assert_eq!(map["inputs"], json!([numbers["operatorId"]]));
    assert_eq!(reduce["inputs"], json!([map["operatorId"]]));
    assert_eq!(map["records"], 6, "two records in each of three batches: {map}");
}

/// Pain 30: an operator that is slow is the one that most of the time goes into.
#[test]
fn the_slow_operator_is_named() {
    // On the machine's clock: time has to pass for something to be slow.
    let ssc = StreamingContext::new(config(), milliseconds(20)).unwrap();
    let numbers = ssc.input_stream(Scripted::new((0..10).map(|_| (0..5_000u64).collect::<Vec<_>>())));
    let slow = |number: u64| (0..500).fold(number, |hash, step| std::hint::black_box(hash.rotate_left(5) ^ step));
    let quick = numbers.map(|number| number + 1).filter(|number| *number > 0);
    quick.map(slow).named("slow").foreach_rdd(|rdd| rdd.count().map(drop));
    let running = ssc.start_monitored().unwrap();
    assert!(running.wait_for_batches(2, crate::support::PATIENCE));
    let client = Client::of(&running);
    wait_until(&running, || client.get("/statistics")["numTotalCompletedBatches"].as_u64() >= Some(2));
    let operators = client.get("/operators");
    let share = |it: &Value| it["busyShare"].as_f64().unwrap();
    let all = operators.as_array().unwrap();
    let busiest = all.iter().max_by(|one, other| share(one).total_cmp(&share(other))).unwrap();
    assert_eq!(busiest["name"], "slow", "{operators}");
    let sum: f64 = all.iter().map(share).sum();
    assert!((sum - 1.0).abs() < 1e-9, "the shares are parts of a whole: {sum}");
}

#[test]
fn state_tells_its_keys_and_what_commits_wrote() {
    let (ssc, clock) = context(config());
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let numbers = ssc.input_stream(Scripted::new((0..10u64).map(|n| vec![n])));
    let counts = numbers
        .map(|n| (n % 2, 1u64))
        .update_state_by_key(|new, known: Option<u64>| Some(known.unwrap_or(0) + new.iter().sum::<u64>()));
    counts.named("counts").foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    clock.advance(4 * seconds(1));
    crate::support::told(&running, 4);
    let client = Client::of(&running);
    let state = client.get("/state");
    assert_eq!((&state["numCommits"], &state["lastCommitTime"]), (&json!(4), &json!(0.0)), "the clock stood still");
    let counts = &state["operators"][0];
    assert_eq!((&counts["name"], &counts["numKeys"]), (&json!("counts"), &json!(2)));
    assert!(counts["writtenBytes"].as_u64() > counts["lastCommitBytes"].as_u64(), "{state}");
    let batch = &client.get("/batches?limit=1")[0];
    assert_eq!((&batch["commitTime"], &batch["durable"]), (&json!(0), &json!(true)));
    let metrics = client.raw("/metrics").text;
    assert!(
        metrics.lines().any(|line| line.starts_with("waterwheel_state_keys{") && line.ends_with(" 2")),
        "{metrics}"
    );
    assert!(metrics.contains("waterwheel_commit_duration_seconds_count{"));
}

#[test]
fn errors_are_json_and_say_what_would_be_right() {
    let (running, _clock) = running(config(), 1);
    let client = Client::of(&running);
    let base = client.base();
    for (path, status, told) in [
        ("/nowhere".to_owned(), 404, "openapi.json"),
        ("/api/v1/nowhere".to_owned(), 404, "openapi.json"),
        ("/api/v1/applications/other".to_owned(), 404, "no such application; the one here is local-"),
        ("/api/v1/applications/other/streaming/statistics".to_owned(), 404, "no such application"),
        (format!("{base}/batches/7"), 404, "batch 7 does not exist"),
        (format!("{base}/batches/seven"), 400, "not a number"),
        (format!("{base}/batches/99999999999999999999"), 400, "not a number"),
        (format!("{base}/batches/1431637481000/operations/9"), 404, "has no output 9"),
        (format!("{base}/receivers/9"), 404, "there is no stream 9"),
        (format!("{base}/batches?status=DONE"), 400, "QUEUED, PROCESSING, COMPLETED"),
        (format!("{base}/timelines?limit=x"), 400, "whole number"),
    ] {
        let answer = client.raw(&path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let body = answer.json();
        assert_eq!(body["status"], status, "{path}");
        assert!(body["message"].as_str().unwrap().contains(told), "{path}: {body}");
    }
    let posted = client.send("POST", &format!("{base}/statistics"), &[]);
    assert_eq!((posted.status, &posted.json()["status"]), (405, &json!(405)));
}

/// Names and numbers as they are in paths and queries, and others.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("local-1431637480000".to_owned()),
        Just("1431637481000".to_owned()),
        (0..12u32).prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u128>().prop_map(|number| number.to_string()),
        "[a-zA-Z0-9._~-]{0,12}",
        "(%[0-9A-Fa-f]{2}){1,4}",
        "%[0-9a-z]{0,2}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    let patterns: Vec<String> = document_paths();
    let filled = (prop::sample::select(patterns), prop::collection::vec(piece(), 3)).prop_map(|(pattern, pieces)| {
        let mut path = pattern;
        for piece in pieces {
            if let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
                path.replace_range(open..=close, &piece);
            }
        }
        path
    });
    let free = prop::collection::vec(piece(), 0..6).prop_map(|pieces| format!("/{}", pieces.join("/")));
    let query = prop::collection::vec(
        (prop_oneof![Just("status".to_owned()), Just("limit".to_owned()), Just("offset".to_owned()), piece()], piece()),
        0..3,
    );
    (prop_oneof![4 => filled, 1 => free], query).prop_map(|(path, query)| {
        let query: Vec<String> = query.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    })
}

/// Every path of the document but the one that does not end.
fn document_paths() -> Vec<String> {
    let document: Value = serde_json::from_str(include_str!("../../src/api/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap().keys();
    paths.filter(|path| !path.ends_with("/live")).cloned().collect()
}

/// U-4
#[test]
fn no_request_makes_the_server_fail() {
    let (running, _clock) = running(config(), 3);
    let client = Client::of(&running);
    let cases = Cases { cases: 600, failure_persistence: None, ..Cases::default() };
    let methods = prop::sample::select(vec!["GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]);
    TestRunner::new(cases)
        .run(&(methods, path()), |(method, path)| {
            let answer = client.send(method, &path, &[]);
            prop_assert!(answer.status < 500, "{} {}: {:?}", method, path, answer);
            prop_assert!(answer.headers.contains_key("content-security-policy"));
            if answer.status >= 400 && method != "HEAD" {
                prop_assert_eq!(&answer.json()["status"], &json!(answer.status));
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(client.raw("/health").status, 200, "and it still serves");
}

#[test]
fn ten_thousand_retained_batches_are_served_in_parts() {
    const BATCHES: u32 = 10_000;
    let mut config = config();
    config.ui = config.ui.with_retained_batches(BATCHES as usize);
    let (ssc, clock) = context(config);
    ssc.input_stream(Scripted::new((0..BATCHES).map(|n| vec![n]))).foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    // In steps, so that the bus has room for what is told.
    for step in 1..=100u64 {
        clock.advance(seconds(100));
        assert!(running.wait_for_batches(step * 100, crate::support::PATIENCE));
        wait_until(&running, || client.get("/statistics")["numTotalCompletedBatches"] == step * 100);
    }
    let statistics = client.get("/statistics");
    assert_eq!(
        (&statistics["numRetainedCompletedBatches"], &statistics["numDroppedEvents"]),
        (&json!(BATCHES), &json!(0))
    );
    // What the page asks for is bounded, however many are kept.
    let page = client.raw(&format!("{}/overview", client.base()));
    assert!(page.text.len() < 100_000, "{} bytes", page.text.len());
    assert_eq!(client.get("/batches?status=COMPLETED&limit=20&offset=9980").as_array().unwrap().len(), 20);
    assert_eq!(client.get("/timelines?limit=1000")["batchIds"].as_array().unwrap().len(), 1000);
    assert_eq!(client.get("/batches").as_array().unwrap().len(), 1000, "unless more are asked for");
    assert_eq!(client.get("/batches?limit=20000").as_array().unwrap().len(), BATCHES as usize);
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
