//! Where events go before they are applied.

use std::future::ready;

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;

use super::{Ledger, LedgerError, LedgerEvent};

/// An event that did not reach the log, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerLogError {
    /// The event is certainly not in the log. It may be logged again, now or as part of a later one.
    #[error("ledger event was not logged: {reason}")]
    Failed {
        /// What the log said.
        reason: String,
    },
    /// Nobody knows whether the event is in the log. The writer must stop, and recovery will tell: logging it again
    /// could make it happen twice.
    #[error("ledger event may or may not have been logged: {reason}")]
    Unknown {
        /// What the log said.
        reason: String,
    },
}

/// A log of ledger events, in the order in which they are appended.
pub trait LedgerLog: Send {
    /// Appends an event. When the future is `Ok`, the event will be there after any crash that the log is meant to
    /// survive.
    fn append(&mut self, event: &LedgerEvent) -> BoxFuture<'_, Result<(), LedgerLogError>>;
}

/// A log that survives no crash and keeps nothing: what a context without a checkpoint directory uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLog;

impl LedgerLog for MemoryLog {
    fn append(&mut self, _event: &LedgerEvent) -> BoxFuture<'_, Result<(), LedgerLogError>> {
        ready(Ok(())).boxed()
    }
}

/// An event that did not become fact.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The ledger would not take the event, so it was not logged.
    #[error(transparent)]
    Refused(#[from] LedgerError),
    /// The log did not take the event, so it was not applied.
    #[error(transparent)]
    NotLogged(#[from] LedgerLogError),
}

/// Makes an event fact: checks it, logs it, applies it. The caller answers whoever asked after that.
///
/// After an error the ledger is as it was.
pub async fn log_then_apply(
    ledger: &mut Ledger,
    log: &mut dyn LedgerLog,
    event: &LedgerEvent,
) -> Result<(), EventError> {
    ledger.check(event)?;
    log.append(event).await?;
    // Nothing can have changed the ledger since the check: it is borrowed for the whole of this call.
    ledger.apply(event)?;
    Ok(())
}
