//! `Broadcast<T>`: a value that tasks read.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A value that every task reads and nobody changes. A cheap handle: clones are the same value, which is dropped with the last.
///
/// In one process this is a shared pointer. Reference data that changes while a stream runs is a [`Dataset`](super::Dataset).
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// let names = Broadcast::new(vec!["zero", "one", "two"]);
/// let engine = Engine::local(1)?;
/// let spelt = engine.parallelize([2usize, 0], 1).map({
///     let names = names.clone();
///     move |n| names[n]
/// });
/// assert_eq!(spelt.collect()?, ["two", "zero"]);
/// assert_eq!(names.value().len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Broadcast<T>(Arc<T>);

impl<T> Broadcast<T> {
    /// Shares `value`.
    pub fn new(value: T) -> Broadcast<T> {
        Broadcast(Arc::new(value))
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Broadcast(self.0.clone())
    }
}

impl<T> Deref for Broadcast<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broadcast").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_the_same_value_and_need_not_copy_it() {
        struct Unclonable(u8);
        let shared = Broadcast::new(Unclonable(7));
        let clone = shared.clone();
        assert!(std::ptr::eq(shared.value(), clone.value()));
        drop(shared);
        assert_eq!(clone.0.0, 7);
    }
}
