//! Which threads belong to an engine.
//!
//! User code runs on all of them: tasks, outputs, listeners, sources. If it waited there for its context or engine to end, it
//! would wait for itself.

use std::cell::Cell;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread belongs to an engine from here on, to its end.
pub(crate) fn mark_engine_thread() {
    INSIDE.set(true);
}

/// Whether the calling thread belongs to an engine (or to a context that runs on one).
pub fn on_engine_thread() -> bool {
    INSIDE.get()
}
