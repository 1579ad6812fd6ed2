//! The description of the interface is a valid OpenAPI document, and what is answered is what it says.

use crate::rest::{document_paths, piece};
use crate::support::{Client, PATIENCE, config, context, gate, running, wait_until};
use boon::{Compiler, Schemas};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use std::sync::Arc;
use waterwheel_monitor::StartMonitored;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::{FileMode, FileOptions, FileSource, GeneratorSource};
use waterwheel_runtime::durable::MemoryStorage;

const DOCUMENT: &str = include_str!("../../src/api/openapi.json");

/// The schema of OpenAPI 3.1 itself, from https://spec.openapis.org (Apache-2.0).
const OPENAPI: &str = include_str!("../schemas/openapi-3.1.json");

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

#[test]
fn the_document_is_valid() {
    let schema: Value = serde_json::from_str(OPENAPI).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("file:///openapi.json", schema).unwrap();
    let index = compiler.compile("file:///openapi.json", &mut schemas).unwrap();
    let document = document();
    schemas.validate(&document, index).unwrap_or_else(|error| panic!("{error:#}"));
    let mut wrong = document.clone();
    wrong["paths"]["/metrics"]["get"]["responses"] = json!("none");
    assert!(schemas.validate(&wrong, index).is_err(), "the schema judges");
}

/// Whether `value` is as the schema at this place of the document says.
#[track_caller]
fn check(document: &Value, pointer: &str, value: &Value) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("file:///document.json", document.clone()).unwrap();
    let index = compiler.compile(&format!("file:///document.json#{pointer}"), &mut schemas).unwrap();
    schemas.validate(value, index).unwrap_or_else(|error| panic!("{pointer}: {error:#}\n{value:#}"));
}

#[test]
fn every_answer_is_as_the_document_says() {
    let (running, _clock) = running(config(), 4);
    let client = Client::of(&running);
    let batch = client.get("/batches")[0]["batchId"].to_string();
    every_answer(&client, &batch);
}

/// What is null, empty or missing in the program above is there, and a batch is under way.
#[test]
#[expect(clippy::disallowed_methods, reason = "the files are those that the program reads")]
fn every_answer_of_a_program_with_state_files_receivers_and_a_batch_that_runs_is_as_the_document_says() {
    let home = tempfile::tempdir().unwrap();
    let (ssc, clock) = context(config());
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let (pass, go, begins) = gate();
    let options = FileOptions::default().mode(FileMode::Renamed);
    let lines = ssc.text_file_stream_with(home.path(), options).map(|line| (line, 1u64));
    let counts =
        lines.update_state_by_key(|new, known: Option<u64>| Some(known.unwrap_or(0) + new.iter().sum::<u64>()));
    counts.foreach_rdd(move |_| pass());
    ssc.generator_stream(10, 1, |number, _| number).foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    for (number, name) in ["a", "b"].into_iter().enumerate() {
        let unfinished = home.path().join(format!(".{name}"));
        std::fs::write(&unfinished, "to be\n").unwrap();
        std::fs::rename(&unfinished, home.path().join(name)).unwrap();
        clock.advance(seconds(1));
        begins.recv_timeout(PATIENCE).unwrap();
        if number == 0 {
            go.send(()).unwrap();
            assert!(running.wait_for_batches(1, PATIENCE));
        }
    }
    wait_until(&running, || client.get("/batches?status=PROCESSING").as_array().unwrap().len() == 1);
    let batches = client.get("/batches");
    let [runs, done] = batches.as_array().unwrap().as_slice() else { panic!("{batches}") };
    for batch in [runs, done] {
        every_answer(&client, &batch["batchId"].to_string());
    }
    let of = |batch: &Value| client.get(&format!("/batches/{}", batch["batchId"]))["inputMetadata"].clone();
    let name = format!("{}, bytes 0 to 6", home.path().join("a").display());
    let expected = json!([{ "streamId": 0, "description": name, "parts": [name], "numOmittedParts": 0 }]);
    assert_eq!((of(done), of(runs)), (expected, json!([])), "it is told at the end");
    assert_eq!(done["inputMetadata"], Value::Null, "where there are many it is left out");
    let output = client.get(&format!("/batches/{}/operations/0", runs["batchId"]));
    assert_eq!((&output["status"], &output["endTime"]), (&json!("PROCESSING"), &Value::Null));
    assert_eq!(output["startTime"], runs["batchTime"], "it says since when it runs");
    drop(go);
    running.stop(Stop::Immediate).unwrap();
    every_answer_but(&client, &done["batchId"].to_string(), &["/health", "/ready"]);
}

