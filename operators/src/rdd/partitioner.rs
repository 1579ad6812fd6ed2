//! Which partition a key belongs to.

use crate::record::Key;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use waterwheel_runtime::codec::{CodecError, stable_key_hash};

/// Gives a key its place, before that is taken modulo the partitions.
struct Place<K>(Box<dyn Fn(&K) -> usize + Send + Sync>);

/// Spreads keys over a fixed number of partitions.
///
/// The default hashes the encoded key with XXH3-64, so that a key has the same place in every process, build and run.
pub struct Partitioner<K> {
    partitions: usize,
    function: Option<Arc<Place<K>>>,
}

/// Tells partitioners apart: datasets with equal ones need no shuffle to meet. It is a partitioner that has forgotten the type
/// of its keys.
#[derive(Clone)]
pub struct PartitionerId {
    partitions: usize,
    /// A `Place<K>`. Held, so that no other partitioner ever gets its address.
    function: Option<Arc<dyn Any + Send + Sync>>,
}

impl PartialEq for PartitionerId {
    fn eq(&self, other: &PartitionerId) -> bool {
        let address = |id: &PartitionerId| id.function.as_ref().map(|function| Arc::as_ptr(function).cast::<()>());
        self.partitions == other.partitions && address(self) == address(other)
    }
}

impl Eq for PartitionerId {}

impl fmt::Debug for PartitionerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.partitions, self.function.is_some(), f)
    }
}

fn describe(partitions: usize, custom: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} partitioner over {partitions} partitions", if custom { "custom" } else { "hash" })
}

impl<K> Clone for Partitioner<K> {
    fn clone(&self) -> Self {
        Partitioner { partitions: self.partitions, function: self.function.clone() }
    }
}

impl<K> fmt::Debug for Partitioner<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.partitions, self.function.is_some(), f)
    }
}

impl<K> Partitioner<K> {
    /// By hash of the encoded key; `partitions` is at least 1.
    pub fn hash(partitions: usize) -> Partitioner<K> {
        Partitioner { partitions: partitions.max(1), function: None }
    }

    /// By a function of the key; its result is taken modulo `partitions`, which is at least 1.
    pub fn custom(partitions: usize, function: impl Fn(&K) -> usize + Send + Sync + 'static) -> Partitioner<K> {
        Partitioner { partitions: partitions.max(1), function: Some(Arc::new(Place(Box::new(function)))) }
    }

    /// Number of partitions.
    pub fn partitions(&self) -> usize {
        self.partitions
    }
}

impl<K: 'static> Partitioner<K> {
    /// Equal for partitioners that put every key in the same place.
    pub fn id(&self) -> PartitionerId {
        let function = self.function.clone().map(|function| function as Arc<dyn Any + Send + Sync>);
        PartitionerId { partitions: self.partitions, function }
    }

    /// The partitioner that `id` was taken of; `None` when that was for keys of another type.
    pub(crate) fn of(id: &PartitionerId) -> Option<Partitioner<K>> {
        let function = match &id.function {
            Some(function) => Some(function.clone().downcast::<Place<K>>().ok()?),
            None => None,
        };
        Some(Partitioner { partitions: id.partitions, function })
    }
}

impl<K: Key> Partitioner<K> {
    /// The partition of `key`. `scratch` is reused between calls.
    ///
    /// # Errors
    /// When the key cannot be encoded.
    pub fn partition(&self, key: &K, scratch: &mut Vec<u8>) -> Result<usize, CodecError> {
        match self.function.as_deref() {
            Some(Place(function)) => Ok(function(key) % self.partitions),
            None if self.partitions == 1 => Ok(0),
            // Lossless on 64-bit machines, and the modulus of a u64 on any.
            None => Ok((stable_key_hash(key, scratch)? % self.partitions as u64) as usize),
        }
    }
}

impl<K> From<usize> for Partitioner<K> {
    fn from(partitions: usize) -> Self {
        Partitioner::hash(partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frozen: a checkpoint of one build is read by the next.
    /// D-2
    #[test]
    fn places_of_keys_are_frozen() {
        let partitioner = Partitioner::<String>::hash(1024);
        let places: Vec<usize> = ["", "a", "hello", "wheel"]
            .map(|key| partitioner.partition(&key.to_owned(), &mut Vec::new()).unwrap())
            .to_vec();
        assert_eq!(places, [219, 580, 531, 606]);
    }

    #[test]
    fn partitioners_are_equal_when_they_place_alike() {
        assert_eq!(Partitioner::<u8>::hash(4).id(), Partitioner::<u8>::from(4).id());
        assert_ne!(Partitioner::<u8>::hash(4).id(), Partitioner::<u8>::hash(5).id());
        let custom = Partitioner::<u8>::custom(4, |key| usize::from(*key));
        assert_eq!(custom.id(), custom.clone().id());
        assert_ne!(custom.id(), Partitioner::<u8>::hash(4).id());
    }

    #[test]
    fn a_partitioner_is_had_again_from_its_id_with_the_type_of_its_keys() {
        let custom = Partitioner::<u8>::custom(4, |key| usize::from(*key));
        let again = Partitioner::<u8>::of(&custom.id()).unwrap();
        assert_eq!(again.id(), custom.id());
        assert_eq!(again.partition(&7, &mut Vec::new()).unwrap(), 3);
        assert!(Partitioner::<u16>::of(&custom.id()).is_none());
        assert_eq!(
            Partitioner::<u8>::of(&Partitioner::<u8>::hash(3).id()).unwrap().id(),
            Partitioner::<u8>::hash(3).id()
        );
    }

    #[test]
    fn a_custom_function_is_taken_modulo_the_partitions() {
        let partitioner = Partitioner::<u32>::custom(3, |key| *key as usize);
        assert_eq!(partitioner.partition(&7, &mut Vec::new()).unwrap(), 1);
    }
}
