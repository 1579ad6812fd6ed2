//! Programs that end, in whatever way, and go on from their checkpoint.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod blocks;
mod catching_up;
mod map_with_state;
mod replaying;
mod review;
mod source;
mod state;
mod windows;
