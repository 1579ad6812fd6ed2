//! Programs that end, in whatever way, and go on from their checkpoint.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod blocks;
mod cadence;
mod catching_up;
mod inputs;
mod map_with_state;
mod positions;
mod replaying;
mod source;
mod state;
mod windows;
