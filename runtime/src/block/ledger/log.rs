//! Where events go before they are applied.

use std::future::ready;

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;

use super::{Ledger, LedgerError, LedgerEvent};
use crate::durable::Change;
use crate::failpoint::fail_point;
use crate::ids::{BlockId, StreamId};
use crate::receiver::PositionBytes;

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

/// Events that become fact together, and what becomes durable with them in the same write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRecord {
    /// The events, in their order.
    pub events: Vec<LedgerEvent>,
    /// Changes of other tables: the state that a batch made.
    pub changes: Vec<Change>,
    /// Blocks whose data is needed no more once the events are fact.
    pub freed: Vec<BlockId>,
    /// Up to where the source of each of these streams has come with the events.
    pub reached: Vec<(StreamId, PositionBytes)>,
    /// When it has to be durable.
    pub when: When,
}

impl LogRecord {
    /// A record of one event, durable when it is answered.
    pub fn of(event: LedgerEvent) -> LogRecord {
        LogRecord { events: vec![event], ..LogRecord::default() }
    }
}

/// When a record has to be durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Before it is answered.
    #[default]
    Now,
    /// Together with the next record of this kind that is to be durable now: commits of batches between two checkpoints.
    WithNextCommit,
}

/// A log of ledger events, in the order in which they are appended.
pub trait LedgerLog: Send {
    /// Appends a record, all of it or nothing. When the future is `Ok`, the record will be there after any crash that the log
    /// is meant to survive, if it was to be durable now.
    fn append(&mut self, record: LogRecord) -> BoxFuture<'_, Result<(), LedgerLogError>>;
}

/// A log that survives no crash and keeps nothing: what a context without a checkpoint directory uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLog;

impl LedgerLog for MemoryLog {
    fn append(&mut self, _record: LogRecord) -> BoxFuture<'_, Result<(), LedgerLogError>> {
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

/// Makes the events of a record fact: checks them, logs them, applies them. The caller answers whoever asked after that.
///
/// After an error the ledger is as it was.
pub async fn log_then_apply(ledger: &mut Ledger, log: &mut dyn LedgerLog, record: LogRecord) -> Result<(), EventError> {
    let mut done = None;
    for event in &record.events {
        ledger.check_after(event, done)?;
        if let LedgerEvent::BatchDone { batch } = event {
            done = Some(*batch);
        }
    }
    let events = record.events.clone();
    fail_point("tracker.before_log");
    log.append(record).await?;
    fail_point("tracker.after_log");
    for event in &events {
        // Nothing can have changed the ledger since the check: it is borrowed for the whole of this call.
        ledger.apply(event)?;
    }
    fail_point("tracker.after_apply");
    Ok(())
}
