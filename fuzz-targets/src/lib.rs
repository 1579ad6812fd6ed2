//! What decoders promise of any bytes, as functions that a fuzzer calls: no panic, bounded memory, the same result wherever a
//! stream is cut.
//!
//! The functions are plain, and compile with any toolchain. The folder `fuzz/` makes programs of them for `cargo fuzz`, which needs
//! a nightly one; the test of this crate runs each over its corpus in `fuzz/corpus/` and over some thousand mutations of it, with
//! the ordinary tests. A function panics when a promise is broken; there is nothing else that it says.

pub mod mutate;
mod targets;

pub use targets::{TARGETS, Target};

/// Runs the target `name` on `bytes`; nothing when there is none.
pub fn run(name: &str, bytes: &[u8]) {
    if let Some(target) = TARGETS.iter().find(|target| target.name == name) {
        (target.run)(bytes);
    }
}
