//! Records out of a body. Pure.

use memchr::memchr_iter;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use waterwheel_runtime::codec::{MemoryBudget, deserialize_within};
use waterwheel_runtime::weight::allocation;

/// Characters of a problem that are shown.
const SHOWN: usize = 200;

/// How the records are written in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyFormat {
    /// The JSON value of each line that is not blank.
    JsonLines,
    /// The elements of a JSON array; or one record, when it is anything else.
    Json,
}

/// Why a body has no records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Something in it is not what it should be.
    #[error("line {line}, column {column}: {problem}")]
    Wrong {
        /// The line, from 1.
        line: usize,
        /// The last byte of the line that was read, from 1; 0 when none was.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A line of text is too long.
    #[error("line {line} has {bytes} bytes, the limit is {limit}")]
    LineTooLong {
        /// The line, from 1.
        line: usize,
        /// Its length in bytes.
        bytes: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// Its records take more memory than they may.
    #[error("the records take more than {limit} bytes of memory; send them in several requests")]
    TooHeavy {
        /// The most that is allowed.
        limit: usize,
    },
    /// It has more records than it may.
    #[error("there are more than {limit} records; send them in several requests")]
    TooMany {
        /// The most that are allowed.
        limit: usize,
    },
}

/// The records of a body of JSON, at most `max_records`. What they take of memory is taken of `memory`, as they come: `[],` is three
/// bytes, and may stand for a hundred.
///
/// ```
/// use waterwheel_receivers::http::{BodyFormat, decode_body};
/// use waterwheel_runtime::codec::MemoryBudget;
///
/// let memory = MemoryBudget::new(1000);
/// let pairs = decode_body::<(String, u32)>(BodyFormat::JsonLines, b"[\"tide\", 1]\n[\"ebb\", 2]\n", 100, &memory)?;
/// assert_eq!(pairs[1], ("ebb".to_owned(), 2));
/// let error = decode_body::<u32>(BodyFormat::Json, b"[1,\n 2, three]", 100, &memory).unwrap_err();
/// assert_eq!(error.to_string(), "line 2, column 6: expected ident");
/// # Ok::<(), waterwheel_receivers::http::BodyError>(())
/// ```
///
/// # Errors
/// [`BodyError`], for the first fault.
pub fn decode_body<T: DeserializeOwned>(
    format: BodyFormat,
    body: &[u8],
    max_records: usize,
    memory: &MemoryBudget,
) -> Result<Vec<T>, BodyError> {
    let records = match format {
        BodyFormat::JsonLines => json_lines(body, max_records, memory),
        BodyFormat::Json => json(body, max_records, memory),
    };
    // Whatever the decoder says of it.
    if memory.is_exceeded() { Err(too_heavy(memory)) } else { records }
}

fn too_heavy(memory: &MemoryBudget) -> BodyError {
    BodyError::TooHeavy { limit: memory.limit() }
}

fn json_lines<T: DeserializeOwned>(
    body: &[u8],
    max_records: usize,
    memory: &MemoryBudget,
) -> Result<Vec<T>, BodyError> {
    let mut records = Vec::new();
    for (number, line) in (1..).zip(lines(body)) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if records.len() == max_records {
            return Err(BodyError::TooMany { limit: max_records });
        }
        records.push(alone(line, memory).map_err(|error| wrong(number, &error))?);
    }
    Ok(records)
}

/// The one value in `text`.
fn alone<T: DeserializeOwned>(text: &[u8], memory: &MemoryBudget) -> Result<T, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = deserialize_within(PhantomData, &mut json, memory)?;
    json.end()?;
    // If it is one too many it is told by whoever asks for the memory next.
    memory.take(size_of::<T>());
    Ok(value)
}

fn json<T: DeserializeOwned>(body: &[u8], max_records: usize, memory: &MemoryBudget) -> Result<Vec<T>, BodyError> {
    let array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !array {
        return alone(body, memory).map(|record| vec![record]).map_err(|error| wrong(1, &error));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut exceeded = false;
    let elements = Elements { max_records, exceeded: &mut exceeded, records: PhantomData };
    let records = deserialize_within(elements, &mut json, memory);
    let records = records.and_then(|records| json.end().map(|()| records));
    match records {
        Err(_) if exceeded => Err(BodyError::TooMany { limit: max_records }),
        records => records.map_err(|error| wrong(1, &error)),
    }
}

/// What the decoder says of JSON that begins at line `first`.
fn wrong(first: usize, error: &serde_json::Error) -> BodyError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    // What is quoted of the body may be all of it.
    let problem = text.strip_suffix(&place).unwrap_or(&text).chars().take(SHOWN).collect();
    BodyError::Wrong { line: first + line.saturating_sub(1), column, problem }
}

/// A list of no more elements than allowed.
struct Elements<'a, T> {
    max_records: usize,
    exceeded: &'a mut bool,
    records: PhantomData<fn() -> T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Elements<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Elements<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut records = Vec::new();
        while let Some(record) = elements.next_element()? {
            if records.len() == self.max_records {
                *self.exceeded = true;
                return Err(A::Error::custom("too many"));
            }
            records.push(record);
        }
        Ok(records)
    }
}

/// The records of a body of text, at most `max_records`: its lines, each of at most `max_line` bytes.
pub(super) fn text_lines(
    body: &[u8],
    max_line: usize,
    max_records: usize,
    memory: &MemoryBudget,
) -> Result<Vec<String>, BodyError> {
    let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
    let ends = memchr_iter(b'\n', body).count() + usize::from(body.last().is_some_and(|last| *last != b'\n'));
    if ends > max_records {
        return Err(BodyError::TooMany { limit: max_records });
    }
    if !memory.take(ends * size_of::<String>()) {
        return Err(too_heavy(memory));
    }
    let mut records = Vec::with_capacity(ends);
    for (number, line) in (1..).zip(text.split_terminator('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.len() > max_line {
            return Err(BodyError::LineTooLong { line: number, bytes: line.len(), limit: max_line });
        }
        if !memory.take(allocation(line.len())) {
            return Err(too_heavy(memory));
        }
        records.push(line.to_owned());
    }
    Ok(records)
}

fn not_utf8(body: &[u8], at: usize) -> BodyError {
    let before = body.get(..at).unwrap_or_default();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = memchr_iter(b'\n', before).count() + 1;
    BodyError::Wrong { line, column: at - start + 1, problem: "the text is not valid UTF-8".to_owned() }
}

/// The lines of JSON, without their ends.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests;
