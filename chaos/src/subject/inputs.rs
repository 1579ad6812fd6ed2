//! By which way the program receives its records.

use super::Delivery;
use super::lines::{Clerk, Promise};
use super::receiver::Acknowledging;
use super::remote::{Desk, Push};
use super::skipping::Skipping;
use crate::source::Source;
use std::net::SocketAddr;
use waterwheel::DStream;
use waterwheel::prelude::*;
use waterwheel::runtime::block::StorageLevel;

/// The stream whose records may come in again.
pub const AT_LEAST_ONCE: &str = "feeder";
/// The stream whose records come in once.
pub const ONCE: &str = "redelivering";

/// The sources of the program, and where those are that feed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// Receivers of two feeders: the one that tells connections apart, and the one that redelivers.
    Reliable(SocketAddr, SocketAddr),
    /// Actors of the same two.
    Actor(SocketAddr, SocketAddr),
    /// Actors that are sent messages at this address.
    Remote(SocketAddr),
    /// Lines that are pushed to this address.
    Http(SocketAddr),
}

impl Inputs {
    /// Those of `source`, with the addresses that it needs.
    ///
    /// # Errors
    /// What is asked for in place of these.
    pub fn new(source: Source, addresses: &[SocketAddr]) -> Result<Inputs, String> {
        match (source, addresses) {
            (Source::Reliable, [first, once]) => Ok(Inputs::Reliable(*first, *once)),
            (Source::Actor, [first, once]) => Ok(Inputs::Actor(*first, *once)),
            (Source::Remote, [address]) => Ok(Inputs::Remote(*address)),
            (Source::Http, [address]) => Ok(Inputs::Http(*address)),
            _ => Err(format!("this program has no source {source} with {} addresses", addresses.len())),
        }
    }

    /// The streams of a program in its run `run`.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub fn streams(self, ssc: &StreamingContext, run: u32) -> Result<Vec<DStream<'_, Delivery>>, Error> {
        Ok(match self {
            Inputs::Reliable(first, once) => {
                let acknowledging = move || Acknowledging { peer: first };
                let skipping = move || Skipping { peer: once };
                let first = ssc.receiver_stream(AT_LEAST_ONCE, StorageLevel::MemoryOnly, acknowledging);
                vec![first, ssc.receiver_stream(ONCE, StorageLevel::MemoryAndDisk, skipping)]
            }
            Inputs::Actor(first, once) => {
                let clerk = move |promise, peer| move |sink| Clerk::new(sink, peer, promise);
                let first = ssc.actor_stream(AT_LEAST_ONCE, restarts(), clerk(Promise::AtLeastOnce, first));
                let once = ssc.actor_stream(ONCE, restarts(), clerk(Promise::Once, once));
                vec![first.stream(), once.stream()]
            }
            Inputs::Remote(address) => {
                let desk = move |promise| move |sink| Desk::new(sink, promise, run);
                let first = ssc.actor_stream(AT_LEAST_ONCE, restarts(), desk(Promise::AtLeastOnce)).remote::<Push>();
                let once = ssc.actor_stream(ONCE, restarts(), desk(Promise::Once)).remote::<Push>();
                ssc.remote_actors(address).map_err(|error| Error::Attached(error.into()))?;
                vec![first.stream(), once.stream()]
            }
            Inputs::Http(address) => {
                let options = HttpOptions::default().with_acknowledge(Acknowledge::Stored);
                let lines = ssc.http_text_stream(address.to_string(), options);
                // What cannot be read is missing, and told as lost.
                vec![lines.flat_map(|line| line.parse::<Delivery>())]
            }
        })
    }
}

/// As often as need be, and soon: what is looked at is what becomes of the records.
fn restarts() -> SupervisorPolicy {
    SupervisorPolicy::for_actors().without_limit().delay(milliseconds(10)).max_delay(milliseconds(50))
}
