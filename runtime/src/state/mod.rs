//! The state of operators: keyed partitions in memory, the versions that batches made of them, and how they reach the storage.
//!
//! Typed state belongs to the operator that made it; the runtime sees it as a [`StateOperator`]. A [`StateStore`] is one: the
//! partitions of an operator's keyed state, each a map that is changed in place by the task that makes a version
//! ([`StatePartition`]). Nothing here knows of actors or tasks.

mod by_product;
mod disk;
mod expiry;
mod load;
pub mod look;
mod operator;
mod parallel;
mod partition;
mod rows;
mod schema;
mod segments;
mod shape;
mod store;
#[cfg(test)]
mod tests;
mod touch;
mod trace;

pub use by_product::{ByProduct, Emitted, KeepByProducts, Keyed, PlaceOf};
pub use expiry::Expiry;
pub use operator::{StateChange, StateError, StateOperator, StateSchema, StateStats, StoredState};
pub use partition::{Change, Changing, StatePartition, VersionError, Wanted};
pub use schema::{TypeDifference, TypeSchema, compare};
pub use shape::{Leaf, NodeId, Part, ROOT, Shape, ShapeNode};
pub use store::{PlaceFn, StateStore, StateStoreOptions};

use crate::time::Time;
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// What a key of state has to be.
pub trait StateKey: Clone + Eq + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<K: Clone + Eq + Serialize + DeserializeOwned + Send + Sync + 'static> StateKey for K {}

/// What may be kept for a key.
pub trait StateValue: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<S: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> StateValue for S {}

/// What later batches may read.
#[derive(Debug, Clone, Copy)]
struct Reads {
    /// Versions after this one.
    versions: Time,
    /// Which by-products.
    by_products: KeepByProducts,
}

impl Reads {
    /// Whether the way back from the version of `batch` to the one before, which is at least `slide` older, is needed.
    fn undo_of(self, batch: Time, slide: Duration) -> bool {
        batch - slide > self.versions
    }

    /// Whether the by-product of the version of `batch` is needed, when `last` is the last version that is done.
    fn by_product_of(self, batch: Time, last: Time) -> bool {
        match self.by_products {
            KeepByProducts::WithVersions => batch > self.versions,
            KeepByProducts::For(duration) => batch > last - duration,
        }
    }
}
