//! Operators on streams that look at one batch at a time; each does to the stream what its `Rdd` namesake does to a dataset.

mod count;
mod count_by_value;
mod filter;
mod flat_map;
mod flat_map_into;
mod glom;
mod map;
mod map_partitions;
mod map_partitions_with_index;
mod persist;
mod reduce;
mod repartition;
mod transform;
mod transform_with;
mod union;
