//! Which bodies a stream takes, by what their headers say. Pure.

use super::body::{BodyError, BodyFormat, decode_body, text_lines};
use serde::de::DeserializeOwned;
use waterwheel_runtime::codec::MemoryBudget;

/// Makes records of a body.
pub(super) type Decode<T> = fn(&[u8], Limits<'_>) -> Result<Vec<T>, BodyError>;

/// How much of a body is decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'m> {
    pub(super) max_line: usize,
    pub(super) max_records: usize,
    pub(super) memory: &'m MemoryBudget,
}

/// The bodies that a stream takes.
pub(super) struct Formats<T> {
    /// For text: only a stream of lines has it.
    text: Option<Decode<T>>,
}

impl<T> Clone for Formats<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Formats<T> {}

impl Formats<String> {
    pub(super) fn of_lines() -> Formats<String> {
        Formats { text: Some(|body, limits| text_lines(body, limits.max_line, limits.max_records, limits.memory)) }
    }
}

impl<T: DeserializeOwned> Formats<T> {
    pub(super) fn of_json() -> Formats<T> {
        Formats { text: None }
    }

    /// What decodes a body with these headers; an error names those that could be decoded.
    pub(super) fn choose(
        &self,
        content_type: Option<&str>,
        content_encoding: Option<&str>,
    ) -> Result<Decode<T>, String> {
        let content_type_shown = content_type.map(shown);
        if let Some(encoding) = content_encoding.filter(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
            return Err(format!("the body is encoded as {:?}; send it as it is", shown(encoding)));
        }
        let unsupported = || {
            let known = "application/x-ndjson or application/json";
            let known = if self.text.is_some() { format!("text/plain, {known}") } else { known.to_owned() };
            match &content_type_shown {
                Some(content_type) => format!("the body is of type {content_type:?}; send it as {known}, in UTF-8"),
                None => format!("the type of the body is not said; send it with Content-Type: {known}"),
            }
        };
        let (kind, parameters) = match content_type {
            Some(content_type) => content_type.split_once(';').unwrap_or((content_type, "")),
            None => ("text/plain", ""),
        };
        if !parameters.split(';').all(is_utf8) {
            return Err(unsupported());
        }
        match kind.trim().to_ascii_lowercase().as_str() {
            "text/plain" => self.text.ok_or_else(unsupported),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Ok(|body, limits| decode_body(BodyFormat::JsonLines, body, limits.max_records, limits.memory))
            }
            "application/json" => {
                Ok(|body, limits| decode_body(BodyFormat::Json, body, limits.max_records, limits.memory))
            }
            _ => Err(unsupported()),
        }
    }
}

/// As much of a header as is worth showing.
fn shown(header: &str) -> String {
    header.chars().take(60).collect()
}

/// Whether a parameter of a type leaves the text UTF-8.
fn is_utf8(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.trim().is_empty() };
    let value = value.trim().trim_matches('"').to_ascii_lowercase();
    !name.trim().eq_ignore_ascii_case("charset") || ["utf-8", "utf8", "us-ascii"].contains(&value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of `["a"]` as that type; the error otherwise.
    fn decoded(formats: Formats<String>, content_type: Option<&str>, encoding: Option<&str>) -> Result<String, String> {
        let decode = formats.choose(content_type, encoding)?;
        let memory = MemoryBudget::new(1000);
        let limits = Limits { max_line: 100, max_records: 100, memory: &memory };
        Ok(decode(br#"["a"]"#, limits).map_or_else(|error| error.to_string(), |records| records.join("|")))
    }

    #[test]
    fn type_decides_how_the_body_is_read() {
        for (content_type, expected) in [
            (None, r#"["a"]"#),
            (Some("text/plain"), r#"["a"]"#),
            (Some("Text/Plain ; Charset=\"UTF-8\""), r#"["a"]"#),
            (Some("text/plain; format=flowed; charset=us-ascii;"), r#"["a"]"#),
            (Some("application/json"), "a"),
            (Some("application/json;charset=utf8"), "a"),
        ] {
            assert_eq!(decoded(Formats::of_lines(), content_type, Some("identity")).as_deref(), Ok(expected));
        }
        for content_type in ["application/x-ndjson", "application/jsonl"] {
            let error = decoded(Formats::of_lines(), Some(content_type), None).unwrap();
            assert!(error.starts_with("line 1, column 0: invalid type: sequence"), "{error}");
        }
    }

    #[test]
    fn other_types_character_sets_and_encodings_are_refused_with_what_could_be_sent() {
        for content_type in
            ["image/png", "", "text/plain; charset=latin1", "text/html", "application/json; charset=utf-16"]
        {
            let error = decoded(Formats::of_lines(), Some(content_type), None).unwrap_err();
            assert!(
                error.contains(&format!("{content_type:?}")) && error.contains("text/plain, application"),
                "{error}"
            );
        }
        let error = decoded(Formats::of_lines(), Some("text/plain"), Some("gzip")).unwrap_err();
        assert_eq!(error, "the body is encoded as \"gzip\"; send it as it is");
        let error = decoded(Formats::of_json(), None, None).unwrap_err();
        assert!(error.ends_with("send it with Content-Type: application/x-ndjson or application/json"), "{error}");
        let error = decoded(Formats::of_json(), Some("text/plain"), None).unwrap_err();
        assert!(error.ends_with("send it as application/x-ndjson or application/json, in UTF-8"), "{error}");
    }
}
