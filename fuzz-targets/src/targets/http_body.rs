//! Records out of the JSON that clients post.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use waterwheel_receivers::http::{BodyError, BodyFormat, decode_body};

const MAX_RECORDS: usize = 8;

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
        check(decode_body::<View>(format, bytes, MAX_RECORDS), bytes);
        check(decode_body::<(String, i8)>(format, bytes, MAX_RECORDS), bytes);
    }
}

fn check<T>(decoded: Result<Vec<T>, BodyError>, bytes: &[u8]) {
    match decoded {
        Ok(records) => assert!(records.len() <= MAX_RECORDS),
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
    ];
    bodies.map(|body| body.as_bytes().to_vec()).into()
}
