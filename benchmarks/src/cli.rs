//! Values that several subcommands take.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// An engine that runs a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// Waterwheel itself.
    Waterwheel,
    /// Waterwheel with its monitor, and a page that follows it.
    Monitored,
    /// A loop written by hand for the workload: the ceiling.
    Handwritten,
    /// renoir.
    Renoir,
    /// timely dataflow.
    Timely,
}

/// The peers to run: one, or all that a workload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peers {
    /// Every peer of the workload.
    All,
    /// Waterwheel itself.
    Waterwheel,
    /// A loop written by hand for the workload.
    Handwritten,
    /// renoir.
    Renoir,
    /// timely dataflow.
    Timely,
}

/// What a word is held in once it is split off its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Records {
    /// An owned `String` for each word.
    String,
    /// A `CompactString` for each word: short words need no allocation.
    Compact,
}

impl Peers {
    /// The peers chosen out of those a workload has; an error-free empty list if it lacks the one asked for.
    pub(crate) fn of(self, available: &[Peer]) -> Vec<Peer> {
        let one = match self {
            Peers::All => return available.to_vec(),
            Peers::Waterwheel => Peer::Waterwheel,
            Peers::Handwritten => Peer::Handwritten,
            Peers::Renoir => Peer::Renoir,
            Peers::Timely => Peer::Timely,
        };
        available.iter().copied().filter(|peer| *peer == one).collect()
    }
}

/// The peers that are run: those that were chosen, and when it is asked for, Waterwheel with its monitor right behind itself.
pub(crate) fn with_monitored(mut peers: Vec<Peer>, monitored: bool) -> Vec<Peer> {
    if let Some(place) = peers.iter().position(|peer| *peer == Peer::Waterwheel).filter(|_| monitored) {
        peers.insert(place + 1, Peer::Monitored);
    }
    peers
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Peer::Waterwheel => "waterwheel",
            Peer::Monitored => "monitored",
            Peer::Handwritten => "handwritten",
            Peer::Renoir => "renoir",
            Peer::Timely => "timely",
        })
    }
}

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Records::String => "string",
            Records::Compact => "compact",
        })
    }
}
