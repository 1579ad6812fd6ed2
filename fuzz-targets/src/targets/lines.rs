//! Lines of text.

use waterwheel_receivers::decode::LineDecoder;

const LIMIT: usize = 32;

/// The lines, those before a fault as well, and whether there was a fault.
fn decode<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<String>, bool) {
    let (mut decoder, mut lines) = (LineDecoder::new(LIMIT), Vec::new());
    for piece in pieces {
        if decoder.decode(piece, &mut lines).is_err() {
            return (lines, true);
        }
    }
    decoder.finish(&mut lines);
    (lines, false)
}

pub(super) fn run(bytes: &[u8]) {
    let Some((whole, pieces)) = super::pieces(bytes) else { return };
    let decoded = decode(std::iter::once(whole));
    assert_eq!(decoded, decode(pieces));
    // An invalid byte becomes a character of three.
    assert!(decoded.0.iter().all(|line| line.len() <= 3 * LIMIT && !line.contains('\n')));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 5] = [
        b"\x01to be\r\nor not\n\n",
        b"\x03\r\r\n\0\n",
        b"\xff\xff\xfe\n\xe2\x82",
        b"\x05r\xc3\xb6d\n\xf0\x9f\x92\xa7",
        b"\x02",
    ];
    let mut seeds: Vec<_> = texts.map(<[u8]>::to_vec).into();
    seeds.push([b"\x07".as_slice(), &[b'x'; LIMIT], b"\r\n", &[b'y'; LIMIT + 1], b"\n"].concat());
    seeds
}
