use super::*;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use waterwheel_runtime::codec::encode;
use waterwheel_runtime::state::TypeSchema;

/// What the decoder makes of `value` is what serde_json makes of it.
fn agrees<T: Serialize + DeserializeOwned>(value: &T) {
    let shape = TypeSchema::of::<T>().shape.unwrap();
    assert_eq!(decode(&shape, &encode(value).unwrap()), Ok(serde_json::to_value(value).unwrap()));
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stats {
    total: i64,
    names: Vec<String>,
    last: Option<(u8, char)>,
    ratio: f64,
    by_hour: BTreeMap<u16, i32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Event {
    Idle,
    Seen(u64),
    Moved(i16, i8),
    Named { name: String, at: f32 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tree {
    label: String,
    children: Vec<Tree>,
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = ".{0,4}".prop_map(|label| Tree { label, children: Vec::new() });
    leaf.prop_recursive(4, 20, 3, |inner| {
        (".{0,4}", proptest::collection::vec(inner, 0..3)).prop_map(|(label, children)| Tree { label, children })
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Idle),
        any::<u64>().prop_map(Event::Seen),
        any::<(i16, i8)>().prop_map(|(x, y)| Event::Moved(x, y)),
        (".{0,8}", -1e9_f32..1e9).prop_map(|(name, at)| Event::Named { name, at }),
    ]
}

proptest! {
    #[test]
    fn numbers_and_texts_are_what_serde_json_makes_of_them(
        unsigned in any::<(u8, u16, u32, u64)>(),
        signed in any::<(i8, i16, i32, i64)>(),
        (wide, large) in (any::<i64>(), any::<u64>()),
        (text, letter, flag) in (".{0,20}", any::<char>(), any::<bool>()),
    ) {
        agrees(&unsigned);
        agrees(&signed);
        agrees(&(i128::from(wide), u128::from(large)));
        agrees(&(text, letter, flag, ()));
    }

    #[test]
    fn structures_are_what_serde_json_makes_of_them(
        (total, ratio) in (any::<i64>(), -1e300..1e300),
        names in proptest::collection::vec(".{0,10}", 0..4),
        last in any::<Option<(u8, char)>>(),
        by_hour in proptest::collection::btree_map(any::<u16>(), any::<i32>(), 0..5),
        events in proptest::collection::vec(event(), 0..6),
        set in proptest::collection::btree_set(any::<i32>(), 0..300),
        tree in tree(),
    ) {
        agrees(&Stats { total, names, last, ratio, by_hour });
        agrees(&events);
        agrees::<BTreeSet<i32>>(&set);
        agrees(&tree);
    }

    #[test]
    fn bytes_that_were_cut_off_or_invented_are_an_error_or_a_value_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        events in proptest::collection::vec(event(), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for shape in [TypeSchema::of::<Stats>(), TypeSchema::of::<Vec<Event>>(), TypeSchema::of::<Tree>()] {
            let _ = decode(&shape.shape.unwrap(), &bytes);
        }
        let encoded = encode(&events).unwrap();
        let cut = encoded.get(..cut.index(encoded.len())).unwrap();
        prop_assert!(decode(&TypeSchema::of::<Vec<Event>>().shape.unwrap(), cut).is_err());
    }
}

#[test]
fn what_json_has_no_number_for_is_text() {
    let shape = TypeSchema::of::<(u128, f64)>().shape.unwrap();
    let bytes = encode(&(u128::MAX, f64::NAN)).unwrap();
    assert_eq!(decode(&shape, &bytes).unwrap(), serde_json::json!([u128::MAX.to_string(), "NaN"]));
}

#[test]
fn a_map_by_pairs_is_a_list_of_pairs() {
    let map = BTreeMap::from([((1_u8, 2_u8), "a".to_owned())]);
    let shape = TypeSchema::of::<BTreeMap<(u8, u8), String>>().shape.unwrap();
    assert_eq!(decode(&shape, &encode(&map).unwrap()).unwrap(), serde_json::json!([[[1, 2], "a"]]));
}

#[test]
fn more_bytes_than_the_value_has_are_an_error_and_so_are_elements_without_end() {
    let shape = TypeSchema::of::<u8>().shape.unwrap();
    assert_eq!(decode(&shape, &[1, 2]), Err(Undecodable("there are bytes behind its end")));
    let shape = TypeSchema::of::<Vec<()>>().shape.unwrap();
    assert_eq!(decode(&shape, &encode(&u64::MAX).unwrap()), Err(Undecodable("it has too many parts")));
}
