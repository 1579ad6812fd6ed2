//! Operators that move records between partitions.

mod combine_by_key;
mod node;
mod reduce_by_key;

pub(crate) use node::Shuffle;
