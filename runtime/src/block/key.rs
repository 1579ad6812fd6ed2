//! The name under which a block's data is stored.

use std::fmt;

use crate::ids::{BlockId, ContextId, RddId};

/// What a stored block holds: received records, or one partition of a cached dataset.
///
/// ```
/// use waterwheel_runtime::block::BlockKey;
/// use waterwheel_runtime::ids::{BlockId, ContextId, RddId, StreamId};
///
/// assert_eq!(BlockKey::Input(ContextId(2), BlockId { stream: StreamId(0), sequence: 17 }).to_string(), "context-2-input-0-17");
/// assert_eq!(BlockKey::Rdd { rdd: RddId(3), partition: 12 }.to_string(), "rdd-3-12");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BlockKey {
    /// A received block of a context: contexts that share an engine share its store. It cannot be computed again, so it is never dropped to make room.
    Input(ContextId, BlockId),
    /// A partition of a cached dataset. It can be computed again from its lineage.
    Rdd {
        /// The dataset.
        rdd: RddId,
        /// The partition within the dataset.
        partition: usize,
    },
}

impl BlockKey {
    /// Whether the data could be had again if it were dropped.
    pub const fn recomputable(&self) -> bool {
        match self {
            Self::Input(..) => false,
            Self::Rdd { .. } => true,
        }
    }
}

impl fmt::Display for BlockKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(context, block) => write!(formatter, "context-{}-{block}", context.0),
            Self::Rdd { rdd, partition } => write!(formatter, "rdd-{}-{partition}", rdd.0),
        }
    }
}
