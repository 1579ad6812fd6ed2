//! What a server has done so far.

use super::answer::Answer;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a server of records has done so far. Every request that was answered is in exactly one of the first four.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCounts {
    /// Requests whose records were stored: 200, 202.
    pub stored: u64,
    /// Requests that were refused for what they were: 400, 404, 405, 408, 413, 415, 500.
    pub refused: u64,
    /// Requests that found no room: 429.
    pub no_room: u64,
    /// Requests that came, or were not finished, when the program stopped, or that took too long to store: 503, 504.
    pub unfinished: u64,
    /// The records of the requests that were stored.
    pub records: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    stored: AtomicU64,
    refused: AtomicU64,
    no_room: AtomicU64,
    unfinished: AtomicU64,
    records: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, answer: &Answer) {
        let counter = match answer {
            Answer::Stored { records, .. } => {
                self.records.fetch_add(*records as u64, Ordering::Relaxed);
                &self.stored
            }
            Answer::NoRoom(_) => &self.no_room,
            Answer::Stopping | Answer::Unknown(_) => &self.unfinished,
            _ => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn so_far(&self) -> HttpCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HttpCounts {
            stored: of(&self.stored),
            refused: of(&self.refused),
            no_room: of(&self.no_room),
            unfinished: of(&self.unfinished),
            records: of(&self.records),
        }
    }
}
