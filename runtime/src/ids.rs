//! Identifiers of the things a runtime names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An input stream of a context, numbered in the order of its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId(pub u32);

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stream-{}", self.0)
    }
}

/// A block of received records: the stream it came in on and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockId {
    /// The stream that received the block.
    pub stream: StreamId,
    /// The number of the block within its stream.
    pub sequence: u64,
}

impl fmt::Display for BlockId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "input-{}-{}", self.stream.0, self.sequence)
    }
}

/// A dataset of one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RddId(pub u64);

impl fmt::Display for RddId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "rdd-{}", self.0)
    }
}
