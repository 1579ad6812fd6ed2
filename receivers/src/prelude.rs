//! Every source, and what is needed to use them: `use waterwheel::prelude::*` has it too.

pub use crate::actor::{
    ActorAddress, ActorDStream, ActorOptions, ActorSendError, ActorSink, ActorSource, ActorStatistics, RemoteAnswer,
    RunningActors, SinkClosed, StoreReliablyError,
};
pub use crate::constant::ConstantSource;
pub use crate::decode::{DecodeError, Decoder, Frame, FrameDecoder, LineDecoder};
pub use crate::files::{FileMode, FileOptions, FileSource, WhenGrown, WhenLost};
pub use crate::generator::{GeneratorSource, Rng, SmallRng};
#[cfg(feature = "http")]
pub use crate::http::{Acknowledge, HttpEndpoint, HttpOptions, HttpSource, HttpStream};
pub use crate::queue::{QueueSource, RddQueue, WhenEmpty};
pub use crate::raw::{RawBlockWriter, RawSocketSource};
pub use crate::remote::{RemoteActor, RemoteActorOptions, RemoteError, RemotePortOptions, RemoteSource};
pub use crate::socket::SocketSource;
