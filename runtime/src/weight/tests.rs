use super::*;
use serde::Serializer;
use std::collections::{BTreeMap, HashSet};

/// Of `vec![value; 100]` in a record, beside its own size.
fn hundred<T: Serialize + Clone>(value: T) -> usize {
    of_record(&vec![value; 100]) - HEADER
}

#[test]
fn records_that_own_nothing_weigh_their_size_and_are_not_walked() {
    #[derive(Clone, Copy)]
    struct Never(#[expect(dead_code, reason = "only its size counts")] [u8; 9]);
    impl Serialize for Never {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("it was walked")
        }
    }
    assert_eq!(of_record(&Never([0; 9])), 9);
    assert_eq!(of_contents(&[Never([0; 9]); 1000]), 0);
    assert_eq!([of_record(&0_u64), of_record(&(0_u32, 0.0_f64)), of_record(&"static"), of_record(&())], [8, 16, 16, 1]);
}

#[test]
fn a_record_is_weighed_by_itself_however_many_small_ones_are_around_it() {
    let mut records = vec![String::new(); 1000];
    let light = of_chunk(&records);
    records[777] = "x".repeat(1 << 20);
    assert_eq!(of_chunk(&records), light + allocation(1 << 20));
}

/// One encoded byte each, and as many bytes of memory as a string header.
#[test]
fn empty_strings_in_a_list_weigh_their_headers() {
    assert_eq!(hundred(String::new()), 100 * HEADER + LIST);
    assert_eq!(hundred(vec![String::new(); 3]), 100 * (HEADER + 3 * HEADER + LIST) + LIST);
    assert_eq!(hundred("x".repeat(30)), 100 * (HEADER + allocation(30)) + LIST);
}

/// Encoded, a small number is one byte.
#[test]
fn numbers_in_a_list_weigh_what_they_take_not_what_they_are_written_in() {
    assert_eq!(hundred(0_u128), 1600 + LIST);
    assert_eq!(hundred([0_u64; 8]), 6400 + LIST);
    assert_eq!(hundred((0_u64, 'x', true)), 1300 + LIST);
    assert_eq!(hundred(Some([0_u64; 8])), 6400 + LIST);
    assert_eq!(hundred(None::<u64>), 100 * UNSEEN + LIST);
    assert_eq!(hundred(()), LIST);
}

#[test]
fn maps_weigh_their_entries() {
    let map: BTreeMap<u64, String> = (0..10).map(|n| (n, "x".repeat(8))).collect();
    let expected = size_of::<BTreeMap<u64, String>>() + 10 * (ENTRY + 8 + HEADER + 32) + LIST;
    assert_eq!(of_record(&map), expected);
    assert_eq!(of_record(&BTreeMap::<u64, String>::new()), size_of::<BTreeMap<u64, String>>());
    assert_eq!(hundred(map), 100 * (2 * HEADER + 10 * (ENTRY + 8 + HEADER + 32) + LIST) + LIST);
    assert_eq!(of_record(&HashSet::from([1_u32, 2])), size_of::<HashSet<u32>>() + 2 * 4 + LIST);
}

#[derive(Clone, Serialize)]
enum Tree {
    Leaf,
    Number(u64),
    Node { left: Box<Tree>, right: Box<Tree>, name: String },
}

/// What is behind a box is not in the size of the record.
#[test]
fn boxes_weigh_their_content() {
    #[derive(Clone, Serialize)]
    struct Wide {
        numbers: [u64; 32],
    }
    let wide = Wide { numbers: [0; 32] };
    assert_eq!(of_record(&Box::new(wide.clone())), 8 + 256 + LIST);
    assert_eq!(of_record(&Some(Box::new(wide.clone()))), 8 + 256 + LIST);
    assert_eq!(of_record(&vec![wide; 2]), HEADER + 512 + LIST);
    assert_eq!(of_record(&Box::new("x".to_owned())), 8 + HEADER + LIST + 32);
    let leaf = || Box::new(Tree::Leaf);
    let node = Tree::Node { left: leaf(), right: Box::new(Tree::Number(7)), name: "x".repeat(40) };
    assert_eq!(of_record(&node), size_of::<Tree>() + allocation(40));
    let inner = 2 * 8 + HEADER + LIST + allocation(40);
    let outer = Tree::Node { left: Box::new(node.clone()), right: Box::new(node), name: String::new() };
    assert_eq!(of_record(&outer), size_of::<Tree>() + 2 * inner);
}

#[test]
fn a_chunk_weighs_the_room_that_it_has() {
    let mut records: Vec<u64> = Vec::with_capacity(1000);
    records.push(1);
    assert_eq!(of_chunk(&records), HEADER + allocation(8000));
    assert_eq!(of_chunk(&Vec::<String>::new()), HEADER);
}

#[test]
fn text_that_is_made_as_it_is_encoded_weighs_its_length() {
    struct Shown(#[expect(dead_code, reason = "it has to be dropped")] String);
    impl Serialize for Shown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("{:0100}", 7))
        }
    }
    assert_eq!(of_record(&Shown(String::new())), HEADER + allocation(100));
}

#[test]
fn a_record_that_cannot_be_encoded_weighs_what_was_seen_of_it() {
    struct Broken(#[expect(dead_code, reason = "it has to be dropped")] String);
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("broken"))
        }
    }
    let pair = ("x".repeat(100), Broken(String::new()));
    assert_eq!(of_record(&pair), 2 * HEADER + allocation(100));
}
