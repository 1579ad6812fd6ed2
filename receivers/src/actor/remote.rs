//! How a message that came over the wire gets to the actor of a stream.

use super::{ActorAddress, ActorSendError, SinkClosed};
use actix::{Actor, Context, Handler, Message};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use waterwheel_runtime::codec::{self, CodecError, MemoryBudget};
use waterwheel_runtime::error::{in_full, panic_message};
use waterwheel_runtime::receiver::{ReceiverStopped, StoreReliablyError};
use waterwheel_runtime::state::TypeSchema;

/// What a decoded message may own for each byte of its encoding: more than text, lists of text of one letter and lists of empty maps take.
const OWNED_PER_BYTE: usize = 64;

/// What it may own however short it is.
const OWNED_AT_LEAST: usize = 16 << 10;

/// What the sender of a remote message is told: whether its handler's result is a success.
///
/// For results of one's own it is implemented in a few lines; `()` is always a success, an `Err` is not.
pub trait RemoteAnswer: Send + 'static {
    /// `Err` with the text that the sender is told.
    fn answer(self) -> Result<(), String>;

    /// Whether the message was not stored because the stream has ended: then the sender is not told, but keeps it for the program's next
    /// life. Default: `false`; an `Err` of [`SinkClosed`], [`ReceiverStopped`] or [`StoreReliablyError::Stopped`] says so by itself. One that a
    /// handler makes a text of does not.
    fn came_too_late(&self) -> bool {
        false
    }
}

