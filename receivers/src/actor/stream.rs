//! An actor stream while its program is built.

use super::ActorAddress;
use super::directory::Directory;
use super::remote::{DoorOf, RemoteAnswer};
use actix::{Actor, Context, Handler, Message};
use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use waterwheel_operators::DStream;
use waterwheel_runtime::site::Site;

/// A stream of what an actor stores, and the address of the actor. It is used like the stream.
pub struct ActorDStream<'c, A: Actor<Context = Context<A>>, T> {
    pub(super) stream: DStream<'c, T>,
    pub(super) address: ActorAddress<A>,
}

impl<'c, A: Actor<Context = Context<A>>, T> Deref for ActorDStream<'c, A, T> {
    type Target = DStream<'c, T>;

    fn deref(&self) -> &DStream<'c, T> {
        &self.stream
    }
}

impl<A: Actor<Context = Context<A>>, T> fmt::Debug for ActorDStream<'_, A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorDStream({:?}, {:?})", self.address, self.stream)
    }
}

impl<'c, A: Actor<Context = Context<A>>, T> ActorDStream<'c, A, T> {
    /// The stream alone.
    pub fn stream(&self) -> DStream<'c, T> {
        self.stream
    }

    /// The address of the actor, valid from now to the end of the stream.
    pub fn address(&self) -> ActorAddress<A> {
        self.address.clone()
    }

    /// Lets feeders in other processes send messages of type `M` to the actor, through a port of
    /// [`remote_actors`](crate::remote::RemoteSource::remote_actors). The sender is told when the handler's result is there: a handler
    /// that returns [`store_acknowledged`](super::ActorSink::store_acknowledged) tells it that the records are stored for good.
    ///
    /// Returns the same stream. A second type for the same actor is a misuse, which `start` returns: make it one enum.
    #[track_caller]
    #[must_use]
    pub fn remote<M>(self) -> Self
    where
        A: Handler<M>,
        M: Message + DeserializeOwned + Send + 'static,
        M::Result: RemoteAnswer,
    {
        let site = Site::here("remote");
        let context = self.stream.context();
        let door = Arc::new(DoorOf::<A, M>::new(self.address.clone()));
        if !context.extension::<Directory>().open(self.address.name(), door) {
            let name = self.address.name();
            context.misuse(site, format!("remote senders send one type of message to the actor of {name:?}, and that is decided already; make the messages one enum"));
        }
        self
    }
}
