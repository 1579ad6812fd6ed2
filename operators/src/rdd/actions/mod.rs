//! Operators that run a job and bring its result back to the caller.

mod aggregate;
mod collect;
mod count;
mod count_by_key;
mod count_by_value;
mod fold;
mod foreach;
mod foreach_partition;
mod is_empty;
mod job;
mod max;
mod min;
mod reduce;
mod take;
mod take_ordered;
mod top;
