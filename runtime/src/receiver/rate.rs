//! What a supervisor is told of rates, and what it tells of records that were dropped.

use super::Intake;
use super::supervisor::ReceiverSupervisor;
use crate::block::{AtDoor, BlockTracker};
use crate::ids::StreamId;
use crate::mailbox::Post;
use actix::{Handler, Message};
use serde::{Serialize, de::DeserializeOwned};

/// The receivers of the stream may store so many records a second from now on, in batches of as many as that makes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UpdateRate {
    /// Records per second.
    pub rate: f64,
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Handler<UpdateRate> for ReceiverSupervisor<T> {
    type Result = ();

    fn handle(&mut self, msg: UpdateRate, _: &mut Self::Context) {
        self.intake().update_rate(msg.rate);
    }
}

/// A batch has its blocks: as many records as the next one may hold may come in. Sent when the blocks are the batch's, not when they
/// are cut, or some that come in between would be the batch's as well.
#[derive(Message)]
#[rtype(result = "()")]
pub struct NextBatch;

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Handler<NextBatch> for ReceiverSupervisor<T> {
    type Result = ();

    fn handle(&mut self, _: NextBatch, _: &mut Self::Context) {
        self.intake().next_batch();
    }
}

/// Tells the tracker of records that were dropped behind the last block.
pub(super) async fn tell_dropped<T>(intake: &Intake<T>, tracker: &Post<BlockTracker>, stream: StreamId) {
    if let Some(door) = intake.dropped_behind_the_last_block() {
        // With the tracker the context is gone.
        let _ = tracker.send(AtDoor { stream, door }).await;
    }
}
