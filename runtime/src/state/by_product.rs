//! By-products: what making a version leaves behind beside the state.

use super::{StateKey, StateValue};
use crate::codec::CodecError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::time::Duration;

/// Tells the partition of a key; fails when the key cannot be encoded.
pub type PlaceOf<'a, K> = &'a mut dyn FnMut(&K) -> Result<usize, CodecError>;

/// What making a version of a partition leaves behind beside the state, such as records that were emitted.
pub trait ByProduct<K>: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Spreads the by-products of all partitions that stored them over `partitions` others.
    ///
    /// # Errors
    /// Those of `place`.
    fn place_anew(parts: Vec<Self>, partitions: usize, place: PlaceOf<'_, K>) -> Result<Vec<Self>, CodecError>;
}

/// None.
impl<K> ByProduct<K> for () {
    fn place_anew(_: Vec<()>, partitions: usize, _: PlaceOf<'_, K>) -> Result<Vec<()>, CodecError> {
        Ok(vec![(); partitions])
    }
}

/// Records that belong to no partition in particular. Placed anew they keep their order from partition to partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Emitted<T>(pub Vec<T>);

impl<K, T: StateValue> ByProduct<K> for Emitted<T> {
    fn place_anew(parts: Vec<Self>, partitions: usize, _: PlaceOf<'_, K>) -> Result<Vec<Self>, CodecError> {
        let mut records = parts.into_iter().flat_map(|part| part.0).peekable();
        let (total, mut placed) = (records.size_hint().0, Vec::with_capacity(partitions));
        let share = total.div_ceil(partitions.max(1));
        for partition in 0..partitions {
            let last = partition + 1 == partitions;
            let theirs = if last { usize::MAX } else { share };
            placed.push(Emitted(records.by_ref().take(theirs).collect()));
        }
        Ok(placed)
    }
}

/// Records that lie in the partition of their key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keyed<K, V>(pub Vec<(K, V)>);

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Keyed(Vec::new())
    }
}

impl<K: StateKey, V: StateValue> ByProduct<K> for Keyed<K, V> {
    fn place_anew(parts: Vec<Self>, partitions: usize, place: PlaceOf<'_, K>) -> Result<Vec<Self>, CodecError> {
        let mut placed: Vec<Self> = (0..partitions).map(|_| Keyed::default()).collect();
        for record in parts.into_iter().flat_map(|part| part.0) {
            if let Some(Keyed(records)) = placed.get_mut(place(&record.0)?) {
                records.push(record);
            }
        }
        Ok(placed)
    }
}

/// How long by-products are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepByProducts {
    /// As long as the version can be read.
    WithVersions,
    /// Until a version is done whose time is at least this much later. Versions need not be kept for it.
    For(Duration),
}
