//! Operators that compute a partition from one partition of the parent, in the same task.

mod filter;
mod flat_map;
mod flat_map_into;
mod glom;
mod map;
