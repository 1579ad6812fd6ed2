//! One request: read, decode, store, answer.

use super::answer::{Answer, Place};
use super::connections::{Connection, Phase};
use super::counts::Counters;
use super::formats::{Decode, Formats, Limits};
use super::options::{Acknowledge, HttpOptions};
use super::reading::{BodyLimits, Memory, Share, read};
use crate::peers::Peers;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use waterwheel_operators::record::Record;
use waterwheel_runtime::codec::MemoryBudget;
use waterwheel_runtime::error::panic_message;
use waterwheel_runtime::receiver::{ReceiverHandle, StoreWithinError};
use waterwheel_runtime::weight;

/// What the requests of a server share.
pub(super) struct Shared<T> {
    pub(super) handle: ReceiverHandle<T>,
    pub(super) options: Arc<HttpOptions>,
    pub(super) formats: Formats<T>,
    pub(super) max_line: usize,
    pub(super) memory: Memory,
    pub(super) counters: Arc<Counters>,
    pub(super) peers: Mutex<Peers>,
    pub(super) under_way: UnderWay,
}

/// How many requests are being answered.
#[derive(Default)]
pub(super) struct UnderWay {
    requests: AtomicUsize,
    fewer: Notify,
}

/// One of them.
struct Request<'a>(&'a UnderWay);

impl UnderWay {
    fn begin(&self) -> Request<'_> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        Request(self)
    }

    /// Waits until none is.
    pub(super) async fn none(&self) {
        loop {
            let fewer = self.fewer.notified();
            if self.requests.load(Ordering::SeqCst) == 0 {
                return;
            }
            fewer.await;
        }
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
        self.0.fewer.notify_waiters();
    }
}

/// Answers a `POST` to the path.
pub(super) async fn push<T: Record>(
    request: HttpRequest,
    mut body: web::Payload,
    shared: web::Data<Shared<T>>,
) -> HttpResponse {
    let _under_way = shared.under_way.begin();
    phase(&request, Phase::Busy);
    let answer = match shared.take(&request, &mut body).await {
        Ok(answer) | Err(answer) => answer,
    };
    shared.conclude(&request, &answer)
}

/// Answers everything else at the path.
pub(super) async fn no_method<T: Record>(request: HttpRequest, shared: web::Data<Shared<T>>) -> HttpResponse {
    shared.conclude(&request, &Answer::NoSuchMethod)
}

/// Answers everything at other paths.
pub(super) async fn no_path<T: Record>(request: HttpRequest, shared: web::Data<Shared<T>>) -> HttpResponse {
    shared.conclude(&request, &Answer::NoSuchPath)
}

impl<T: Record> Shared<T> {
    /// Takes the records of a request in; the answer either way.
    async fn take(&self, request: &HttpRequest, body: &mut web::Payload) -> Result<Answer, Answer> {
        if self.handle.is_stopped() {
            return Err(Answer::Stopping);
        }
        let header = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
        let acknowledge = acknowledge(request.query_string(), self.options.acknowledge)?;
        let decode =
            self.formats.choose(header(CONTENT_TYPE), header(CONTENT_ENCODING)).map_err(Answer::Unsupported)?;
        let announced = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let limits = BodyLimits { max_body: self.options.max_body, timeout: self.options.body_timeout };
        let mut share = Share::new(&self.memory);
        let body = read(body, announced, limits, &mut share, self.handle.stopped()).await?;
        let (mut records, bytes) = self.decode(decode, &body)?;
        if !share.try_grow_to(bytes) {
            // They may be many times as large as the body. Whoever has to wait waits with the body alone.
            drop(records);
            share.grow_to(bytes).await?;
            records = self.decode(decode, &body)?.0;
        }
        drop(body);
        self.store(records, bytes, acknowledge, share.patience()).await
    }

