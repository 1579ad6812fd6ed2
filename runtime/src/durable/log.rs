//! The ledger's log in the storage.

use super::journal::Journal;
use super::keeper::{Append, AppendError, Keeper};
use super::{Durability, StorageError};
use crate::block::{LedgerLog, LedgerLogError, LogRecord};
use crate::error::in_full;
use crate::failpoint::fail_point;
use crate::mailbox::Post;
use futures::FutureExt;
use futures::future::BoxFuture;

/// Writes records of the ledger through the keeper: events, the state's changes and the deletion of freed blocks in one write.
///
/// Commits that may wait go with the next one that may not, or with an empty record, which writes whatever waits.
pub struct KeeperLog {
    keeper: Post<Keeper>,
    journal: Journal,
    durability: Durability,
    /// Why nothing more is logged.
    broken: Option<String>,
}

impl KeeperLog {
    /// A log that goes on from `journal`. A record is as durable as `durability` says when it is answered.
    pub fn new(keeper: Post<Keeper>, journal: Journal, durability: Durability) -> KeeperLog {
        KeeperLog { keeper, journal, durability, broken: None }
    }

    async fn write(&mut self, record: LogRecord) -> Result<(), LedgerLogError> {
        if let Some(reason) = &self.broken {
            return Err(LedgerLogError::Unknown { reason: reason.clone() });
        }
        let planned = self.journal.plan(record).map_err(|error| LedgerLogError::Failed { reason: in_full(&error) })?;
        let Some(mut planned) = planned else { return Ok(()) };
        let changes = std::mem::take(&mut planned.changes);
        fail_point("log.before_append");
        // Until it is answered nobody knows: who drops this future half way may not go on.
        self.broken = Some("an earlier write was given up before it was answered".to_owned());
        let answer = self.keeper.send(Append { changes, durability: self.durability }).await;
        fail_point("log.after_append");
        let unknown = |reason: String| LedgerLogError::Unknown { reason };
        let outcome = match answer {
            Ok(Ok(())) => self.journal.confirm(planned).map_err(|error| unknown(in_full(&error))),
            Ok(Err(AppendError { cause: StorageError::NotWritten { reason }, changes })) => {
                self.journal.abandon(planned, changes);
                Err(LedgerLogError::Failed { reason })
            }
            Ok(Err(AppendError { cause, .. })) => Err(unknown(cause.to_string())),
            Err(_) => Err(unknown("the keeper is gone".to_owned())),
        };
        self.broken = match &outcome {
            Err(LedgerLogError::Unknown { reason }) => Some(reason.clone()),
            Err(LedgerLogError::Failed { .. }) | Ok(()) => None,
        };
        outcome
    }
}

impl LedgerLog for KeeperLog {
    fn append(&mut self, record: LogRecord) -> BoxFuture<'_, Result<(), LedgerLogError>> {
        self.write(record).boxed()
    }
}
