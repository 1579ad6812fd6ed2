//! The description of the interface is a valid OpenAPI document, and what is answered is what it says.

use crate::support::{Client, config, running};
use boon::{Compiler, Schemas};
use serde_json::{Value, json};

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
    let document = document();
    let batch = client.get("/batches")[0]["batchId"].to_string();
    let app = client.base().split('/').nth(4).unwrap().to_owned();
    let mut judged = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path.ends_with("/live") || methods.get("get").is_none() {
            continue;
        }
        let filled =
            path.replace("{app}", &app).replace("{batch}", &batch).replace("{stream}", "1").replace("{output}", "0");
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