/// U-13
///
/// Whatever is asked for, the answer has a status that the document names for the path, and the form that it gives for that.
#[test]
fn answers_to_whatever_is_asked_for_are_as_the_document_says() {
    let (running, _clock) = running(config(), 3);
    let (client, document) = (Client::of(&running), document());
    let app = client.base().split('/').nth(4).unwrap().to_owned();
    let paths = document_paths(|path| path.contains('{') && !path.ends_with("/live") && !path.ends_with("/stop"));
    let apps = prop_oneof![9 => Just(app), 1 => piece()];
    let asked = (
        prop::sample::select(paths),
        apps,
        piece(),
        piece(),
        prop_oneof![3 => Just(None), 1 => piece().prop_map(Some)],
    );
    let cases = Cases { cases: 300, failure_persistence: None, ..Cases::default() };
    TestRunner::new(cases)
        .run(&asked, |(path, app, one, other, query)| {
            let filled = path.replace("{app}", &app).replace("{batch}", &one).replace("{stream}", &one);
            let filled = filled.replace("{output}", &other);
            let filled = query.map_or(filled.clone(), |query| format!("{filled}?{query}"));
            let answer = client.raw(&filled);
            let responses = &document["paths"][&path]["get"]["responses"];
            // A piece may be empty, or end the path: that is another path.
            let described = responses.get(answer.status.to_string()).is_some();
            prop_assert!(described || answer.status == 404, "{}: {:?}", filled, answer);
            let pointer = match described {
                true => {
                    let escaped = path.replace('~', "~0").replace('/', "~1");
                    format!("/paths/{escaped}/get/responses/{}/content/application~1json/schema", answer.status)
                }
                false => "/components/schemas/Error".to_owned(),
            };
            // An empty piece asks for the list in place of the one.
            if answer.status != 200 || !filled.contains("//") && !filled.ends_with('/') {
                check(&document, &pointer, &answer.json());
            }
            Ok(())
        })
        .unwrap();
}

fn every_answer(client: &Client, batch: &str) {
    every_answer_but(client, batch, &[]);
}

fn every_answer_but(client: &Client, batch: &str, without: &[&str]) {
    let document = document();
    let app = client.base().split('/').nth(4).unwrap().to_owned();
    let mut judged = without.len();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path.ends_with("/live") || methods.get("get").is_none() || without.contains(&path.as_str()) {
            continue;
        }
        let filled =
            path.replace("{app}", &app).replace("{batch}", batch).replace("{stream}", "1").replace("{output}", "0");
        let answer = client.raw(&filled);
        assert_eq!(answer.status, 200, "{filled}: {answer:?}");
        let escaped = path.replace('~', "~0").replace('/', "~1");
        if answer.headers["content-type"].to_str().unwrap().starts_with("application/json") {
            let pointer = format!("/paths/{escaped}/get/responses/200/content/application~1json/schema");
            check(&document, &pointer, &answer.json());
            judged += 1;
        }
    }
    let in_json = |methods: &&Value| methods["get"]["responses"]["200"]["content"].get("application/json").is_some();
    assert_eq!(judged, document["paths"].as_object().unwrap().values().filter(in_json).count());
    check(&document, "/components/schemas/Error", &client.raw("/nowhere").json());
    let names = document["components"]["schemas"].as_object().unwrap().keys();
    for name in names {
        assert!(DOCUMENT.contains(&format!("#/components/schemas/{name}\"")), "{name} is used nowhere");
    }
}
