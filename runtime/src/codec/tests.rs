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

/// The memory that the value of these bytes owns, and whether one byte less is refused.
fn memory_of<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> usize {
    let all = MemoryBudget::new(usize::MAX);
    decode_within::<T>(bytes, LIMIT, &all).unwrap();
    let enough = MemoryBudget::new(all.used());
    assert!(decode_within::<T>(bytes, LIMIT, &enough).is_ok() && !enough.is_exceeded());
    if all.used() > 0 {
        let scarce = MemoryBudget::new(all.used() - 1);
        let error = decode_within::<T>(bytes, LIMIT, &scarce).err().map(|error| crate::error::in_full(&error));
        assert!(error.is_some_and(|text| text.contains("bytes of memory")) && scarce.is_exceeded());
    }
    all.used()
}

/// Each of these is a byte or two for each element.
#[test]
fn memory_that_a_few_bytes_stand_for_is_counted() {
    #[expect(clippy::large_enum_variant, reason = "what makes it dear is the point")]
    #[derive(Clone, Serialize, Deserialize)]
    enum Wide {
        Empty,
        Full([u64; 32]),
    }
    #[derive(Clone, Serialize, Deserialize)]
    enum Chain {
        End,
        Link(Box<Chain>, u64),
    }
    let list = |elements: usize| elements + crate::weight::LIST;
    assert_eq!(memory_of::<Vec<String>>(&encode(&vec![String::new(); 100]).unwrap()), list(2400));
    assert_eq!(memory_of::<Vec<Wide>>(&encode(&vec![Wide::Empty; 100]).unwrap()), list(100 * size_of::<Wide>()));
    assert_eq!(memory_of::<Vec<Wide>>(&encode(&vec![Wide::Full([0; 32])]).unwrap()), list(size_of::<Wide>()));
    assert_eq!(memory_of::<Vec<Option<[u64; 9]>>>(&encode(&vec![None::<[u64; 9]>; 10]).unwrap()), list(800));
    assert_eq!(memory_of::<String>(&encode("0123456789").unwrap()), crate::weight::allocation(10));
    assert_eq!(memory_of::<BTreeMap<u8, u32>>(&encode(&BTreeMap::from([(1_u8, 2_u32)])).unwrap()), list(5 + 16));
    assert_eq!(memory_of::<(u64, [u32; 9])>(&encode(&(1_u64, [0_u32; 9])).unwrap()), 0);
    let chain = Chain::Link(Box::new(Chain::Link(Box::new(Chain::End), 1)), 2);
    assert_eq!(memory_of::<Chain>(&encode(&chain).unwrap()), 2 * list(size_of::<Chain>()));
}

#[test]
fn values_that_lie_in_each_other_without_end_are_refused_before_the_stack_is() {
    #[derive(Debug, Deserialize)]
    struct Nest(#[expect(dead_code, reason = "only its depth counts")] Vec<Nest>);
    let nested = |depth: usize| [vec![1; depth], vec![0]].concat();
    let decode = |depth| decode_within::<Nest>(&nested(depth), LIMIT, &MemoryBudget::new(LIMIT));
    decode(MAX_DEPTH / 2 - 1).unwrap();
    let error = crate::error::in_full(&decode(100_000).unwrap_err());
    assert!(error.contains("more than 128 deep"), "{error}");
}
