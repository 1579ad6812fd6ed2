//! Operators on streams of (key, value).

mod broadcast_join;
mod cogroup;
mod combine_by_key;
mod flat_map_values;
mod full_outer_join;
mod group_by_key;
mod join;
mod left_outer_join;
mod map_values;
mod partition_by;
mod reduce_by_key;
mod right_outer_join;
