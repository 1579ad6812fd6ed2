//! `map_with_state`: a function of each record and the state of its key.
//!
//! [`spec`] says what is done and how the states are kept, [`state`] is what the function sees, [`kernel`] is one batch in one
//! partition,
//! [`stream`] puts them into the graph.

mod kernel;
#[cfg(test)]
mod reload;
mod spec;
mod state;
mod stream;

pub use spec::StateSpec;
pub use state::{State, StateMisuse};
pub use stream::MapWithState;
