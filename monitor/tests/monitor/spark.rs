//! Rows of Spark's `StreamingListenerSuite` and UI suites that need a running program.

use crate::support::{Client, config, context, running, told, troubled, wait_until};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::Arc;
use waterwheel_monitor::StartMonitored;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// batch info reporting: four batches of one record.
#[test]
fn batches_have_their_delays_records_and_times() {
    let (ssc, clock) = context(config());
    ssc.input_stream(Scripted::new((1..=4).map(|n| vec![n]))).foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    clock.advance(4 * seconds(1));
    told(&running, 4);
    let batches = Client::of(&running).get("/batches?status=COMPLETED");
    assert_eq!(batches.as_array().unwrap().len(), 4);
    for batch in batches.as_array().unwrap() {
        assert_eq!((&batch["inputSize"], &batch["inputSizes"]), (&json!(1), &json!({"0": 1})));
        assert!(batch["schedulingDelay"].is_u64() && batch["processingTime"].is_u64() && batch["totalDelay"].is_u64());
        assert_eq!(batch["batchDuration"], 1000);
    }
    let times: Vec<i64> = batches.as_array().unwrap().iter().map(|batch| batch["batchId"].as_i64().unwrap()).collect();
    let zero = 1_431_637_480_000;
    assert_eq!(times, [zero + 4000, zero + 3000, zero + 2000, zero + 1000], "the newest first");
}

/// receiver info reporting.
#[test]
fn a_receiver_that_ends_with_an_error_is_inactive_and_says_why() {
    let (running, _clock) = running(config(), 1);
    let receivers = Client::of(&running).get("/receivers");
    let [numbers, gauge] = receivers.as_array().unwrap().as_slice() else { panic!("{receivers}") };
    assert_eq!((&numbers["streamName"], &numbers["isActive"]), (&json!("numbers"), &Value::Null));
    assert_eq!(
        (&gauge["streamName"], &gauge["streamId"], &gauge["isActive"]),
        (&json!("gauge"), &json!(1), &json!(false))
    );
    assert_eq!((&gauge["numStarts"], &gauge["numErrors"]), (&json!(1), &json!(1)));
    assert!(gauge["lastError"].as_str().unwrap().contains("report error"), "{gauge}");
    assert!(gauge["lastErrorTime"].as_str().unwrap().starts_with("2015-05-14T21:04:4"), "{gauge}");
}

/// receiver info reporting: an error that does not end the receiver.
#[test]
fn a_receiver_that_reports_an_error_and_goes_on_is_active_with_its_last_error() {
    let (ssc, _clock) = context(config());
    ssc.receiver_stream("reporting", StorageLevel::MemoryOnly, || Reporting).named("reporting").foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    wait_until(&running, || client.get("/receivers/0")["numErrors"] == 1);
    let receiver = client.get("/receivers/0");
    assert_eq!((&receiver["isActive"], &receiver["numStarts"]), (&json!(true), &json!(1)), "{receiver}");
    assert_eq!(receiver["lastErrorMessage"], "report error");
    assert_eq!(receiver["lastError"], "report error\nreport exception");
    assert!(receiver["lastErrorTime"].as_str().unwrap().starts_with("2015-05-14T21:04:4"), "{receiver}");
    assert_eq!(client.get("/statistics")["numActiveReceivers"], 1);
    let text = client.raw("/metrics").text;
    for (metric, expected) in
        [("receiver_active", "1"), ("receiver_errors_total", "1"), ("receiver_restarts_total", "0")]
    {
        let line = text.lines().find(|line| line.starts_with(&format!("waterwheel_{metric}{{"))).unwrap();
        assert_eq!(line.rsplit(' ').next(), Some(expected), "{line}");
    }
    running.stop(Stop::Graceful).unwrap();
}

/// A receiver that reports an error and goes on.
struct Reporting;

impl Receiver for Reporting {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        handle.report_error("report error\nreport exception");
        handle.stopped().await;
        Ok(())
    }
}

/// DStreamScopeSuite: operators are called after the method that the user called, also those that are made of others.
#[test]
fn operators_are_named_after_the_methods_of_the_user_and_compound_ones_by_the_outer_name() {
    let (ssc, _clock) = context(config());
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let numbers = ssc.input_stream(Scripted::new([vec![1]]));
    numbers.map(|number| number + 1).count_by_window(2 * seconds(1), seconds(1)).foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    let operators = Client::of(&running).get("/operators");
    let told =
        operators.as_array().unwrap().iter().map(|it| (it["name"].as_str().unwrap(), it["kind"].as_str().unwrap()));
    let expected =
        [("input_stream-1", "input"), ("map-1", "operator"), ("count_by_window-1", "operator"), ("output-1", "output")];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    for operator in operators.as_array().unwrap() {
        assert!(operator["definedBy"].as_str().unwrap().contains("spark.rs"), "{operator}");
    }
}

