use super::*;
use crate::raw::RawBlockWriter;
use proptest::prelude::*;

fn encoded(blocks: &[Vec<String>]) -> Vec<u8> {
    let mut writer = RawBlockWriter::new(Vec::new());
    blocks.iter().for_each(|block| writer.write_block(block).unwrap());
    writer.into_inner()
}

/// The records of each block, and what ended them.
fn decode<T: Record>(limit: usize, pieces: &[&[u8]]) -> (Vec<Vec<T>>, Result<(), RawBlockError>) {
    let (mut decoder, mut blocks) = (RawBlockDecoder::<T>::new(limit), Vec::new());
    let mut outcome = pieces.iter().try_for_each(|piece| decoder.decode(piece, &mut blocks));
    if outcome.is_ok() {
        outcome = decoder.finish();
    }
    (blocks.into_iter().map(|block| block.records).collect(), outcome)
}

/// A frame with these bytes in it.
fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

#[test]
fn bytes_of_the_format_are_these() {
    let bytes = encoded(&[vec!["to".into(), "be".into()]]);
    assert_eq!(bytes, b"\0\0\0\x07\x02\x02to\x02be");
    let (blocks, outcome) = decode::<String>(100, &[&bytes]);
    assert_eq!(blocks, [["to", "be"]]);
    outcome.unwrap();
}

#[test]
fn block_without_records_is_no_block() {
    let (blocks, outcome) = decode::<String>(100, &[&encoded(&[vec![], vec!["x".into()], vec![]])]);
    assert_eq!(blocks, [["x"]]);
    outcome.unwrap();
}

#[test]
fn fault_is_told_with_the_blocks_number_and_the_byte_where_it_begins() {
    let before = encoded(&[vec!["a".into()], vec![]]);
    for (bytes, expected) in [
        (frame(&[0; 65]), "block 3 at byte 12 announces 65 bytes, the limit is 64 (`receiver.max_raw_block`)"),
        (vec![0xff; 4], "block 3 at byte 12 announces 4294967295 bytes, the limit is 64"),
        (
            frame(&[3, 0, 0, 0]),
            "block 3 at byte 12 announces 3 records of 24 bytes of memory, together the limit is 64",
        ),
        (frame(&[]), "block 3 at byte 12 is not what was expected: cannot decode 0 bytes as "),
        (frame(&[1, 2, 0xff, 0xfe]), "block 3 at byte 12 is not what was expected: cannot decode 4 bytes as "),
        (frame(&[1, 1, b'x', 7]), "block 3 at byte 12 is not what was expected: 1 of 4 bytes are left over"),
        (vec![0, 0], "block 3 at byte 12 is cut off after 2 bytes"),
        (frame(&[1, 1, b'x'])[..6].to_vec(), "block 3 at byte 12 is cut off after 6 bytes of 7"),
    ] {
        for piece in [1, 5, 1000] {
            let all = [before.as_slice(), &bytes].concat();
            let pieces: Vec<_> = all.chunks(piece).collect();
            let (blocks, outcome) = decode::<String>(64, &pieces);
            assert_eq!(blocks, [["a"]]);
            let error = outcome.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error} in pieces of {piece}");
        }
    }
}

/// One byte each on the wire, a kilobyte each in memory.
#[test]
fn records_that_take_more_memory_than_bytes_are_refused_by_their_number() {
    type Large = Option<[[u64; 16]; 8]>;
    let many = [[251, 0, 4].as_slice(), &[0; 1024]].concat();
    let (blocks, outcome) = decode::<Large>(1 << 20, &[&frame(&many)]);
    assert_eq!(blocks, Vec::<Vec<Large>>::new());
    assert!(matches!(outcome, Err(RawBlockError::TooMany { announced: 1024, .. })), "{outcome:?}");
    let few = [[251, 0, 1].as_slice(), &[0; 256]].concat();
    assert_eq!(decode::<Large>(1 << 20, &[&frame(&few)]).0, [vec![None; 256]]);
}

#[test]
fn length_that_is_only_announced_reserves_nothing() {
    let mut decoder = RawBlockDecoder::<String>::new(1 << 30);
    for byte in (1_u32 << 29).to_be_bytes().into_iter().chain([b'x'; 1000]) {
        decoder.decode(&[byte], &mut Vec::new()).unwrap();
        assert!(decoder.held.capacity() <= 2 * decoder.held.len().max(8), "{}", decoder.held.capacity());
    }
}

#[test]
fn panic_of_a_records_own_decoding_is_an_error_of_its_block() {
    #[derive(Debug, Clone, serde::Serialize)]
    struct Picky(u8);
    impl<'de> serde::Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let number = u8::deserialize(deserializer)?;
            assert!(number != 13, "thirteen");
            Ok(Picky(number))
        }
    }
    let (blocks, outcome) = decode::<Picky>(100, &[&frame(&[1, 12]), &frame(&[1, 13])]);
    assert_eq!(blocks.len(), 1);
    let error = outcome.unwrap_err().to_string();
    assert!(error.starts_with("block 2 at byte 6") && error.ends_with("panicked: thirteen"), "{error}");
}

proptest! {
    #[test]
    fn blocks_do_not_depend_on_where_the_stream_is_cut(
        blocks in prop::collection::vec(prop::collection::vec(".{0,8}", 1..5), 0..8),
        piece in 1_usize..40,
    ) {
        let bytes = encoded(&blocks);
        let (decoded, outcome) = decode::<String>(1 << 20, &bytes.chunks(piece).collect::<Vec<_>>());
        prop_assert!(outcome.is_ok());
        prop_assert_eq!(decoded, blocks);
    }

    #[test]
    fn what_garbage_decodes_to_does_not_depend_on_where_it_is_cut(
        bytes in prop::collection::vec(prop_oneof![3 => 0..4_u8, 1 => any::<u8>()], 0..60),
        piece in 1_usize..20,
    ) {
        let (whole, one) = decode::<String>(100, &[&bytes]);
        let (pieces, other) = decode::<String>(100, &bytes.chunks(piece).collect::<Vec<_>>());
        prop_assert_eq!(whole, pieces);
        prop_assert_eq!(one.map_err(|error| error.to_string()), other.map_err(|error| error.to_string()));
    }
}
