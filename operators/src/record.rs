//! What a record has to be.

use serde::{Serialize, de::DeserializeOwned};

/// Anything that flows through operators: it can be copied to another task and used from its thread.
pub trait Data: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Data for T {}

/// A record that is shuffled by key, stored in a block or persisted: it can also be written to bytes.
pub trait Record: Data + Serialize + DeserializeOwned {}
impl<T: Data + Serialize + DeserializeOwned> Record for T {}

/// A key: a record that can be compared and hashed. Its place in a shuffle comes from its encoded bytes, so that it is the
/// same in every process, build and run.
pub trait Key: Record + Eq + std::hash::Hash {}
impl<T: Record + Eq + std::hash::Hash> Key for T {}
