//! What a server of records allows.

use std::time::Duration;
use waterwheel_runtime::block::StorageLevel;

/// When a request is answered with success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// When its records are in the memory of this process: 202.
    #[default]
    Received,
    /// When their block is in the ledger, and in the block log if there is one: 200. Takes up to a block interval.
    Stored,
}

/// The limits of an [`http_stream`](super::HttpSource::http_stream), and what it does when a request does not say.
///
/// ```
/// use waterwheel_receivers::prelude::*;
///
/// let options = HttpOptions::default().with_path("/events").with_max_body(64 << 10).with_acknowledge(Acknowledge::Stored);
/// assert_eq!(options.max_records, 1_000_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The path to post to. Default: `/`.
    pub path: String,
    /// When a request is answered that does not say `?acknowledge=received` or `?acknowledge=stored`. Default:
    /// [`Received`](Acknowledge::Received).
    pub acknowledge: Acknowledge,
    /// How received blocks are kept until their batch is done. Default: `MemoryAndDisk`.
    pub level: StorageLevel,
    /// The longest body in bytes. Default: 8 MiB.
    pub max_body: usize,
    /// The most records of a body. Default: a million.
    pub max_records: usize,
    /// What all bodies that are on their way may take together, in bytes; at least one body fits always. A body that finds no room
    /// here is answered with 429. What the records of one body take as memory is counted as they are decoded: beyond this, and beyond
    /// eight times `max_body`, the body is answered with 413. Records of types that serde has to put aside before it knows them (`tag`,
    /// `untagged`, `flatten`) count what that takes as well, several times their own size: send such in smaller bodies. Default: 64 MiB.
    pub max_in_flight: usize,
    /// Connections at the same time; others wait to be accepted. Default: 256.
    pub max_connections: usize,
    /// How long a request waits for room in all, in memory and in the stream, before it is answered with 429. What it would be told by
    /// another [`Overload`](waterwheel_runtime::flow::Overload) it is told by this answer, so there is none to choose. Default: one second.
    pub patience: Duration,
    /// How long a client may take to send the head of a request. Default: five seconds.
    pub head_timeout: Duration,
    /// How long a client may take to send a body. Default: 30 seconds.
    pub body_timeout: Duration,
    /// How long a connection is kept between two requests. Default: 15 seconds.
    pub keep_alive: Duration,
    /// Whether the address may be one that other machines reach. Whoever reaches it can push records: there are no passwords and no
    /// encryption. Default: no.
    pub beyond_this_machine: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            path: "/".to_owned(),
            acknowledge: Acknowledge::Received,
            level: StorageLevel::MemoryAndDisk,
            max_body: 8 << 20,
            max_records: 1_000_000,
            max_in_flight: 64 << 20,
            max_connections: 256,
            patience: Duration::from_secs(1),
            head_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            beyond_this_machine: false,
        }
    }
}

macro_rules! setters {
    ($($setter:ident($field:ident: $kind:ty),)*) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](HttpOptions::", stringify!($field), ").")]
        #[must_use]
        pub fn $setter(mut self, $field: $kind) -> Self {
            self.$field = $field;
            self
        }
    )*};
}

impl HttpOptions {
    /// Sets [`path`](HttpOptions::path).
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets [`beyond_this_machine`](HttpOptions::beyond_this_machine).
    #[must_use]
    pub fn with_beyond_this_machine(mut self, beyond_this_machine: bool) -> Self {
        self.beyond_this_machine = beyond_this_machine;
        self
    }

    setters! {
        with_acknowledge(acknowledge: Acknowledge),
        with_level(level: StorageLevel),
        with_max_body(max_body: usize),
        with_max_records(max_records: usize),
        with_max_in_flight(max_in_flight: usize),
        with_max_connections(max_connections: usize),
        with_patience(patience: Duration),
        with_head_timeout(head_timeout: Duration),
        with_body_timeout(body_timeout: Duration),
        with_keep_alive(keep_alive: Duration),
    }

    /// The memory that the records of one body may take, in bytes: what a few bytes of JSON stand for may be large.
    pub(super) fn max_memory(&self) -> usize {
        self.max_in_flight.max(self.max_body.saturating_mul(8))
    }

    /// What is wrong with them; `None` when they can be kept to.
    pub(super) fn problem(&self) -> Option<String> {
        let zero = [
            ("max_body", self.max_body == 0),
            ("max_records", self.max_records == 0),
            ("max_connections", self.max_connections == 0),
            ("head_timeout", self.head_timeout.is_zero()),
            ("body_timeout", self.body_timeout.is_zero()),
            ("keep_alive", self.keep_alive.is_zero()),
        ];
        if let Some((name, _)) = zero.into_iter().find(|(_, zero)| *zero) {
            return Some(format!(
                "the option {name} is zero, so that no request could be taken; set it to more, or leave it out"
            ));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !self.path.starts_with('/') || !self.path.chars().all(plain) {
            return Some(format!(
                "the path {:?} is none; write it with a slash in front, of letters, digits and -_.~, such as /events",
                self.path
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_would_refuse_everything_are_named() {
        let good = HttpOptions::default;
        assert_eq!(good().problem(), None);
        assert_eq!(good().with_path("/v1/events-2.0_a~b").with_patience(Duration::ZERO).problem(), None);
        for (options, named) in [
            (good().with_max_body(0), "max_body is zero"),
            (good().with_max_records(0), "max_records"),
            (good().with_max_connections(0), "max_connections"),
            (good().with_head_timeout(Duration::ZERO), "head_timeout"),
            (good().with_body_timeout(Duration::ZERO), "body_timeout"),
            (good().with_keep_alive(Duration::ZERO), "keep_alive"),
            (good().with_path("events"), "\"events\""),
            (good().with_path("/{id}"), "\"/{id}\""),
            (good().with_path("/a?b"), "\"/a?b\""),
        ] {
            let problem = options.problem().unwrap_or_default();
            assert!(problem.contains(named), "{problem}");
        }
    }
}
