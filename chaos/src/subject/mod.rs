//! The program under test: what comes in, what is made of it, and where it goes.
//!
//! Records come from three sources: a [`receiver`] that acknowledges what is in the block log, one that [skips](skipping) what it
//! is sent again, and a [`numbers`] source that is read again by its offsets. In place of the receivers there are, as one likes
//! ([`inputs`]), actors that [do the same](lines), actors that are [sent messages](remote) from outside, or a stream that lines are pushed
//! into by HTTP. Each record is counted in everything that survives a crash ([`pipeline`]): `update_state_by_key`,
//! `map_with_state` with a timeout, a window with an inverse function, files and SQLite.

pub mod inputs;
pub mod lines;
pub mod numbers;
pub mod pipeline;
pub mod receiver;
pub mod remote;
pub mod skipped;
pub mod skipping;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use waterwheel::show_as_display;

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// What may be sent again: the connection (attempt, client and run) that brought it, from 1.
    Connection(u32),
    /// The source with offsets.
    Replay,
    /// What is sent again and taken in once: the same on every connection.
    Again,
}

/// One record as it reached the program: sent at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Delivery {
    /// Where it came from.
    pub source: Source,
    /// Its number there. The same number from two connections is the same record, resent.
    pub number: u64,
}

/// Records in a row that have the same few keys.
const EPOCH: u64 = 150;
/// Keys at a time.
const HOT: u64 = 6;
/// Keys in all.
const KEYS: u64 = 48;

impl Delivery {
    /// A record of the receiver.
    pub fn received(connection: u32, number: u64) -> Delivery {
        Delivery { source: Source::Connection(connection), number }
    }

    /// A record of the source with offsets.
    pub fn replayed(number: u64) -> Delivery {
        Delivery { source: Source::Replay, number }
    }

    /// A record of the receiver that skips.
    pub fn again(number: u64) -> Delivery {
        Delivery { source: Source::Again, number }
    }

    /// What it is counted under. Keys come in turns, so that each is idle for longer than the timeout between two of its turns.
    pub fn key(&self) -> u32 {
        let key = (self.number / EPOCH * HOT + self.number % HOT) % KEYS;
        // There are only so many.
        key as u32
    }

    /// What it is, however often it was sent: its source, whatever the connection, and its number there.
    pub fn identity(&self) -> (u8, u64) {
        let source = match self.source {
            Source::Connection(_) => Delivery::RECEIVED,
            Source::Replay => Delivery::REPLAYED,
            Source::Again => Delivery::AGAIN,
        };
        (source, self.number)
    }

    /// What the identities of the receiver's records begin with.
    pub const RECEIVED: u8 = 0;
    /// What those of the source with offsets begin with.
    pub const REPLAYED: u8 = 1;
    /// What those of the receiver that skips begin with.
    pub const AGAIN: u8 = 2;
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::Connection(connection) => write!(f, "{connection} {}", self.number),
            Source::Replay => write!(f, "replay {}", self.number),
            Source::Again => write!(f, "again {}", self.number),
        }
    }
}

show_as_display!(Delivery);

impl FromStr for Delivery {
    type Err = String;

    fn from_str(line: &str) -> Result<Delivery, String> {
        let wrong = || format!("{line:?} is not a record");
        let (source, number) = line.split_once(' ').ok_or_else(wrong)?;
        let source = match source {
            "replay" => Source::Replay,
            "again" => Source::Again,
            connection => Source::Connection(connection.parse().map_err(|_| wrong())?),
        };
        Ok(Delivery { source, number: number.parse().map_err(|_| wrong())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_is_written() {
        for delivery in [Delivery::received(3, 17), Delivery::replayed(0), Delivery::again(5)] {
            assert_eq!(delivery.to_string().parse(), Ok(delivery));
        }
        for wrong in ["", "3", "3 x", "x 3", "3 4 5"] {
            assert!(wrong.parse::<Delivery>().is_err(), "{wrong}");
        }
    }
}
