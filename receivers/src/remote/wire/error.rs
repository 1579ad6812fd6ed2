//! Why bytes are not what the protocol says.

use super::{Refusal, VERSION};
use thiserror::Error;

/// Bytes from the other side that are no frames of this protocol. The connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// It does not begin as this protocol does: something else speaks there.
    #[error("the other side does not speak this protocol: it begins with {begins:?}")]
    NotOurs {
        /// What it begins with.
        begins: [u8; 4],
    },
    /// It speaks another version.
    #[error("the other side speaks version {theirs} of the protocol, and this side {VERSION}")]
    Version {
        /// Its version.
        theirs: u16,
    },
    /// A frame without a kind.
    #[error("a frame is empty")]
    Empty,
    /// A frame is longer than those of its kind may be.
    #[error("a frame of kind {kind} announces {length} bytes, and {limit} are allowed")]
    TooLong {
        /// Its kind.
        kind: u8,
        /// Its length.
        length: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// There is no such kind, or this side does not take it from the other.
    #[error("a frame is of kind {kind}, which is not taken from this side")]
    Kind {
        /// The kind.
        kind: u8,
    },
    /// What is in a frame does not fit its kind.
    #[error("a frame of kind {kind} is malformed: {what}")]
    Malformed {
        /// Its kind.
        kind: u8,
        /// What is wrong.
        what: &'static str,
    },
}

impl WireError {
    /// How it is refused.
    pub fn refusal(&self) -> Refusal {
        match self {
            WireError::Version { .. } => Refusal::Version,
            WireError::TooLong { .. } => Refusal::TooLarge,
            _ => Refusal::Protocol,
        }
    }
}
