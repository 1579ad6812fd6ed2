//! Operators on streams that look at one batch at a time; each does to the stream what its `Rdd` namesake does to a dataset.

mod count;
mod count_by_value;
mod filter;
mod flat_map;
mod map;
mod reduce;
mod transform;
