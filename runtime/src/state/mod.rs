//! The state of operators: keyed partitions in memory, the versions that batches made of them, and how they reach the storage.
//!
//! Typed state belongs to the operator that made it; the runtime sees it as a [`StateOperator`].

mod expiry;
mod operator;

pub use expiry::Expiry;
pub use operator::{StateChange, StateError, StateOperator, StateSchema, StateStats, StoredState, TypeSchema};
