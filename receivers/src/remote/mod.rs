//! Remote actors: feeders in other processes send messages to the actor of a stream, over TCP. What Akka's remoting gave Spark's
//! `actorStream`.
//!
//! The program opens a port with [`remote_actors`](RemoteSource::remote_actors) and says with
//! [`remote`](crate::actor::ActorDStream::remote) which actor streams take which type of message. A feeder connects with
//! [`RemoteActor`] to the address and the name.
//!
//! **Flow control.** The server grants credit: so many messages, and so many bytes of them, may be sent without an answer. A message
//! is answered when its handler's result is there. So an actor that is held back by its stream holds back the feeder, whose
//! [`send`](RemoteActor::send) waits, and what a port holds in memory is bounded whatever is sent to it.
//!
//! **Delivery.** A message is sent again when the connection was lost before it was answered, in the old order: each is handled *at
//! least once* as long as the feeder lives and does not give up. Where its records must be stored exactly once, the messages carry
//! their position in the source, and the actor uses [`store_acknowledged_at`](crate::actor::ActorSink::store_acknowledged_at),
//! skips what is at or before [`last_position`](crate::actor::ActorSink::last_position) and refuses what is not next: the message in
//! whose handling an actor panicked is gone, and if those behind it were taken, it would be skipped when it is sent again. The feeder
//! goes on behind the last message that was acknowledged.
//!
//! **Trust.** The protocol has no passwords and no encryption. A port listens on loopback addresses unless told otherwise. What
//! arrives is not trusted to be well-formed: frames have limits by kind, decoding is bounded, slow and silent peers are closed, and
//! each refusal is counted, told to the peer by code and text, and logged once per peer and hour.
//!
//! The format is described in `docs/remote_protocol.md`.

mod client;
mod connection;
mod counts;
mod credit;
mod link;
mod options;
mod out;
mod outbox;
mod port;
mod session;
pub mod wire;

pub use client::{Receipt, RemoteActor, RemoteError, Unacknowledged};
pub use counts::RemoteStatistics;
pub use options::{
    DEFAULT_CREDIT_BYTES, DEFAULT_CREDIT_MESSAGES, DEFAULT_IDLE, DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_MESSAGE_BYTES,
    FRAME_TIMEOUT, RemoteActorOptions, RemotePortOptions,
};
pub use wire::Refusal;

use crate::actor::directory::Directory;
use counts::Counts;
use port::Listening;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use waterwheel_operators::StreamingContext;
use waterwheel_runtime::site::Site;

/// The port of a program, for as long as it runs.
#[derive(Debug, Clone)]
pub struct RemotePort {
    address: SocketAddr,
    counts: Arc<Counts>,
}

impl RemotePort {
    /// The address that feeders connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is known of the port at present.
    pub fn statistics(&self) -> RemoteStatistics {
        self.counts.statistics()
    }
}

/// Lets remote senders in; see the [module](self).
pub trait RemoteSource {
    /// Listens for remote senders on `address` (`127.0.0.1:0` takes a free port, which the result names) from the start of the program to
    /// its end. Who connects before the start waits.
    ///
    /// A program that starts without an actor stream that calls [`remote`](crate::actor::ActorDStream::remote) ends with a fault.
    ///
    /// # Errors
    /// An address that cannot be resolved or listened on; one that other machines can reach, unless the options say so.
    ///
    /// ```
    /// use actix::prelude::*;
    /// use serde::{Deserialize, Serialize};
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// struct Lines(ActorSink<String>);
    ///
    /// impl Actor for Lines {
    ///     type Context = Context<Self>;
    /// }
    ///
    /// #[derive(Message, Serialize, Deserialize)]
    /// #[rtype(result = "Result<(), SinkClosed>")]
    /// struct Line(String);
    ///
    /// impl Handler<Line> for Lines {
    ///     type Result = Result<(), SinkClosed>;
    ///
    ///     fn handle(&mut self, Line(text): Line, _: &mut Context<Self>) -> Self::Result {
    ///         self.0.store(text)
    ///     }
    /// }
    ///
    /// let ssc = StreamingContext::new(Config::local("Remote"), milliseconds(20))?;
    /// let lines = ssc.actor_stream("lines", SupervisorPolicy::for_actors(), Lines).remote::<Line>();
    /// let (sender, received) = std::sync::mpsc::channel();
    /// lines.foreach_rdd(move |rdd| rdd.collect().map(|all| all.into_iter().for_each(|line| drop(sender.send(line)))));
    /// let port = ssc.remote_actors("127.0.0.1:0")?;
    /// let running = ssc.start()?;
    ///
    /// // Usually in another process:
    /// let feeder = RemoteActor::connect_blocking(port.address(), "lines")?;
    /// feeder.send_blocking(&Line("to be".to_owned()))?;
    /// assert_eq!(received.recv()?, "to be");
    /// feeder.close_blocking()?;
    /// running.stop(Stop::Graceful)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn remote_actors(&self, address: impl ToSocketAddrs) -> io::Result<RemotePort>;

    /// As [`remote_actors`](Self::remote_actors), with all that can be wished for.
    ///
    /// # Errors
    /// As [`remote_actors`](Self::remote_actors).
    #[track_caller]
    fn remote_actors_with(&self, address: impl ToSocketAddrs, options: RemotePortOptions) -> io::Result<RemotePort>;
}

impl RemoteSource for StreamingContext {
    fn remote_actors(&self, address: impl ToSocketAddrs) -> io::Result<RemotePort> {
        open(self, Site::here("remote_actors"), &address, RemotePortOptions::default())
    }

    fn remote_actors_with(&self, address: impl ToSocketAddrs, options: RemotePortOptions) -> io::Result<RemotePort> {
        open(self, Site::here("remote_actors_with"), &address, options)
    }
}

fn open(
    context: &StreamingContext,
    site: Site,
    address: &impl ToSocketAddrs,
    options: RemotePortOptions,
) -> io::Result<RemotePort> {
    let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
    let listener = port::bind(&addresses, &options)?;
    let (address, counts) = (listener.local_addr()?, Arc::<Counts>::default());
    let (directory, clock) = (context.extension::<Directory>(), context.engine().core().clock.clone());
    context.companion(site, Listening::new(listener, directory, &options, counts.clone(), clock));
    Ok(RemotePort { address, counts })
}
