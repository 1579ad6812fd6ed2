//! State over batches.

mod map_with_state;

pub use map_with_state::{MapWithState, State, StateMisuse, StateSpec};
