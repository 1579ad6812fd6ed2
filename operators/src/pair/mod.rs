//! Operators on streams of (key, value).

mod combine_by_key;
mod flat_map_values;
mod group_by_key;
mod map_values;
mod partition_by;
mod reduce_by_key;
