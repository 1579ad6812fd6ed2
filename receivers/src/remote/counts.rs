//! What a port for remote actors counts.

use super::wire::Refusal;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Figures of a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteStatistics {
    /// Connections at present.
    pub connections: usize,
    /// Connections that there have been.
    pub accepted: u64,
    /// Messages that came.
    pub messages: u64,
    /// Bytes of messages that came.
    pub bytes: u64,
    /// Messages whose handlers answered with a success.
    pub acknowledged: u64,
    /// Messages that came to another end: refused by their handler, failed, undecodable, or too late.
    pub failed: u64,
    /// Connections that were refused or closed for each reason that there was.
    pub refused: Vec<(Refusal, u64)>,
}

impl RemoteStatistics {
    /// How many connections were refused or closed for this reason.
    pub fn refused_for(&self, reason: Refusal) -> u64 {
        self.refused.iter().find(|(refusal, _)| *refusal == reason).map_or(0, |(_, count)| *count)
    }
}

/// The figures as they are counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicUsize,
    pub(super) accepted: AtomicU64,
    pub(super) messages: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) failed: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Counts {
    pub(super) fn refused(&self, reason: Refusal) {
        let counts = Refusal::ALL.iter().zip(&self.refused);
        if let Some((_, count)) = counts.into_iter().find(|(refusal, _)| **refusal == reason) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn statistics(&self) -> RemoteStatistics {
        let refused = Refusal::ALL.iter().zip(&self.refused);
        let refused = refused.map(|(refusal, count)| (*refusal, count.load(Ordering::Relaxed)));
        RemoteStatistics {
            connections: self.connections.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
