use super::*;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct View {
    page: String,
    #[serde(default)]
    user: u32,
}

fn view(page: &str, user: u32) -> View {
    View { page: page.to_owned(), user }
}

fn decode(format: BodyFormat, body: &str) -> Result<Vec<View>, BodyError> {
    decode_body(format, body.as_bytes(), 3)
}

#[test]
fn records_come_as_lines_as_an_array_or_alone() {
    let both = vec![view("/", 7), view("/home", 0)];
    for (format, body) in [
        (BodyFormat::JsonLines, "{\"page\":\"/\",\"user\":7}\r\n\n \t\n{\"page\":\"/home\"}"),
        (BodyFormat::Json, " [{\"page\":\"/\",\"user\":7},\n{\"page\":\"/home\"}]\n"),
    ] {
        assert_eq!(decode(format, body), Ok(both.clone()));
    }
    assert_eq!(decode(BodyFormat::Json, "\n{\"page\":\n\"/\"}"), Ok(vec![view("/", 0)]));
    for (format, body) in [(BodyFormat::JsonLines, ""), (BodyFormat::JsonLines, "\n\n"), (BodyFormat::Json, "[]")] {
        assert_eq!(decode(format, body), Ok(vec![]));
    }
}

#[test]
fn fault_is_named_by_line_and_column_of_the_body() {
    for (format, body, expected) in [
        (BodyFormat::JsonLines, "{\"page\":\"/\"}\n\n{\"page\": 1}", "line 3, column 10: invalid type: integer `1`"),
        (BodyFormat::JsonLines, "{\"page\":\"/\"} {}", "line 1, column 14: trailing characters"),
        (BodyFormat::JsonLines, "{\"page\":\"/\"}\n{\"page\"", "line 2, column 7: EOF while parsing"),
        (BodyFormat::Json, "[{\"page\":\"/\"},\n {\"user\":1}]", "line 2, column 11: missing field `page`"),
        (BodyFormat::Json, "[] []", "line 1, column 4: trailing characters"),
        (BodyFormat::Json, "[{\"page\":\"/\"},", "line 1, column 14: EOF while parsing a value"),
        (BodyFormat::Json, "{\"page\":\n7}", "line 2, column 1: invalid type: integer `7`"),
        (BodyFormat::Json, "", "line 1, column 0: EOF while parsing a value"),
        (BodyFormat::Json, "\"\u{0}\"", "line 1, column 2: control character"),
    ] {
        let error = decode(format, body).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{body:?}: {error}");
    }
}

#[test]
fn one_record_more_than_allowed_is_too_many() {
    let line = "{\"page\":\"/\"}";
    for (format, before, between, after) in [(BodyFormat::JsonLines, "", "\n", "\n"), (BodyFormat::Json, "[", ",", "]")]
    {
        let body = |records: usize| format!("{before}{}{after}", vec![line; records].join(between));
        assert_eq!(decode(format, &body(3)).map(|records| records.len()), Ok(3));
        assert_eq!(decode(format, &body(4)), Err(BodyError::TooMany { limit: 3 }));
    }
}

/// A body that is nothing but opening brackets would otherwise end on the stack.
#[test]
fn depth_is_limited() {
    for format in [BodyFormat::Json, BodyFormat::JsonLines] {
        let error = decode_body::<serde_json::Value>(format, &[b'['; 100_000], 10).unwrap_err().to_string();
        assert!(error.contains("recursion limit exceeded"), "{error}");
    }
}

#[test]
fn lines_of_text_are_records_and_the_last_needs_no_end() {
    for (body, expected) in
        [("", vec![]), ("a", vec!["a"]), ("a\r\n\nb\n", vec!["a", "", "b"]), ("nul\0\n\r\n", vec!["nul\0", ""])]
    {
        assert_eq!(text_lines(body.as_bytes(), 10, 10).unwrap(), expected, "{body:?}");
    }
}

#[test]
fn text_that_is_none_is_named_by_line_and_column() {
    for (body, expected) in [
        (b"ok\n\nab\xff\n".as_slice(), "line 3, column 3: the text is not valid UTF-8"),
        (b"\xc3", "line 1, column 1: the text is not valid UTF-8"),
        (b"ok\n12345678901\r\n", "line 2 has 11 bytes, the limit is 10"),
        (b"\n\n\n\n", "there are more than 3 records; send them in several requests"),
        (b"\n\n\nx", "there are more than 3 records; send them in several requests"),
    ] {
        assert_eq!(text_lines(body, 10, 3).unwrap_err().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn what_is_written_as_json_comes_back(pages in prop::collection::vec((".{0,12}", any::<u32>()), 0..20)) {
        let views: Vec<View> = pages.iter().map(|(page, user)| view(page, *user)).collect();
        let array = serde_json::to_vec(&views).unwrap();
        prop_assert_eq!(decode_body::<View>(BodyFormat::Json, &array, 20), Ok(views.clone()));
        let lines: Vec<String> = views.iter().map(|view| serde_json::to_string(view).unwrap()).collect();
        prop_assert_eq!(decode_body::<View>(BodyFormat::JsonLines, lines.join("\n").as_bytes(), 20), Ok(views));
    }
}
