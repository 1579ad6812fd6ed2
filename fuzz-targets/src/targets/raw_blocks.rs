//! Blocks of encoded records from a raw socket.

use serde::{Deserialize, Serialize};
use waterwheel_operators::record::Record;
use waterwheel_receivers::raw::{RawBlockDecoder, RawBlockWriter};
use waterwheel_runtime::weight;

const LIMIT: usize = 1024;

/// The records of each block with what they own, and what ended them.
fn decode<'b, T: Record>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<(Vec<T>, usize)>, Option<String>) {
    let (mut decoder, mut blocks) = (RawBlockDecoder::<T>::new(LIMIT), Vec::new());
    let mut outcome = Ok(());
    for piece in pieces {
        outcome = decoder.decode(piece, &mut blocks);
        if outcome.is_err() {
            break;
        }
    }
    let outcome = outcome.and_then(|()| decoder.finish());
    (
        blocks.into_iter().map(|block| (block.records, block.owned)).collect(),
        outcome.err().map(|error| error.to_string()),
    )
}

fn check<T: Record + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Some((whole, pieces)) = super::pieces(bytes) else { return };
    let decoded = decode::<T>(std::iter::once(whole));
    assert_eq!(decoded, decode(pieces));
    for (records, owned) in decoded.0 {
        assert!(!records.is_empty() && size_of_val(records.as_slice()) <= LIMIT && owned <= 4 * LIMIT);
        // What is weighed can be less than what was counted, as absent elements are, but for maps nothing is more.
        assert!(weight::of_contents(&records) <= 2 * owned, "{records:?}");
    }
}

type Wide = Option<[u64; 8]>;

/// A byte for each value, and as deep as there are bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

/// A byte where others are a hundred, in lists and in boxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Uneven {
    Small,
    Large([u32; 25]),
    Boxed(Box<Uneven>),
    Many(Vec<Uneven>),
}

pub(super) fn run(bytes: &[u8]) {
    check::<(String, u64)>(bytes);
    check::<Vec<Option<String>>>(bytes);
    check::<Wide>(bytes);
    check::<Nest>(bytes);
    check::<Vec<Uneven>>(bytes);
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
        // Two lists of hundreds of empty strings: a few hundred bytes, and more memory than there may be.
        written(9, &[&[vec![None::<String>; 250], vec![None; 200]]]),
        written(9, &[&[vec![Uneven::Small; 100], vec![Uneven::Boxed(Box::new(Uneven::Many(vec![Uneven::Small; 9])))]]]),
        // Lists in lists, two hundred deep.
        [&[4, 0, 0, 0, 201], [1; 200].as_slice(), &[0]].concat(),
    ]
}
