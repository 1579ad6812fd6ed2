//! Operators that bring the keys of two datasets together.
//!
//! Both sides are moved to where their keys belong; a side that is there already stays. Then one task reads partition p of
//! both, without another shuffle. Without a partitioner in the call, that of a side is used, else as many partitions as
//! `default_parallelism` says.
//!
//! **Order.** The records of a side come to a partition ordered by (partition, position). Joins go through this side's records
//! in that order and pair each with the matches of the other side, in theirs. The other side's partition is held in memory.

mod broadcast_join;
mod cogroup;
mod full_outer_join;
mod hash_join;
mod intersection;
mod join;
mod left_outer_join;
mod matches;
mod meeting;
mod right_outer_join;
mod subtract;
mod subtract_by_key;
#[cfg(test)]
mod testing;

pub(crate) use matches::Matches;
