//! The byte format of everything that leaves memory.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::fmt::Debug;
use waterwheel_runtime::codec::{MemoryBudget, decode, decode_within, encode, sequence_length};

const LIMIT: usize = 512;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Named { name: String, inner: Option<Box<Shape>> },
    Many(Vec<(i64, char)>),
}

/// What is decoded can be encoded, and is itself when it is decoded again.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    // Within bounds it is the same value, or none, and one that is refused has not taken much more.
    let memory = MemoryBudget::new(LIMIT);
    let within = decode_within::<T>(bytes, LIMIT, &memory);
    assert!(within.is_err() || !memory.is_exceeded());
    if let Ok(value) = within {
        assert_eq!(decode::<T>(bytes, LIMIT).ok(), Some(value));
    }
    let Ok(value) = decode::<T>(bytes, LIMIT) else { return };
    assert!(bytes.len() <= LIMIT);
    let again = encode(&value).map(|bytes| decode::<T>(&bytes, 16 * LIMIT));
    assert!(matches!(&again, Ok(Ok(same)) if *same == value), "{value:?} became {again:?}");
}

pub(super) fn run(bytes: &[u8]) {
    check::<String>(bytes);
    check::<Vec<String>>(bytes);
    check::<Vec<()>>(bytes);
    check::<(u8, i128, bool, Option<u16>)>(bytes);
    check::<BTreeMap<String, Vec<u8>>>(bytes);
    check::<Vec<Shape>>(bytes);
    let announced = sequence_length(bytes);
    if let Ok(values) = decode::<Vec<u8>>(bytes, LIMIT) {
        assert_eq!(announced, Some(values.len() as u64));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let shapes = vec![
        Shape::Point,
        Shape::Circle(70_000),
        Shape::Named { name: "n".to_owned(), inner: Some(Box::new(Shape::Point)) },
        Shape::Many(vec![(-1, 'x'), (i64::MIN, '\u{1F4A7}')]),
    ];
    let map = BTreeMap::from([(String::new(), vec![]), ("key".to_owned(), vec![0, 255])]);
    let encoded = [
        encode("tide"),
        encode(&["to", "", "be"].as_slice()),
        encode(&vec![(); 300]),
        encode(&(1_u8, -1_i128, true, Some(70_u16))),
        encode(&map),
        encode(&shapes),
    ];
    let damaged = [vec![253, 255, 255, 255, 255, 255, 255, 255, 255], vec![254], vec![255]];
    encoded.into_iter().flatten().chain(damaged).collect()
}
