//! Records out of the JSON that clients post.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use waterwheel_receivers::http::{BodyError, BodyFormat, decode_body};
use waterwheel_runtime::codec::MemoryBudget;
use waterwheel_runtime::weight;

const MAX_RECORDS: usize = 8;

const MAX_MEMORY: usize = 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct View {
    page: String,
    user: Option<u32>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    times: BTreeMap<String, f64>,
}

pub(super) fn run(bytes: &[u8]) {
    for format in [BodyFormat::Json, BodyFormat::JsonLines] {
        check::<View>(format, bytes);
        check::<(String, i8)>(format, bytes);
        check::<Vec<Vec<u64>>>(format, bytes);
    }
}

fn check<T: Serialize + DeserializeOwned>(format: BodyFormat, bytes: &[u8]) {
    let memory = MemoryBudget::new(MAX_MEMORY);
    match decode_body::<T>(format, bytes, MAX_RECORDS, &memory) {
        Ok(records) => {
            assert!(records.len() <= MAX_RECORDS && memory.used() <= MAX_MEMORY);
            assert!(weight::of_contents(&records) <= 2 * memory.used());
        }
        Err(error) => {
            if let BodyError::Wrong { line, column, .. } = &error {
                let lines = bytes.split(|byte| *byte == b'\n').nth(line - 1);
                // The end of a line is a place as well.
                assert!(lines.is_some_and(|line| *column <= line.len() + 1), "{error} in {bytes:?}");
            }
            assert!(error.to_string().len() < 1000, "the body is in the message");
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let bodies = [
        r#"[{"page":"/","user":7},{"page":"/a","user":null,"tags":["x",""]}]"#,
        "{\"page\":\"/\",\"user\":7}\r\n\n{\"page\":\"\\u00f6\",\"times\":{\"a\":1e3}}\n",
        r#"["key",-1]"#,
        "[[\"key\",127],\n[\"\\ud83d\\udca7\",128]]",
        "[\"a\",1]\n[\"b\",2]\n[\"c\",3]\n[\"d\",4]\n[\"e\",5]\n[\"f\",6]\n[\"g\",7]\n[\"h\",8]\n[\"i\",9]\n",
        "[[[[[[[[[[[[[[[[",
        "{\"page\":\"/\",\"user\":99999999999999999999}",
        // A few bytes each, and two dozen as memory.
        "[[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]]",
        "[[[1,2],[3]],[[],[]]]",
    ];
    bodies.map(|body| body.as_bytes().to_vec()).into()
}
