//! Blocks of encoded records from a raw socket.

use waterwheel_operators::record::Record;
use waterwheel_receivers::raw::{RawBlockDecoder, RawBlockWriter};

const LIMIT: usize = 1024;

/// The records of each block, and what ended them.
fn decode<'b, T: Record>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<Vec<T>>, Option<String>) {
    let (mut decoder, mut blocks) = (RawBlockDecoder::<T>::new(LIMIT), Vec::new());
    let mut outcome = Ok(());
    for piece in pieces {
        outcome = decoder.decode(piece, &mut blocks);
        if outcome.is_err() {
            break;
        }
    }
    let outcome = outcome.and_then(|()| decoder.finish());
    (blocks.into_iter().map(|block| block.records).collect(), outcome.err().map(|error| error.to_string()))
}

fn check<T: Record + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Some((whole, pieces)) = super::pieces(bytes) else { return };
    let decoded = decode::<T>(std::iter::once(whole));
    assert_eq!(decoded, decode(pieces));
    assert!(decoded.0.iter().all(|block| !block.is_empty() && size_of_val(block.as_slice()) <= LIMIT));
}

type Wide = Option<[u64; 8]>;

pub(super) fn run(bytes: &[u8]) {
    check::<(String, u64)>(bytes);
    check::<Vec<Option<String>>>(bytes);
    check::<Wide>(bytes);
}

/// The blocks of these records, in pieces of `piece` bytes.
fn written<T: Record>(piece: u8, blocks: &[&[T]]) -> Vec<u8> {
    let mut writer = RawBlockWriter::new(vec![piece]);
    // Memory takes everything.
    let _ = blocks.iter().try_for_each(|block| writer.write_block(block));
    writer.into_inner()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let pair = |key: &str, number: u64| (key.to_owned(), number);
    vec![
        written(3, &[&[pair("to", 1), pair("be", 300)], &[], &[pair("", u64::MAX)]]),
        written(1, &[&[vec![Some("a".to_owned()), None], vec![]]]),
        written::<Wide>(7, &[&[None, Some([0, 1, 2, 3, 4, 5, 6, 7])]]),
        b"\x02\0\0\x04\x01".to_vec(),
        b"\x05\0\0\0\x03\xfb\xff\xff".to_vec(),
        b"\x05\0\0\0".to_vec(),
    ]
}
