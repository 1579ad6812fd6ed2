//! Storing in two steps: records come in first, and whoever wants to waits for their block. For receivers that have told somebody
//! already that the records are stored, as the sinks of actors do.

use super::ReceiverHandle;
use crate::receiver::ReceiverStopped;
use crate::receiver::reliable::{self, PositionBytes, StoreReliablyError};
use serde::Serialize;

/// Up to which block records came in; see [`ReceiverHandle::store_promised`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameIn(pub(super) u64);

impl<T> ReceiverHandle<T> {
    /// A position as [`store_promised`](ReceiverHandle::store_promised) takes it.
    ///
    /// # Errors
    /// When it is too large or cannot be encoded.
    pub fn encode_position<P: Serialize>(position: &P) -> Result<PositionBytes, StoreReliablyError> {
        reliable::encode(position)
    }
}

impl<T: Serialize> ReceiverHandle<T> {
    /// As [`store_many`](ReceiverHandle::store_many), for records that somebody was already told are stored: when the receiver is
    /// asked to stop while the rate limit holds them back, they come in at once instead of being refused. `position` is as in
    /// [`store_reliably_at`](ReceiverHandle::store_reliably_at). Where the stream sheds, they may be dropped and counted unless they are
    /// `lossless`; then this returns `None`.
    ///
    /// # Errors
    /// [`ReceiverStopped`] once the stream takes no more records, or this run of the receiver is over; none of them was stored.
    pub async fn store_promised(
        &self,
        records: Vec<T>,
        position: Option<PositionBytes>,
        lossless: bool,
    ) -> Result<Option<CameIn>, ReceiverStopped> {
        let came_in = self.intake.store_promised(&self.run, records, position, lossless).await?;
        Ok(came_in.map(CameIn))
    }

    /// Returns once the block of `records`, and every block before it, is in the ledger, as [`store_reliably`](ReceiverHandle::store_reliably) does.
    ///
    /// # Errors
    /// As [`store_reliably`](ReceiverHandle::store_reliably).
    pub async fn stored_for_good(&self, records: CameIn) -> Result<(), StoreReliablyError> {
        self.wait_for_good(records.0).await
    }
}
