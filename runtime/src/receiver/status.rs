//! What is known of a receiver, for whoever looks: kept while it is down, and when its context has ended.

use super::intake::{IntakeDepth, LookedAt};
use super::policy::shortened;
use crate::ids::StreamId;
use crate::site::Site;
use crate::time::Time;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What a receiver does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiverState {
    /// It has not been started yet.
    New,
    /// It runs.
    Active,
    /// It has ended and is made anew after a pause.
    Pausing,
    /// It is not made anew: its stream has been stopped, or its policy gave up.
    Ended,
}

/// An error and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub time: Time,
    /// Its text, the beginning of it if it is very long.
    pub message: String,
}

/// What is known of a receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverSnapshot {
    /// Its stream.
    pub stream: StreamId,
    /// Its name.
    pub name: String,
    /// The method that made the stream, and the user's line.
    pub site: Site,
    /// What it does at present.
    pub state: ReceiverState,
    /// How often it was started.
    pub starts: u64,
    /// Records taken in, by all of its runs.
    pub records: u64,
    /// The last error that it reported or ended with.
    pub last_error: Option<LastError>,
    /// Errors that it reported so fast that neither listeners nor `last_error` were told of them; the log was, at its level `debug`.
    pub untold_errors: u64,
}

impl ReceiverSnapshot {
    /// Whether it runs.
    pub fn is_active(&self) -> bool {
        self.state == ReceiverState::Active
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u64 {
        self.starts.saturating_sub(1)
    }
}

/// See the module. Written by the supervisor, read by anybody.
pub struct ReceiverStatus {
    stream: StreamId,
    name: String,
    site: Site,
    records: Arc<AtomicU64>,
    untold_errors: Arc<AtomicU64>,
    /// It goes with the context.
    intake: Option<Weak<dyn LookedAt>>,
    seen: Mutex<Seen>,
}

impl fmt::Debug for ReceiverStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverStatus({:?})", self.snapshot())
    }
}

#[derive(Debug)]
struct Seen {
    state: ReceiverState,
    starts: u64,
    last_error: Option<LastError>,
}

impl ReceiverStatus {
    /// Of a receiver whose records are counted by `records`.
    pub fn new(stream: StreamId, name: String, site: Site, records: Arc<AtomicU64>) -> ReceiverStatus {
        let seen = Seen { state: ReceiverState::New, starts: 0, last_error: None };
        let untold_errors = Arc::default();
        ReceiverStatus { stream, name, site, records, untold_errors, intake: None, seen: Mutex::new(seen) }
    }

    /// The same, with where its records wait.
    #[must_use]
    pub fn with_intake(self, intake: Weak<dyn LookedAt>) -> ReceiverStatus {
        ReceiverStatus { intake: Some(intake), ..self }
    }

    /// Counts errors that nobody is told of.
    pub(super) fn untold_errors(&self) -> Arc<AtomicU64> {
        self.untold_errors.clone()
    }

    /// Its stream.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// What waits on the way to the ledger at present; nothing when the context has ended.
    pub fn depth(&self) -> IntakeDepth {
        let intake = self.intake.as_ref().and_then(Weak::upgrade);
        intake.map(|intake| intake.depth()).unwrap_or_default()
    }

    /// What is known now.
    pub fn snapshot(&self) -> ReceiverSnapshot {
        let seen = self.lock();
        ReceiverSnapshot {
            stream: self.stream,
            name: self.name.clone(),
            site: self.site,
            state: seen.state,
            starts: seen.starts,
            records: self.records.load(Ordering::Relaxed),
            last_error: seen.last_error.clone(),
            untold_errors: self.untold_errors.load(Ordering::Relaxed),
        }
    }

    pub(super) fn started(&self) {
        let mut seen = self.lock();
        (seen.state, seen.starts) = (ReceiverState::Active, seen.starts + 1);
    }

    pub(super) fn rests(&self) {
        self.lock().state = ReceiverState::Pausing;
    }

    pub(super) fn ended(&self) {
        self.lock().state = ReceiverState::Ended;
    }

    pub(super) fn failed(&self, time: Time, message: &str) {
        self.lock().last_error = Some(LastError { time, message: shortened(message) });
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Critical sections only copy fields.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_kept_while_the_receiver_is_down() {
        let records = Arc::new(AtomicU64::new(0));
        let site = Site::here("receiver_stream");
        let status = ReceiverStatus::new(StreamId(3), "clicks".to_owned(), site, records.clone());
        assert_eq!((status.snapshot().state, status.snapshot().restarts()), (ReceiverState::New, 0));
        status.started();
        assert!(status.snapshot().is_active());
        records.store(7, Ordering::Relaxed);
        status.failed(Time::from_millis(5), "refused");
        status.rests();
        let down = status.snapshot();
        assert_eq!((down.state, down.starts, down.records), (ReceiverState::Pausing, 1, 7));
        let refused = LastError { time: Time::from_millis(5), message: "refused".to_owned() };
        assert_eq!(down.last_error, Some(refused.clone()));
        status.started();
        status.ended();
        let over = status.snapshot();
        assert_eq!((over.state, over.restarts(), over.last_error), (ReceiverState::Ended, 1, Some(refused)));
    }
}
