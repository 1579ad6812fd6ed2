//! What feeds a program, by its source.

use crate::feeder::http::HttpFeeder;
use crate::feeder::port::free_address;
use crate::feeder::remote::{Orders, RemoteFeeder};
use crate::feeder::{Fed, Feeder};
use crate::source::Source;
use crate::subject::inputs::{AT_LEAST_ONCE, ONCE};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Of so many records one more is sent by the feeder that is to be taken in once.
const ONCE_OF: u64 = 4;

/// So many messages that are acknowledged may be sent again to an actor that is to take them in once.
const BACK: u64 = 40;

/// The feeders of one program, for all its runs.
#[derive(Debug)]
pub struct Feeders {
    source: Source,
    addresses: Vec<SocketAddr>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Lines { first: Feeder, once: Feeder },
    Remote { first: RemoteFeeder, once: RemoteFeeder },
    Http(HttpFeeder),
}

/// What was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Where every record says by which connection, attempt or client it came.
    pub fed: Fed,
    /// Where records are sent again as they are, and to be taken in once.
    pub again: Fed,
    /// Whether what one attempt sent is stored as a whole or not at all.
    pub whole: bool,
}

impl Feeders {
    /// Sends `rate` records a second to a program that receives them by `source`; what is drawn is drawn from `seed`.
    ///
    /// # Errors
    /// When there is no port, or no thread; a source that needs no feeder.
    pub fn start(source: Source, rate: u64, seed: u64) -> io::Result<Feeders> {
        let mut random = StdRng::seed_from_u64(seed);
        let (addresses, kind) = match source {
            Source::Reliable | Source::Actor => {
                let (first, once) = (Feeder::start(rate)?, Feeder::redelivering(rate / ONCE_OF)?);
                (vec![first.address(), once.address()], Kind::Lines { first, once })
            }
            Source::Remote => {
                let address = free_address(&mut random)?;
                let orders = Orders { name: AT_LEAST_ONCE, address, rate, back: 0, seed };
                let first = RemoteFeeder::start(orders)?;
                let orders =
                    Orders { name: ONCE, rate: rate / ONCE_OF, back: BACK, seed: seed.wrapping_add(1), ..orders };
                (vec![address], Kind::Remote { first, once: RemoteFeeder::start(orders)? })
            }
            Source::Http => {
                let address = free_address(&mut random)?;
                (vec![address], Kind::Http(HttpFeeder::start(address, rate, seed)?))
            }
            Source::Files => {
                return Err(io::Error::other("files are written, and not fed: see waterwheel_chaos::files"));
            }
        };
        Ok(Feeders { source, addresses, kind })
    }

    /// What the program is told of them.
    pub fn arguments(&self) -> Vec<String> {
        let source = ["--source".to_owned(), self.source.to_string()];
        source.into_iter().chain(self.addresses.iter().map(SocketAddr::to_string)).collect()
    }

    /// Run `run` of the program is about to begin, and the one before has ended.
    pub fn begins(&self, run: u32) {
        if let Kind::Remote { first, once } = &self.kind {
            first.begins(run);
            once.begins(run);
        }
    }

    /// Sends no new record from now on, and waits until all are acknowledged, for so long: what was sent.
    ///
    /// # Errors
    /// When that does not happen, or the program did what it must not.
    pub fn finish(&self, patience: Duration) -> Result<Sent, String> {
        let (fed, again, whole) = match &self.kind {
            Kind::Lines { first, once } => (first.finish(patience)?, once.finish(patience)?, false),
            Kind::Remote { first, once } => (first.finish(patience)?, once.finish(patience)?, false),
            Kind::Http(feeder) => (feeder.finish(patience)?, Fed::default(), true),
        };
        Ok(Sent { fed, again, whole })
    }
}
