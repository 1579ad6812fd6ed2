//! Operators that run a job and bring its result back to the caller.

mod aggregate;
mod collect;
mod count;
mod count_by_key;
mod count_by_value;
mod fold;
mod foreach;
mod foreach_partition;
mod foreach_partition_with;
mod is_empty;
mod job;
mod max;
mod min;
mod reduce;
mod save_as_object_file;
mod save_as_text_file;
mod take;
mod take_ordered;
mod top;
