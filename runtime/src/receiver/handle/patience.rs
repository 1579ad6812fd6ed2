//! Storing for a source that waits only so long.

use super::ReceiverHandle;
use super::promised::CameIn;
use crate::receiver::{ReceiverStopped, StoreReliablyError, StoreWithinError};
use serde::Serialize;
use std::time::Duration;

impl<T: Serialize> ReceiverHandle<T> {
    /// Stores a chunk of records, of `bytes` bytes in memory, in order and in one block, unless the stream's limits hold it back for
    /// longer than `patience`: then the records come back. For servers, whose clients can be told to come again later.
    ///
    /// Giving up costs the stream nothing. `Duration::ZERO` does not wait at all.
    ///
    /// # Errors
    /// [`StoreWithinError`]; none of the records was stored.
    pub async fn store_within(
        &self,
        records: Vec<T>,
        bytes: usize,
        patience: Duration,
    ) -> Result<(), StoreWithinError<T>> {
        self.intake.store_within(Some(&self.run), records, bytes, patience).await.map(drop)
    }

    /// As [`store_within`](ReceiverHandle::store_within), and returns once the block that holds the records is in the ledger, as
    /// [`store_reliably`](ReceiverHandle::store_reliably) does. `patience` is for the room, not for the storing.
    ///
    /// # Errors
    /// [`StoreWithinError::NoRoom`]: none of the records was stored. After any other they may be stored, or not.
    pub async fn store_reliably_within(
        &self,
        records: Vec<T>,
        bytes: usize,
        patience: Duration,
    ) -> Result<(), StoreWithinError<T>> {
        if records.is_empty() {
            return Ok(());
        }
        let block = self.intake.store_within(Some(&self.run), records, bytes, patience).await?;
        match self.stored_for_good(CameIn(block + 1)).await {
            Ok(()) => Ok(()),
            Err(StoreReliablyError::TimedOut { timeout }) => Err(StoreWithinError::TimedOut { timeout }),
            Err(_) => Err(ReceiverStopped.into()),
        }
    }
}
