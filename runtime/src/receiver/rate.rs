//! What a supervisor is told of rates.

use super::supervisor::ReceiverSupervisor;
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