impl RemoteAnswer for () {
    fn answer(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T: Send + 'static, E: std::fmt::Display + Send + 'static> RemoteAnswer for Result<T, E> {
    fn answer(self) -> Result<(), String> {
        self.map(drop).map_err(|error| error.to_string())
    }

    fn came_too_late(&self) -> bool {
        let Err(error) = self else { return false };
        let error: &dyn Any = error;
        error.is::<SinkClosed>()
            || error.is::<ReceiverStopped>()
            || matches!(error.downcast_ref(), Some(StoreReliablyError::Stopped(_)))
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// Its handler has answered.
    Done,
    /// Its handler has answered with an error.
    Refused(String),
    /// The actor had begun with the message and failed, or was stopped, before it had answered.
    Failed(String),
    /// The stream has ended: the message was not taken, or not stored for that reason. It should be sent again.
    Ended,
    /// The bytes are no such message.
    Undecodable(String),
}

/// A message that is in the mailbox, or came to its end before; what is in it waits for what becomes of it.
pub(crate) struct Placed(pub(crate) BoxFuture<'static, Delivered>);

impl Placed {
    fn known(delivered: Delivered) -> Placed {
        Placed(futures::future::ready(delivered).boxed())
    }
}

/// The way to one actor, for messages of one type.
pub(crate) trait Door: Send + Sync {
    /// The type of the messages, for people.
    fn type_name(&self) -> &str;

    /// What stands for the type of the messages on the wire.
    fn fingerprint(&self) -> u64;

    /// Whether the stream has ended.
    fn is_ended(&self) -> bool;

    /// Puts a message into the mailbox, waiting for room.
    fn deliver(&self, payload: Vec<u8>) -> BoxFuture<'static, Placed>;
}

/// The number that stands for the type `M` on the wire: that of what its encoding consists of. Names of types do not count, those of
/// fields and variants do; a type that cannot be looked into is known by its name.
pub(crate) fn fingerprint<M: DeserializeOwned>() -> u64 {
    let schema = TypeSchema::of::<M>();
    let bytes = match &schema.shape {
        Some(shape) => codec::encode(shape),
        None => codec::encode(&schema.type_name),
    };
    codec::stable_hash(&bytes.unwrap_or_default())
}

/// See [`Door`].
pub(super) struct DoorOf<A: Actor<Context = Context<A>>, M> {
    address: ActorAddress<A>,
    type_name: &'static str,
    fingerprint: u64,
    messages: PhantomData<fn() -> M>,
}

impl<A: Actor<Context = Context<A>>, M: DeserializeOwned> DoorOf<A, M> {
    pub(super) fn new(address: ActorAddress<A>) -> DoorOf<A, M> {
        let type_name = std::any::type_name::<M>();
        DoorOf { address, type_name, fingerprint: fingerprint::<M>(), messages: PhantomData }
    }
}

impl<A, M> Door for DoorOf<A, M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + DeserializeOwned + Send + 'static,
    M::Result: RemoteAnswer,
{
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn is_ended(&self) -> bool {
        self.address.is_ended()
    }

    fn deliver(&self, payload: Vec<u8>) -> BoxFuture<'static, Placed> {
        // The message's own `Deserialize` is the user's code.
        let decoded = catch_unwind(AssertUnwindSafe(|| decoded::<M>(&payload)));
        let cause = match decoded {
            Ok(Ok(message)) => return place(self.address.clone(), message).boxed(),
            Ok(Err(error)) => in_full(&error),
            Err(panic) => format!("its decoding panicked: {}", panic_message(&*panic)),
        };
        futures::future::ready(Placed::known(Delivered::Undecodable(cause))).boxed()
    }
}

/// The message in `payload`, unless it owns more than what it was written in can mean.
fn decoded<M: DeserializeOwned>(payload: &[u8]) -> Result<M, CodecError> {
    let owned = OWNED_AT_LEAST.saturating_add(payload.len().saturating_mul(OWNED_PER_BYTE));
    codec::decode_within(payload, payload.len(), &MemoryBudget::new(owned))
}

async fn place<A, M>(address: ActorAddress<A>, message: M) -> Placed
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: RemoteAnswer,
{
    match address.post(message).await {
        Ok(answer) => {
            let answered = answer.map(|answer| match answer {
                Ok(result) => told(result),
                Err(error) if error.begun => Delivered::Failed(error.to_string()),
                // It was in the mailbox when the stream ended.
                Err(_) => Delivered::Ended,
            });
            Placed(answered.boxed())
        }
        Err(ActorSendError::Ended { .. }) => Placed::known(Delivered::Ended),
        Err(error) => Placed::known(Delivered::Failed(error.to_string())),
    }
}

/// What a handler's result means to the sender. It is made of it by the user's code.
fn told(result: impl RemoteAnswer) -> Delivered {
    let told = catch_unwind(AssertUnwindSafe(|| if result.came_too_late() { None } else { Some(result.answer()) }));
    match told {
        Ok(None) => Delivered::Ended,
        Ok(Some(Ok(()))) => Delivered::Done,
        Ok(Some(Err(text))) => Delivered::Refused(text),
        Err(panic) => Delivered::Refused(format!("its answer panicked: {}", panic_message(&*panic))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    struct Touchy;

    impl fmt::Display for Touchy {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("on purpose")
        }
    }

    /// M-1
    #[test]
    fn a_result_is_told_as_it_is_and_a_panic_in_the_telling_is_a_refusal() {
        assert_eq!(told(()), Delivered::Done);
        assert_eq!(told(Ok::<u32, String>(7)), Delivered::Done);
        assert_eq!(told(Err::<u32, _>("no".to_owned())), Delivered::Refused("no".to_owned()));
        assert_eq!(told(Err::<(), _>(Touchy)), Delivered::Refused("its answer panicked: on purpose".to_owned()));
    }

    /// M-7
    #[test]
    fn a_message_that_owns_far_more_memory_than_bytes_is_not_decoded_and_any_text_is() {
        type Wide = Option<[u64; 32]>;
        let decode =
            |elements: usize| decoded::<Vec<Wide>>(&codec::encode(&vec![None::<[u64; 32]>; elements]).unwrap());
        assert_eq!(decode(60).unwrap().len(), 60);
        let error = in_full(&decode(100_000).unwrap_err());
        assert!(error.contains("more than 6416704 bytes of memory"), "{error}");
        let letters = vec!["x".to_owned(); 100_000];
        assert_eq!(decoded::<Vec<String>>(&codec::encode(&letters).unwrap()).unwrap(), letters);
    }

    /// M-3
    #[test]
    fn what_was_not_stored_because_the_stream_has_ended_is_to_be_sent_again() {
        assert_eq!(told(Err::<(), _>(SinkClosed)), Delivered::Ended);
        assert_eq!(told(Err::<(), _>(ReceiverStopped)), Delivered::Ended);
        assert_eq!(told(Err::<(), _>(StoreReliablyError::Stopped(ReceiverStopped))), Delivered::Ended);
        let other = StoreReliablyError::Position { cause: "x".to_owned() };
        assert!(matches!(told(Err::<(), _>(other)), Delivered::Refused(_)));
    }
}
