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

/// More than any of these bodies takes.
fn plenty() -> MemoryBudget {
    MemoryBudget::new(1 << 20)
}

fn decode(format: BodyFormat, body: &str) -> Result<Vec<View>, BodyError> {
    decode_body(format, body.as_bytes(), 3, &plenty())
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
        let error = decode_body::<serde_json::Value>(format, &[b'['; 100_000], 10, &plenty()).unwrap_err().to_string();
        assert!(error.contains("recursion limit exceeded"), "{error}");
    }
}

/// A few bytes of JSON each, and much memory.
#[test]
fn records_that_take_much_more_memory_than_bytes_are_refused_before_they_take_it() {
    #[expect(clippy::large_enum_variant, reason = "what makes it dear is the point")]
    #[derive(Debug, Clone, PartialEq, Deserialize)]
    enum Wide {
        Empty,
        Full([u64; 32]),
    }
    let hundred = |element: &str, between: &str| vec![element; 100].join(between);
    let lists = format!("[{}]", hundred("", "[],").trim_end_matches(','));
    let wide = format!("[{}]", hundred("\"Empty\"", ","));
    let limit = 1000;
    for (body, format) in [(&lists, BodyFormat::Json), (&lists, BodyFormat::JsonLines)] {
        let memory = MemoryBudget::new(limit);
        let refused = decode_body::<Vec<Vec<u64>>>(format, body.as_bytes(), 1000, &memory);
        assert_eq!(refused, Err(BodyError::TooHeavy { limit }), "{body}");
        assert!(memory.used() < 2 * limit, "it went on");
    }
    for (body, format) in [(&wide, BodyFormat::Json), (&hundred("\"Empty\"", "\n"), BodyFormat::JsonLines)] {
        let memory = MemoryBudget::new(limit);
        let refused = decode_body::<Wide>(format, body.as_bytes(), 1000, &memory);
        assert_eq!(refused, Err(BodyError::TooHeavy { limit }), "{body}");
        let memory = MemoryBudget::new(100 * limit);
        assert_eq!(decode_body::<Wide>(format, body.as_bytes(), 1000, &memory).map(|all| all.len()), Ok(100));
        assert!(memory.used() >= 100 * size_of::<Wide>());
    }
    assert_eq!(text_lines(&[b'\n'; 100], 10, 1000, &MemoryBudget::new(2399)), Err(BodyError::TooHeavy { limit: 2399 }));
    assert_eq!(text_lines(b"abc\n", 10, 1000, &MemoryBudget::new(55)), Err(BodyError::TooHeavy { limit: 55 }));
    assert!(text_lines(b"abc\n", 10, 1000, &MemoryBudget::new(56)).is_ok());
}

#[test]
fn lines_of_text_are_records_and_the_last_needs_no_end() {
    for (body, expected) in
        [("", vec![]), ("a", vec!["a"]), ("a\r\n\nb\n", vec!["a", "", "b"]), ("nul\0\n\r\n", vec!["nul\0", ""])]
    {
        assert_eq!(text_lines(body.as_bytes(), 10, 10, &plenty()).unwrap(), expected, "{body:?}");
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
        assert_eq!(text_lines(body, 10, 3, &plenty()).unwrap_err().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn what_is_written_as_json_comes_back(pages in prop::collection::vec((".{0,12}", any::<u32>()), 0..20)) {
        let views: Vec<View> = pages.iter().map(|(page, user)| view(page, *user)).collect();
        let array = serde_json::to_vec(&views).unwrap();
        prop_assert_eq!(decode_body::<View>(BodyFormat::Json, &array, 20, &plenty()), Ok(views.clone()));
        let lines: Vec<String> = views.iter().map(|view| serde_json::to_string(view).unwrap()).collect();
        prop_assert_eq!(decode_body::<View>(BodyFormat::JsonLines, lines.join("\n").as_bytes(), 20, &plenty()), Ok(views));
    }
}
