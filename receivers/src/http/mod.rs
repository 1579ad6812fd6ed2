//! Streams that clients push records into by HTTP: `http_text_stream` and `http_stream`. Behind the feature `http`.
//!
//! The context is the server. A `POST` of a body of records stores all of them, together and in order, or none, and is answered
//! with their number:
//!
//! ```text
//! curl -H 'Content-Type: text/plain' --data-binary @lines.txt 'http://127.0.0.1:8080/?acknowledge=stored'
//! {"records":1024}
//! ```
//!
//! | `Content-Type` | records |
//! | --- | --- |
//! | `text/plain` | lines, also empty ones; for `http_text_stream` only, where it is what no type means |
//! | `application/x-ndjson`, `application/jsonl` | the JSON value of each line; blank lines are none |
//! | `application/json` | the elements of a JSON array; or one record, when the body is anything else |
//!
//! | answer | when | what became of the records |
//! | --- | --- | --- |
//! | 202 | they are in the memory of this process | stored |
//! | 200 | with `?acknowledge=stored`, or so by default: their block is in the ledger, and in the block log if there is one | stored |
//! | 400 | a record cannot be decoded, named by line and column; a query cannot be understood | not stored |
//! | 404, 405 | another path; another method | |
//! | 408 | the body took longer than it may | not stored |
//! | 413 | the body is too long, has too many records, records that take too much memory, or a line that is too long | not stored |
//! | 415 | the type, character set or encoding of the body is not among those above | not stored |
//! | 429 | the stream has no room; with `Retry-After` in seconds | not stored |
//! | 500 | the decoding of a record panicked | not stored |
//! | 503 | the program is stopping | not stored; with `acknowledge=stored` they may be |
//! | 504 | with `acknowledge=stored`: storing took longer than `receiver.store_timeout` | in memory; they may be stored later |
//!
//! Every answer but the first two has a JSON object with the `error`, and `line` and `column` where there is one. A client that
//! gets no answer, or 504, and sends again may have its records stored twice.
//!
//! **Bounds.** Each request, connection and wait has a limit; see [`HttpOptions`]. The head of a request has at most 128 KiB and 96
//! headers. What the bodies on their way take together is limited as well, and of their records no more memory is taken than the
//! stream allows. A request never waits for room longer than [`HttpOptions::patience`].
//!
//! **Trust.** There is no authentication and no TLS: an address that other machines reach is refused unless
//! [`HttpOptions::beyond_this_machine`] says that it is meant, and what listens there belongs behind a proxy. What clients send is not trusted. Requests that are refused are counted
//! ([`HttpEndpoint::counts`]), and reported once an hour for each address that sends them.
//!
//! **Life.** The port is taken while the program is built, so that [`HttpStream::local_addr`] is known before the start, and an
//! address that cannot be had is a misuse that `start` returns. Requests are answered from the start on. When the program stops,
//! those that are being stored are finished, and all others are answered with 503.

mod answer;
mod body;
mod connections;
mod counts;
mod endpoint;
mod formats;
mod options;
mod reading;
mod server;
mod service;
mod source;

pub use body::{BodyError, BodyFormat, decode_body};
pub use counts::HttpCounts;
pub use endpoint::HttpEndpoint;
pub use options::{Acknowledge, HttpOptions};
pub use source::{HttpSource, HttpStream};
