//! Identifiers: one newtype per idea, so that two integers can never be swapped.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $text:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($text, "{}"), self.0)
            }
        }
    };
}

id!(
    /// An input stream of a context, numbered from 0 in order of definition.
    StreamId(u32),
    "stream "
);
id!(
    /// An output operation of a context, numbered from 0 in order of definition.
    OutputId(u32),
    "output "
);
id!(
    /// A dataset; unique within an engine.
    RddId(u64),
    "rdd "
);
id!(
    /// A shuffle (one exchange of buckets between two stages); unique within an engine.
    ShuffleId(u64),
    "shuffle "
);
id!(
    /// A stage worker, numbered from 0 to cores - 1.
    WorkerId(usize),
    "worker "
);
id!(
    /// A context; unique within an engine.
    ContextId(u64),
    "context "
);

/// A block of received records: the unit that a receiver hands over, and one partition of a batch's input. Unique within its
/// context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockId {
    /// The input stream the block belongs to.
    pub stream: StreamId,
    /// Position of the block in its stream, from 0.
    pub sequence: u64,
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "input-{}-{}", self.stream.0, self.sequence)
    }
}
