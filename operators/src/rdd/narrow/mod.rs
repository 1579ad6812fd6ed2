//! Operators that compute a partition from partitions of their parents, in the same task, without moving a record between
//! workers on their own account.

mod cartesian;
mod coalesce;
mod filter;
mod flat_map;
mod flat_map_into;
mod flat_map_values;
mod glom;
mod key_by;
mod keys;
mod map;
mod map_partitions;
mod map_partitions_with_index;
mod map_values;
mod sample;
mod union;
mod values;
mod zip;
mod zip_partitions;
mod zip_with_index;

pub(super) use filter::Filter;
