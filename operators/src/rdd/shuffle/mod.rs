//! Operators that move records between partitions.

mod aggregate_by_key;
mod combine_by_key;
mod distinct;
mod fold_by_key;
mod group_by_key;
mod node;
mod partition_by;
mod range;
mod reduce_by_key;
mod repartition;
mod route;
mod sort_by;
mod sort_by_key;
mod table;

pub(crate) use combine_by_key::Combiner;
pub(crate) use node::Shuffle;
pub(crate) use reduce_by_key::reducer;
