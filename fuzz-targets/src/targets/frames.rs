//! Frames that a function of the user recognises; here with their length in front, in one byte.

use waterwheel_receivers::decode::{DecodeError, Decoder, Frame, FrameDecoder};

const LIMIT: usize = 100;

fn recognise(bytes: &[u8]) -> Result<Option<Frame<Vec<u8>>>, DecodeError> {
    let Some((&length, rest)) = bytes.split_first() else { return Ok(None) };
    match length {
        // Functions that are wrong about what they were given.
        250 => Ok(Some(Frame { length: 0, record: Vec::new() })),
        251 => Ok(Some(Frame { length: usize::MAX, record: Vec::new() })),
        252 => Err(DecodeError::refused("not this one")),
        _ => {
            let Some(body) = rest.get(..usize::from(length)) else { return Ok(None) };
            Ok(Some(Frame { length: 1 + body.len(), record: body.to_vec() }))
        }
    }
}

fn decode<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut decoder, mut frames) = (FrameDecoder::new(LIMIT, recognise), Vec::new());
    for piece in pieces {
        if decoder.decode(piece, &mut frames).is_err() {
            return (frames, true);
        }
    }
    let failed = decoder.finish(&mut frames).is_err();
    (frames, failed)
}

pub(super) fn run(bytes: &[u8]) {
    let Some((whole, pieces)) = super::pieces(bytes) else { return };
    let decoded = decode(std::iter::once(whole));
    assert_eq!(decoded, decode(pieces));
    assert!(decoded.0.iter().all(|frame| frame.len() < LIMIT));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let frames: [&[u8]; 5] =
        [b"\x01\x02hi\x03you\0", b"\x04\x02hi\x03yo", b"\x02\x01a\xfa", b"\x02\x01a\xfb", b"\x02\x01a\xfc"];
    let mut seeds: Vec<_> = frames.map(<[u8]>::to_vec).into();
    seeds.push([b"\x0a\x63".as_slice(), &[7; 99], b"\x64", &[8; 100]].concat());
    seeds
}
