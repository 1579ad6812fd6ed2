//! Operators that keep state from batch to batch.
//!
//! An operator has [`Steps`](step::Steps), which own its state; a batch makes a [`Step`](step::Step), which says what the
//! version of the batch is made of and how; its datasets are lazy views of the version ([`dataset`]).

mod dataset;
mod grouped;
mod map_with_state;
mod step;
mod update_state_by_key;
mod update_state_by_partition;

pub(crate) use dataset::versions;
pub use map_with_state::{MapWithState, State, StateMisuse, StateSpec};
pub(crate) use step::{Apply, Gather, Steps};
