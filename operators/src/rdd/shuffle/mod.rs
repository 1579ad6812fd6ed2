//! Operators that move records between partitions.

mod combine_by_key;
mod node;
mod reduce_by_key;
mod table;

pub(crate) use node::Shuffle;
pub(crate) use reduce_by_key::reducer;
