//! The figures agree with each other, errors are JSON, and no request makes the server fail.

use crate::support::{Client, config, context, running, wait_until};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use std::sync::Arc;
use waterwheel_monitor::StartMonitored;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;
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
    for (method, path, allowed) in [
        ("POST", format!("{base}/statistics"), "GET, HEAD"),
        ("DELETE", "/metrics".to_owned(), "GET, HEAD"),
        ("PUT", "/".to_owned(), "GET, HEAD"),
        ("GET", format!("{base}/stop"), "POST"),
        ("HEAD", format!("{base}/stop"), "POST"),
    ] {
        let answer = client.send(method, &path, &[]);
        assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, allowed), "{method} {path}");
        if method != "HEAD" {
            let body = answer.json();
            assert_eq!(body["status"], 405);
            assert!(body["message"].as_str().unwrap().contains(method), "{body}");
        }
    }
}

/// U-13
#[test]
fn the_head_of_everything_that_can_be_looked_at_is_that_of_the_whole() {
    let (running, _clock) = running(config(), 2);
    let client = Client::of(&running);
    let base = client.base();
    let batch = client.get("/batches")[0]["batchId"].to_string();
    let app = base.split('/').nth(4).unwrap();
    let filled = document_paths(|_| true).into_iter().filter(|path| !path.ends_with("/stop")).map(|path| {
        path.replace("{app}", app).replace("{batch}", &batch).replace("{stream}", "1").replace("{output}", "0")
    });
    let page = ["/", "/streaming/", "/batch?id=1", "/assets/index.js", "/assets/page.css", "/assets/uPlot.js"];
    let wrong = ["/nowhere".to_owned(), format!("{base}/batches/7"), format!("{base}/batches/seven")];
    for path in filled.chain(page.map(str::to_owned)).chain(wrong) {
        let head = client.send("HEAD", &path, &[]);
        assert_eq!(head.text, "", "{path}");
        if path.ends_with("/live") {
            // It ends, unlike the body.
            assert_eq!((head.status, head.headers["content-type"].to_str().unwrap()), (200, "text/event-stream"));
            continue;
        }
        let whole = client.raw(&path);
        assert_eq!(head.status, whole.status, "{path}");
        for name in ["content-type", "cache-control", "content-security-policy"] {
            assert_eq!(head.headers[name], whole.headers[name], "{path}: {name}");
        }
    }
}

/// Names and numbers as they are in paths and queries, and others.
pub(crate) fn piece() -> impl Strategy<Value = String> {
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
    let patterns: Vec<String> = document_paths(|path| !path.ends_with("/live"));
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

/// Those paths of the document.
pub(crate) fn document_paths(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let document: Value = serde_json::from_str(include_str!("../../src/api/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap().keys();
    paths.filter(|path| wanted(path)).cloned().collect()
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