    /// The records of a body, and the bytes of memory that they take.
    fn decode(&self, decode: Decode<T>, body: &[u8]) -> Result<(Vec<T>, usize), Answer> {
        let memory = MemoryBudget::new(self.options.max_memory());
        let limits = Limits { max_line: self.max_line, max_records: self.options.max_records, memory: &memory };
        // The decoding of a record is the user's code.
        match catch_unwind(AssertUnwindSafe(|| decode(body, limits))) {
            Ok(records) => {
                let records = records?;
                let owned = memory.used().saturating_sub(size_of_val(records.as_slice()));
                let bytes = weight::of_shell(&records).saturating_add(owned);
                Ok((records, bytes))
            }
            Err(payload) => Err(Answer::Panicked(panic_message(&*payload))),
        }
    }

    async fn store(
        &self,
        records: Vec<T>,
        bytes: usize,
        acknowledge: Acknowledge,
        patience: Duration,
    ) -> Result<Answer, Answer> {
        let count = records.len();
        let reliably = acknowledge == Acknowledge::Stored;
        let outcome = if reliably {
            self.handle.store_reliably_within(records, bytes, patience).await
        } else {
            self.handle.store_within(records, bytes, patience).await
        };
        match outcome {
            Ok(()) => Ok(Answer::Stored { records: count, reliably }),
            Err(StoreWithinError::NoRoom { retry_after, .. }) => Err(Answer::NoRoom(retry_after)),
            Err(StoreWithinError::TimedOut { timeout }) => Err(Answer::Unknown(timeout)),
            Err(_) => Err(Answer::Stopping),
        }
    }

    /// Counts an answer, reports what the client is to blame for, and makes a response of it.
    fn conclude(&self, request: &HttpRequest, answer: &Answer) -> HttpResponse {
        self.counters.count(answer);
        if let (true, Some(peer)) = (answer.blames_client(), request.peer_addr()) {
            self.report(peer.ip(), answer);
        }
        phase(request, if answer.closes() { Phase::Closing } else { Phase::Idle });
        answer.response()
    }

    fn report(&self, peer: IpAddr, answer: &Answer) {
        // A set of addresses is whole whatever happens.
        let news = {
            let now = self.handle.clock().monotonic();
            self.peers.lock().unwrap_or_else(PoisonError::into_inner).is_news(peer, now)
        };
        if !news {
            return;
        }
        let (status, problem) = (answer.status(), answer.problem().unwrap_or_default());
        self.handle.report_error(format_args!(
            "a request from {peer} was refused with {status}: {problem}; further ones from there are counted only, for an hour"
        ));
    }
}

/// Says what the connection of `request` is at.
fn phase(request: &HttpRequest, phase: Phase) {
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.is(phase);
    }
}

/// When to answer, by the query of a request.
fn acknowledge(query: &str, default: Acknowledge) -> Result<Acknowledge, Answer> {
    let mut acknowledge = default;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        acknowledge = match pair {
            "acknowledge=received" => Acknowledge::Received,
            "acknowledge=stored" => Acknowledge::Stored,
            _ => {
                let problem = "the query is not understood; it is acknowledge=received, acknowledge=stored, or none";
                return Err(Answer::Malformed(Place::nowhere(problem)));
            }
        };
    }
    Ok(acknowledge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_says_when_to_answer_and_nothing_else() {
        for (query, expected) in [
            ("", Acknowledge::Received),
            ("acknowledge=stored", Acknowledge::Stored),
            ("acknowledge=stored&&acknowledge=received", Acknowledge::Received),
        ] {
            assert_eq!(acknowledge(query, Acknowledge::Received), Ok(expected));
        }
        assert_eq!(acknowledge("", Acknowledge::Stored), Ok(Acknowledge::Stored));
        for query in ["acknowledge", "acknowledge=", "acknowledge=never", "ack=stored", "x"] {
            let answer = acknowledge(query, Acknowledge::Received).unwrap_err();
            assert_eq!(answer.status().as_u16(), 400, "{query}");
        }
    }
}
