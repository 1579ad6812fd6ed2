//! Operators on streams that look at one batch at a time; each does to the stream what its `Rdd` namesake does to a dataset.

mod filter;
mod flat_map;
mod flat_map_into;
mod map;
