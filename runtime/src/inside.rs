//! Which threads belong to an engine, and how many of them there are.
//!
//! User code runs on all of them: tasks, outputs, listeners, sources. If it waited there for its context or engine to end, it
//! would wait for itself.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Apart from the mark, which can be read even while the thread ends.
    static COUNTED: RefCell<Option<Counted>> = const { RefCell::new(None) };
}

/// How many threads of an engine, and of the contexts on it, have not ended. It outlives the engine and keeps nothing alive.
#[derive(Debug, Clone, Default)]
pub struct ThreadCount(Arc<AtomicUsize>);

impl ThreadCount {
    /// The number of threads at present.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// That of the engine which the calling thread belongs to; a new one on any other thread.
    pub(crate) fn of_this_thread() -> ThreadCount {
        COUNTED.with_borrow(|counted| counted.as_ref().map(|counted| counted.0.clone())).unwrap_or_default()
    }
}

/// One thread, counted until it ends.
struct Counted(ThreadCount);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Release);
    }
}

/// The calling thread belongs to the engine of `count` from here on, to its end.
pub(crate) fn mark_engine_thread(count: ThreadCount) {
    INSIDE.set(true);
    count.0.fetch_add(1, Ordering::Release);
    COUNTED.set(Some(Counted(count)));
}

/// Whether the calling thread belongs to an engine (or to a context that runs on one).
pub fn on_engine_thread() -> bool {
    INSIDE.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_counted_once_and_until_it_ends() {
        let count = ThreadCount::default();
        let theirs = count.clone();
        let seen = std::thread::spawn(move || {
            mark_engine_thread(theirs.clone());
            mark_engine_thread(ThreadCount::of_this_thread());
            (on_engine_thread(), theirs.now())
        });
        assert_eq!((seen.join().unwrap(), count.now()), ((true, 1), 0));
        assert_eq!((on_engine_thread(), ThreadCount::of_this_thread().now()), (false, 0));
    }
}
