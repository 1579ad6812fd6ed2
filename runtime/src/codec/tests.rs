use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::*;

const LIMIT: usize = 1 << 20;

/// One of every shape that serde has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(Option<String>),
    Tuple(i64, f64, char, Name),
    Struct { flags: Vec<bool>, counts: BTreeMap<String, (u8, i128)>, nested: Box<Option<Shape>>, nothing: () },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Name(String);

/// Asks for an owned byte buffer, as byte-buffer types do.
#[derive(Debug, PartialEq)]
struct ByteBuffer(Vec<u8>);

impl<'de> Deserialize<'de> for ByteBuffer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BufferVisitor;
        impl Visitor<'_> for BufferVisitor {
            type Value = ByteBuffer;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<ByteBuffer, E> {
                Ok(ByteBuffer(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(BufferVisitor)
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf =
        prop_oneof![
            Just(Shape::Unit),
            any::<Option<String>>().prop_map(Shape::Newtype),
            (any::<i64>(), -1e9..1e9, any::<char>(), any::<String>())
                .prop_map(|(whole, real, letter, name)| Shape::Tuple(whole, real, letter, Name(name))),
        ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let counts = proptest::collection::btree_map(any::<String>(), any::<(u8, i128)>(), 0..4);
        (any::<Vec<bool>>(), counts, proptest::option::of(inner)).prop_map(|(flags, counts, nested)| Shape::Struct {
            flags,
            counts,
            nested: Box::new(nested),
            nothing: (),
        })
    })
}

/// A length field that announces `length` elements, with nothing behind it.
fn announced(length: u64) -> Vec<u8> {
    encode(&length).unwrap()
}

proptest! {
    #[test]
    fn every_shape_of_value_survives_a_round_trip(value in shapes()) {
        let bytes = encode(&value).unwrap();
        prop_assert_eq!(decode::<Shape>(&bytes, LIMIT).unwrap(), value);
    }

    #[test]
    fn arbitrary_bytes_decode_to_an_error_or_to_a_value_never_to_a_panic(bytes: Vec<u8>) {
        let _ = decode::<Vec<Shape>>(&bytes, LIMIT);
        let _ = decode::<ByteBuffer>(&bytes, LIMIT);
    }

    #[test]
    fn a_value_cut_short_anywhere_is_an_error(value in shapes(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&value).unwrap();
        let head = bytes.get(..cut.index(bytes.len())).unwrap();
        prop_assert!(decode::<Shape>(head, LIMIT).is_err());
    }
}

#[test]
fn an_announced_length_without_bytes_behind_it_reserves_nothing() {
    for length in [1, LIMIT as u64, 1 << 40, u64::MAX >> 1, u64::MAX] {
        let bytes = announced(length);
        assert!(matches!(decode::<String>(&bytes, LIMIT), Err(CodecError::Decode { .. })), "string of {length}");
        assert!(matches!(decode::<ByteBuffer>(&bytes, LIMIT), Err(CodecError::Decode { .. })), "buffer of {length}");
        assert!(matches!(decode::<Vec<u64>>(&bytes, LIMIT), Err(CodecError::Decode { .. })), "sequence of {length}");
        assert!(matches!(decode::<BTreeMap<u8, u8>>(&bytes, LIMIT), Err(CodecError::Decode { .. })), "map of {length}");
    }
}

#[test]
fn records_that_take_no_bytes_are_limited_in_number() {
    assert_eq!(decode::<Vec<()>>(&announced(1_000), 1_000).unwrap().len(), 1_000);
    assert!(matches!(decode::<Vec<()>>(&announced(1_001), 1_000), Err(CodecError::Decode { .. })));
    assert!(matches!(decode::<Vec<()>>(&announced(u64::MAX), LIMIT), Err(CodecError::Decode { .. })));
}

#[test]
fn input_beyond_the_limit_is_refused_unread() {
    let bytes = encode("twelve bytes").unwrap();
    assert_eq!(decode::<String>(&bytes, 13).unwrap(), "twelve bytes");
    assert!(matches!(decode::<String>(&bytes, 12), Err(CodecError::TooLong { bytes: 13, limit: 12, .. })));
}

#[test]
fn bytes_left_over_are_an_error() {
    let mut bytes = encode(&7_u8).unwrap();
    bytes.extend([0, 0]);
    assert!(matches!(decode::<u8>(&bytes, LIMIT), Err(CodecError::LeftOver { left: 2, bytes: 3, .. })));
}

#[test]
fn encoding_into_a_buffer_replaces_what_it_held() {
    let mut buffer = b"something longer from before".to_vec();
    encode_into(&(1_u8, "a"), &mut buffer).unwrap();
    assert_eq!(buffer, encode(&(1_u8, "a")).unwrap());
}

/// Answers of the reference implementation of XXH3-64; a change here moves every key to another partition and orphans
/// stored state.
/// D-2
#[test]
fn the_stable_hash_gives_the_known_answers() {
    let known: [(&[u8], u64); 4] = [
        (b"", 0x2D06_8005_38D3_94C2),
        (b"a", 0xE6C6_32B6_1E96_4E1F),
        (b"abc", 0x78AF_5F94_892F_3950),
        (b"The quick brown fox jumps over the lazy dog", 0xCE7D_19A5_418F_B365),
    ];
    for (bytes, hash) in known {
        assert_eq!(stable_hash(bytes), hash, "{:?}", String::from_utf8_lossy(bytes));
    }
}

/// The encoding of the key is frozen together with the hash.
#[test]
fn the_stable_hash_of_a_key_is_the_hash_of_its_frozen_bytes() {
    let mut scratch = Vec::new();
    assert_eq!(stable_key_hash("abc", &mut scratch).unwrap(), stable_hash(b"\x03abc"));
    assert_eq!(stable_key_hash(&300_u32, &mut scratch).unwrap(), stable_hash(&[0xFB, 0x2C, 0x01]));
    assert_eq!(stable_key_hash(&(-1_i64, true), &mut scratch).unwrap(), stable_hash(&[1, 1]));
    assert_eq!(stable_key_hash(&"abc".to_owned(), &mut scratch).unwrap(), stable_hash(b"\x03abc"));
}