/// output operation reporting; onBatchCompleted with a failed batch.
#[test]
fn outputs_have_ids_in_order_and_the_reasons_of_their_failures() {
    let (running, _clock) = running(config(), 3);
    let client = Client::of(&running);
    let batches = client.get("/batches?status=COMPLETED");
    let failed: Vec<&Value> =
        batches.as_array().unwrap().iter().filter(|batch| !batch["firstFailureReason"].is_null()).collect();
    let [failed] = failed.as_slice() else { panic!("{batches}") };
    assert!(failed["firstFailureReason"].as_str().unwrap().contains("This is a failed job"), "{failed}");
    assert_eq!((&failed["numTotalOutputOps"], &failed["numFailedOutputOps"]), (&json!(4), &json!(1)));
    let operations = client.get(&format!("/batches/{}/operations", failed["batchId"]));
    let told: Vec<(u64, &str)> = operations
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["outputOpId"].as_u64().unwrap(), it["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(0, "SUCCEEDED"), (1, "SUCCEEDED"), (2, "FAILED"), (3, "SUCCEEDED")]);
    let third = client.get(&format!("/batches/{}/operations/2", failed["batchId"]));
    assert_eq!(third, operations[2]);
    assert!(third["description"].as_str().unwrap().contains("support.rs"), "the user's line: {third}");
}

/// The jobs of an output, with their stages and tasks: what Spark's page of a batch shows.
#[test]
fn an_output_tells_its_jobs_with_stages_and_tasks() {
    let (ssc, clock) = context(config());
    let words = ssc.input_stream(Scripted::new([vec!["to", "be", "to"]]));
    words.map(|word| (word.to_owned(), 1u64)).reduce_by_key(|one, other| one + other).foreach_rdd(
        |counts: Rdd<(String, u64)>| -> Result<(), JobError> {
            counts.count()?;
            counts.collect().map(drop)
        },
    );
    let running = ssc.start_monitored().unwrap();
    clock.advance(seconds(1));
    told(&running, 1);
    let client = Client::of(&running);
    let batch = client.get("/batches")[0]["batchId"].clone();
    let jobs = client.get(&format!("/batches/{batch}/operations/0"))["jobs"].clone();
    let [count, collect] = jobs.as_array().unwrap().as_slice() else { panic!("{jobs}") };
    assert!(count["description"].as_str().unwrap().starts_with("count at"), "{count}");
    assert_eq!((&count["numCompletedStages"], &count["numTotalStages"]), (&json!(2), &json!(2)));
    assert!(count["stages"][0]["shuffle"].as_str().unwrap().starts_with("reduce_by_key at"), "{count}");
    assert_eq!(count["stages"][1]["shuffle"], Value::Null);
    assert_eq!(count["numCompletedTasks"], count["numTotalTasks"]);
    assert_eq!(collect["numTotalStages"], 1, "what was shuffled is there already: {collect}");
    let operators = client.get("/operators");
    let shuffling: Vec<&str> = operators
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["numShuffles"].as_u64().unwrap() > 0)
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(shuffling, ["reduce_by_key-1"]);
}

/// Remove the old completed batches when exceeding the limit.
#[test]
fn as_many_completed_batches_are_shown_as_are_retained() {
    let mut config = config();
    config.ui = config.ui.with_retained_batches(5);
    let (running, _clock) = running(config, 12);
    let client = Client::of(&running);
    assert_eq!(client.get("/batches?status=COMPLETED").as_array().unwrap().len(), 5);
    let statistics = client.get("/statistics");
    assert_eq!(
        (&statistics["numTotalCompletedBatches"], &statistics["numRetainedCompletedBatches"]),
        (&json!(12), &json!(5))
    );
    assert_eq!(statistics["numProcessedRecords"], 24);
    let gone = client.raw(&format!("{}/batches/1431637481000", client.base()));
    assert_eq!(gone.status, 404);
    assert!(gone.json()["message"].as_str().unwrap().contains("does not exist"), "{gone:?}");
}

/// attaching and detaching a Streaming tab.
#[test]
fn the_page_is_there_from_the_start_to_the_end_of_the_program() {
    let (ssc, _clock) = context(config());
    troubled(&ssc);
    let running = ssc.start_monitored().unwrap();
    let address = running.address().unwrap();
    for path in ["/", "/streaming", "/streaming/", "/batch", "/streaming/batch/?id=1", "/assets/page.css"] {
        assert_eq!(Client::of(&running).raw(path).status, 200, "{path}");
    }
    let page = Client::of(&running).raw("/").text;
    for head in ["Streaming Statistics", "Timelines", "Histograms", "Active Batches", "Completed Batches"] {
        assert!(page.contains(head), "{head}");
    }
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(Client::of(&running).raw("/health").json()["status"], "STOPPED", "it tells of the end");
    drop(running);
    assert!(TcpStream::connect(address).is_err(), "nothing is served any more");
}

#[test]
fn nothing_is_served_where_it_is_turned_off() {
    let mut config = config();
    config.ui = config.ui.with_enabled(false);
    let (ssc, _clock) = context(config);
    troubled(&ssc);
    let running = ssc.start_monitored().unwrap();
    assert_eq!((running.address(), running.url()), (None, None));
    running.stop(Stop::Graceful).unwrap();
}

/// What is wrong in a program is told by its start, monitored or not.
#[test]
fn a_program_that_cannot_start_tells_so_and_leaves_no_page_behind() {
    let (ssc, _clock) = context(config());
    let error = ssc.start_monitored().unwrap_err().to_string();
    assert!(error.contains("no output operation") && error.contains("spark.rs"), "{error}");
}
