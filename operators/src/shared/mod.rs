//! What the tasks of a program share besides their records: values to read, places to add to, data to look keys up in.

mod accumulate;
mod accumulator;
mod broadcast;
mod dataset;

pub use accumulate::Accumulate;
pub use accumulator::Accumulator;
pub use broadcast::Broadcast;
pub use dataset::{Dataset, Snapshot};

use crate::context::StreamingContext;
use waterwheel_runtime::engine::Engine;
use waterwheel_runtime::site::Site;

/// Makes shared variables; on an [`Engine`] and on a [`StreamingContext`].
pub trait SharedVariables {
    /// A value that tasks read and nobody changes; see [`Broadcast`].
    ///
    /// ```
    /// use waterwheel_operators::prelude::*;
    ///
    /// let engine = Engine::local(2)?;
    /// let banned = engine.broadcast(["spam", "ham"]);
    /// let words = engine.parallelize(["eggs", "spam"], 2).filter(move |word| !banned.contains(word));
    /// assert_eq!(words.collect()?, ["eggs"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn broadcast<T>(&self, value: T) -> Broadcast<T> {
        Broadcast::new(value)
    }

    /// A value that tasks add to, beginning with `start`; see [`Accumulator`].
    ///
    /// ```
    /// use waterwheel_operators::prelude::*;
    ///
    /// let engine = Engine::local(2)?;
    /// let blank = engine.accumulator("blank lines", 0u64);
    /// let counting = blank.clone();
    /// engine.parallelize(["to be", "", "or not", ""], 2).foreach(move |line| {
    ///     if line.is_empty() {
    ///         counting.add(1);
    ///     }
    /// })?;
    /// assert_eq!(blank.value(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn accumulator<A: Accumulate>(&self, name: impl Into<String>, start: A) -> Accumulator<A> {
        Accumulator::at(Site::here("accumulator"), name.into(), start)
    }
}

impl SharedVariables for Engine {}

impl SharedVariables for StreamingContext {}
