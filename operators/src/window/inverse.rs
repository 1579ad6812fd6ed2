//! Windows that are made of the one before: what has left is taken out, what has come is put in.
//!
//! The window is state: for every key what its values come to, and in how many units of the window it is. The reduction of each
//! unit is kept as the by-product of the version in which it entered, until it has left. A slide touches the keys of the units that
//! enter and leave, and nothing else. [`sliding`](super::sliding) says which units those are.
//!
//! **The filter** decides what is shown, and what is forgotten: a key that is in no unit of the window any more and that it would
//! not show. A key that is still in the window keeps its state, shown or not, so that its values can leave. Hence the result is
//! that of the recomputed window, filtered.

mod stream;
#[cfg(test)]
mod tests;

use super::sliding::Sliding;
use super::unit::{Reduced, Unit};
use crate::rdd::{CHUNK, Partitioner};
use crate::record::{Key, Record};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use waterwheel_runtime::state::{Change, Changing};

/// Whether a key is shown.
type Filter<K, V> = Arc<dyn Fn(&K, &V) -> bool + Send + Sync>;

/// How a window with an inverse function is partitioned and filtered, where it is:
/// [`reduce_by_key_and_window_inverse_with`](crate::DStream::reduce_by_key_and_window_inverse_with). A number of partitions or a
/// partitioner will do in its place.
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// let counted = InverseWindow::<String, u64>::new().filter(|_, count| *count > 0).partitioner(4);
/// let spread = InverseWindow::<String, u64>::from(4);
/// # let _ = (counted, spread);
/// ```
pub struct InverseWindow<K, V> {
    pub(super) partitioner: Option<Partitioner<K>>,
    pub(super) filter: Option<Filter<K, V>>,
}

impl<K, V> InverseWindow<K, V> {
    /// As many partitions as `default_parallelism` says, and all keys.
    pub fn new() -> InverseWindow<K, V> {
        InverseWindow { partitioner: None, filter: None }
    }

    /// The keys are spread by `partitioner`, which may be a number of partitions.
    #[must_use]
    pub fn partitioner(mut self, partitioner: impl Into<Partitioner<K>>) -> InverseWindow<K, V> {
        self.partitioner = Some(partitioner.into());
        self
    }

    /// Of the result only those keys are shown for which `filter` is true, given the key and what its values in the window come
    /// to. A key that it does not show and that has no value in the window is forgotten. All keys are shown without it.
    #[must_use]
    pub fn filter(mut self, filter: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> InverseWindow<K, V> {
        self.filter = Some(Arc::new(filter));
        self
    }
}

impl<K, V> Default for InverseWindow<K, V> {
    fn default() -> Self {
        InverseWindow::new()
    }
}

impl<K, V> Clone for InverseWindow<K, V> {
    fn clone(&self) -> Self {
        InverseWindow { partitioner: self.partitioner.clone(), filter: self.filter.clone() }
    }
}

impl<K, V> fmt::Debug for InverseWindow<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InverseWindow")
            .field("partitioner", &self.partitioner)
            .field("filter", &self.filter.is_some())
            .finish()
    }
}

impl<K, V> From<Partitioner<K>> for InverseWindow<K, V> {
    fn from(partitioner: Partitioner<K>) -> Self {
        InverseWindow::new().partitioner(partitioner)
    }
}

impl<K, V> From<usize> for InverseWindow<K, V> {
    fn from(partitions: usize) -> Self {
        InverseWindow::new().partitioner(partitions)
    }
}

/// What a window has of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held<V> {
    /// What its values come to.
    pub(super) value: V,
    /// In how many units of the window it is.
    pub(super) units: u32,
}

/// A key leaves the window that has never entered it.
#[derive(Debug, Error)]
#[error("a key leaves the window that is not in it; its `Eq` and its encoding have to agree: equal keys, equal bytes")]
pub(super) struct NotInWindow;

/// The functions of a window.
pub(super) struct Inverse<K, V> {
    pub(super) f: Arc<dyn Fn(V, V) -> V + Send + Sync>,
    pub(super) inverse: Arc<dyn Fn(V, V) -> V + Send + Sync>,
    pub(super) filter: Option<Filter<K, V>>,
}

impl<K: Key, V: Record> Inverse<K, V> {
    /// Makes the next window of a partition, in which `entering` is what has come, and keeps that until it leaves.
    pub(super) fn slide(
        &self,
        sliding: Sliding,
        window: &mut Changing<'_, K, Held<V>, Unit<K, V>>,
        entering: Unit<K, V>,
    ) -> Result<Unit<K, V>, NotInWindow> {
        let leaving: Vec<_> = match window.by_products().next_back() {
            Some((last, _)) => {
                let leaving = sliding.leaving(last, window.batch());
                let units = window.by_products().filter(|(end, _)| leaving.contains(*end));
                units.map(|(_, unit)| unit.clone()).collect()
            }
            None => Vec::new(),
        };
        let emptied = self.take_out(window, &leaving)?;
        self.put_in(window, &entering);
        for (hash, key) in emptied {
            if window.get(hash, &key).is_some_and(|held| held.units == 0 && !self.shows(&key, &held.value)) {
                window.remove(hash, &key);
            }
        }
        Ok(entering)
    }

    /// Takes the units that leave, given in order of time, out of the window. Returns the keys that may be forgotten.
    fn take_out(
        &self,
        window: &mut Changing<'_, K, Held<V>, Unit<K, V>>,
        leaving: &[Arc<Unit<K, V>>],
    ) -> Result<Vec<(u64, K)>, NotInWindow> {
        let mut emptied = Vec::new();
        Unit::each_together(leaving, &*self.f, |hash, key, left, units| {
            window.change(hash, key, |held| {
                let held = held.ok_or(NotInWindow)?;
                let units = held.units.checked_sub(units).ok_or(NotInWindow)?;
                let value = (self.inverse)(held.value.clone(), left);
                if units == 0 && self.filter.is_some() {
                    emptied.push((hash, key.clone()));
                }
                Ok(Change::Set(Held { value, units }))
            })
        })?;
        Ok(emptied)
    }

    fn put_in(&self, window: &mut Changing<'_, K, Held<V>, Unit<K, V>>, entering: &Unit<K, V>) {
        for chunk in entering.entries().chunks(CHUNK) {
            window.look_ahead(chunk.iter().map(|reduced| (reduced.hash, &reduced.key)));
            chunk.iter().for_each(|reduced| self.put_in_one(window, reduced));
        }
    }

    fn put_in_one(&self, window: &mut Changing<'_, K, Held<V>, Unit<K, V>>, entering: &Reduced<K, V>) {
        let Reduced { hash, key, value } = entering;
        let Ok(()) = window.change::<Infallible>(*hash, key, |held| {
            Ok(Change::Set(match held {
                Some(Held { value: before, units }) => {
                    Held { value: (self.f)(before.clone(), value.clone()), units: units + 1 }
                }
                None => Held { value: value.clone(), units: 1 },
            }))
        });
    }

    /// Whether the result has the key.
    pub(super) fn shows(&self, key: &K, value: &V) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter(key, value))
    }
}
