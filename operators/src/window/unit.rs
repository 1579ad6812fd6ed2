//! What one unit of a window with an inverse function holds: kept as long as the window, and stored with its state.

use crate::rdd::KeyTable;
use crate::record::{Key, Record};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use waterwheel_runtime::codec::{CodecError, stable_key_hash};
use waterwheel_runtime::state::{ByProduct, PlaceOf};

/// The reduction of a unit: each key once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit<K, V>(Vec<Reduced<K, V>>);

/// What the values of a key come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reduced<K, V> {
    /// The stable hash of the key, which every slide that has to do with it would have to compute again.
    pub(super) hash: u64,
    pub(super) key: K,
    pub(super) value: V,
}

impl<K: Key, V: Record> Unit<K, V> {
    /// The reduction that `records` are, each key once.
    pub(super) fn of(records: impl IntoIterator<Item = (K, V)>) -> Result<Unit<K, V>, CodecError> {
        let mut scratch = Vec::new();
        let hashed = |(key, value)| stable_key_hash(&key, &mut scratch).map(|hash| Reduced { hash, key, value });
        records.into_iter().map(hashed).collect::<Result<_, _>>().map(Unit)
    }

    pub(super) fn entries(&self) -> &[Reduced<K, V>] {
        &self.0
    }

    /// Calls `each` with what `units`, given in order of time, come to together: with every key, its hash, its value, and the
    /// number of units that it is in.
    pub(super) fn each_together<E>(
        units: &[Arc<Unit<K, V>>],
        f: impl Fn(V, V) -> V,
        mut each: impl FnMut(u64, &K, V, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        if let [unit] = units {
            return unit.0.iter().try_for_each(|one| each(one.hash, &one.key, one.value.clone(), 1));
        }
        let mut table: KeyTable<&K, Option<(u64, V, u32)>> = KeyTable::with_capacity(0);
        for Reduced { hash, key, value } in units.iter().flat_map(|unit| &unit.0) {
            let add = |sum: &mut Option<(u64, V, u32)>| {
                *sum = Some(match sum.take() {
                    Some((hash, before, units)) => (hash, f(before, value.clone()), units + 1),
                    None => (*hash, value.clone(), 1),
                });
            };
            table.update(key, |key| key, || None, add);
        }
        let together = table.into_entries().into_iter().filter_map(|(key, sum)| Some((key, sum?)));
        together.into_iter().try_for_each(|(key, (hash, value, units))| each(hash, key, value, units))
    }
}

/// As pairs: the hash follows from the key.
impl<K: Serialize, V: Serialize> Serialize for Unit<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|reduced| (&reduced.key, &reduced.value)))
    }
}

impl<'de, K: Key, V: Record> Deserialize<'de> for Unit<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Unit<K, V>, D::Error> {
        Unit::of(Vec::<(K, V)>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<K: Key, V: Record> ByProduct<K> for Unit<K, V> {
    fn place_anew(parts: Vec<Self>, partitions: usize, place: PlaceOf<'_, K>) -> Result<Vec<Self>, CodecError> {
        let mut placed: Vec<Self> = (0..partitions).map(|_| Unit(Vec::new())).collect();
        for reduced in parts.into_iter().flat_map(|part| part.0) {
            if let Some(Unit(records)) = placed.get_mut(place(&reduced.key)?) {
                records.push(reduced);
            }
        }
        Ok(placed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waterwheel_runtime::codec::{decode, encode};

    fn unit(records: &[(&str, &str)]) -> Unit<String, String> {
        Unit::of(records.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).unwrap()
    }

    #[test]
    fn units_come_to_their_values_in_order_of_time() {
        let (first, second) = (Arc::new(unit(&[("a", "1"), ("b", "2")])), Arc::new(unit(&[("c", "3"), ("a", "4")])));
        let together = |units: &[&Arc<Unit<String, String>>]| {
            let units: Vec<_> = units.iter().map(|unit| Arc::clone(unit)).collect();
            let mut found = Vec::new();
            Unit::each_together(
                &units,
                |a, b| a + &b,
                |hash, key, value, units| {
                    assert_eq!(hash, stable_key_hash(key, &mut Vec::new()).unwrap());
                    found.push(format!("{key}:{value}x{units}"));
                    Ok::<(), CodecError>(())
                },
            )
            .unwrap();
            found
        };
        assert_eq!(together(&[&first]), ["a:1x1", "b:2x1"]);
        assert_eq!(together(&[&first, &second]), ["a:14x2", "b:2x1", "c:3x1"]);
        assert_eq!(together(&[&second, &first]), ["c:3x1", "a:41x2", "b:2x1"]);
        assert!(together(&[]).is_empty());
    }

    #[test]
    fn the_hash_is_not_stored_and_is_there_again() {
        let stored = unit(&[("a", "1"), ("b", "2")]);
        let bytes = encode(&stored).unwrap();
        assert_eq!(bytes, encode(&[("a", "1"), ("b", "2")].to_vec()).unwrap());
        assert_eq!(decode::<Unit<String, String>>(&bytes, 100).unwrap(), stored);
    }

    #[test]
    fn every_key_goes_where_it_is_placed() {
        let parts = vec![unit(&[("a", "1"), ("bb", "2")]), unit(&[("cc", "3"), ("d", "4")])];
        let placed = Unit::place_anew(parts, 3, &mut |key: &String| Ok(key.len())).unwrap();
        assert_eq!(placed, [unit(&[]), unit(&[("a", "1"), ("d", "4")]), unit(&[("bb", "2"), ("cc", "3")])]);
    }
}
