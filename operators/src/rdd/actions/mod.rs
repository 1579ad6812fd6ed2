//! Operators that run a job and bring its result back to the caller.

mod collect;
mod count;
mod job;
mod take;
