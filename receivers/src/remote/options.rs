//! How a port for remote actors, and a client of one, behave.

use super::credit::Amount;
use super::session::SessionLimits;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::clock::{SharedClock, SystemClock};
use waterwheel_runtime::receiver::SupervisorPolicy;

/// The longest message unless said otherwise: 1 MiB.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Messages of one connection that may be sent and not answered, unless said otherwise.
pub const DEFAULT_CREDIT_MESSAGES: u32 = 256;
/// Bytes of messages of one connection that may be sent and not answered, unless said otherwise: 4 MiB.
pub const DEFAULT_CREDIT_BYTES: usize = 4 << 20;
/// Connections that a port has at a time, unless said otherwise.
pub const DEFAULT_MAX_CONNECTIONS: usize = 64;
/// A port closes connections of which it hears nothing for so long, unless said otherwise. Clients are heard of three times as often.
pub const DEFAULT_IDLE: Duration = Duration::from_secs(30);
/// A frame, and the greeting of a client, has to arrive within this.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(10);

/// What a port for remote actors takes.
///
/// A port holds at most connections x (credit in bytes + one message) of *encoded* messages that are not handled yet, whatever is sent
/// to it. Those in the mailbox are decoded. What a message owns beside its own size may be 64 times its encoding and 16 KiB; one that
/// takes more is not decoded, and its sender is told so. Of a type that is large itself choose a small mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemotePortOptions {
    pub(super) max_message: usize,
    pub(super) credit_messages: u32,
    pub(super) credit_bytes: usize,
    pub(super) max_connections: usize,
    pub(super) idle: Duration,
    pub(super) beyond_this_machine: bool,
}

impl Default for RemotePortOptions {
    fn default() -> Self {
        RemotePortOptions {
            max_message: DEFAULT_MAX_MESSAGE_BYTES,
            credit_messages: DEFAULT_CREDIT_MESSAGES,
            credit_bytes: DEFAULT_CREDIT_BYTES,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            idle: DEFAULT_IDLE,
            beyond_this_machine: false,
        }
    }
}

impl RemotePortOptions {
    /// The longest message in bytes, at least 1.
    #[must_use]
    pub fn max_message(self, bytes: usize) -> Self {
        RemotePortOptions { max_message: bytes.clamp(1, 1 << 30), ..self }
    }

    /// How many messages, and how many bytes of them, one connection may have sent without an answer: at least 1, and at least the
    /// longest message.
    #[must_use]
    pub fn credit(self, messages: u32, bytes: usize) -> Self {
        RemotePortOptions { credit_messages: messages.max(1), credit_bytes: bytes, ..self }
    }

    /// How many connections there may be at a time, at least 1.
    #[must_use]
    pub fn max_connections(self, connections: usize) -> Self {
        RemotePortOptions { max_connections: connections.max(1), ..self }
    }

    /// For how long nothing may be heard of a connection; at least 3 ms.
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        RemotePortOptions { idle: idle.max(Duration::from_millis(3)), ..self }
    }

    /// Allows an address that other machines can reach. The protocol knows neither passwords nor encryption: whoever reaches the port
    /// can send to the actors. Do this in a network where nobody else is.
    #[must_use]
    pub fn beyond_this_machine(self) -> Self {
        RemotePortOptions { beyond_this_machine: true, ..self }
    }

    pub(super) fn limits(&self) -> SessionLimits {
        SessionLimits {
            max_message: self.max_message,
            window: Amount {
                messages: u64::from(self.credit_messages),
                // Or the longest message would wait for ever.
                bytes: self.credit_bytes.max(self.max_message) as u64,
            },
            heartbeat: self.idle / 3,
            idle: self.idle,
            frame: FRAME_TIMEOUT,
        }
    }
}

/// How a [`RemoteActor`](super::RemoteActor) sends and connects.
#[derive(Debug, Clone)]
pub struct RemoteActorOptions {
    pub(super) policy: SupervisorPolicy,
    pub(super) max_unacknowledged: u32,
    pub(super) max_unacknowledged_bytes: u32,
    pub(super) clock: SharedClock,
}

impl Default for RemoteActorOptions {
    fn default() -> Self {
        RemoteActorOptions {
            policy: SupervisorPolicy::for_receivers(Duration::from_millis(100))
                .max_delay(Duration::from_secs(5))
                .max_restarts(60, Duration::from_secs(600)),
            max_unacknowledged: 1024,
            max_unacknowledged_bytes: 8 << 20,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl RemoteActorOptions {
    /// After which pause, and how often, it connects again after a connection that failed or broke. Default: first after 100 ms, then
    /// in pauses that grow to 5 s; the 61st end within ten minutes gives up. A server that is away for two minutes is waited for.
    #[must_use]
    pub fn policy(self, policy: SupervisorPolicy) -> Self {
        RemoteActorOptions { policy, ..self }
    }

    /// How many messages, and how many encoded bytes of them, may be given to the client and not acknowledged; whoever sends more
    /// waits. Default: 1024, 8 MiB.
    #[must_use]
    pub fn max_unacknowledged(self, messages: u32, bytes: u32) -> Self {
        RemoteActorOptions { max_unacknowledged: messages.max(1), max_unacknowledged_bytes: bytes.max(1), ..self }
    }

    /// The clock for pauses and heartbeats. Default: the machine's.
    #[must_use]
    pub fn clock(self, clock: SharedClock) -> Self {
        RemoteActorOptions { clock, ..self }
    }
}
