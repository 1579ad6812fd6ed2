//! What is known of an actor stream, kept while its actor is made anew and after its end.

use super::mailboxes::Mailboxes;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Figures of an actor stream; what Spark's `Statistics` says, and more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActorStatistics {
    /// Messages that the actor and its workers took out of their mailboxes.
    pub messages: u64,
    /// Messages that wait in those mailboxes. What was sent to actix's own address ([`addr`](super::ActorAddress::addr)) is not among
    /// them: actix does not tell.
    pub waiting: usize,
    /// Records that they stored.
    pub records: u64,
    /// Records that were dropped because there was no room for them, where the stream sheds
    /// ([`ActorOptions::overload`](super::ActorOptions::overload)).
    pub shed: u64,
    /// Workers that run at present.
    pub workers: usize,
    /// How often the actor or a worker failed: Spark's hiccups.
    pub hiccups: u64,
    /// Records that were accepted and could not be stored because the stream ended, or because their encoding failed.
    pub lost: u64,
    /// What the last of the failures said.
    pub last_failure: Option<String>,
    /// Whatever the actor said of itself with [`set_info`](super::ActorSink::set_info).
    pub info: String,
    /// Whether the stream has ended: no message is taken any more.
    pub ended: bool,
}

/// The figures as they are counted.
#[derive(Debug, Default)]
pub(crate) struct Status {
    pub(super) messages: AtomicU64,
    pub(super) mailboxes: Mailboxes,
    pub(super) records: AtomicU64,
    pub(super) shed: AtomicU64,
    pub(super) workers: AtomicUsize,
    pub(super) hiccups: AtomicU64,
    pub(super) lost: AtomicU64,
    ended: AtomicBool,
    texts: Mutex<Texts>,
}

#[derive(Debug, Default)]
struct Texts {
    info: String,
    last_failure: Option<String>,
}

impl Status {
    /// Counts a failure and remembers what it said.
    pub(super) fn failed(&self, cause: &str) {
        self.hiccups.fetch_add(1, Ordering::Relaxed);
        self.texts().last_failure = Some(cause.to_owned());
    }

    pub(super) fn set_info(&self, info: String) {
        self.texts().info = info;
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn statistics(&self) -> ActorStatistics {
        let texts = self.texts();
        ActorStatistics {
            messages: self.messages.load(Ordering::Relaxed),
            waiting: self.mailboxes.waiting(),
            records: self.records.load(Ordering::Relaxed),
            shed: self.shed.load(Ordering::Relaxed),
            workers: self.workers.load(Ordering::Relaxed),
            hiccups: self.hiccups.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            last_failure: texts.last_failure.clone(),
            info: texts.info.clone(),
            ended: self.ended.load(Ordering::Relaxed),
        }
    }

    fn texts(&self) -> MutexGuard<'_, Texts> {
        // Critical sections only move texts.
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
