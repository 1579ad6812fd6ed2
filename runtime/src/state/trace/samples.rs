//! The values that a type is tried with: the first, unless its own `Deserialize` refuses it, then the next.

/// Numbers; a date's year, month and day are among them.
const NUMBERS: [u8; 8] = [0, 1, 2, 3, 10, 32, 64, 100];

const TEXTS: [&str; 18] = [
    "",
    "a",
    "0",
    "1",
    "2000-01-01T00:00:00Z",
    "2000-01-01",
    "00:00:00",
    "2000-01-01T00:00:00",
    "2000-01-01T00:00:00+00:00[UTC]",
    "PT1S",
    "UTC",
    "127.0.0.1",
    "127.0.0.1:80",
    "http://localhost/",
    "00000000-0000-0000-0000-000000000000",
    "1.0.0",
    "true",
    "a@localhost",
];

const ZEROES: [u8; 64] = [0; 64];

const LENGTHS: [usize; 8] = [0, 1, 16, 32, 4, 8, 64, 20];

const CHARACTERS: [char; 4] = ['a', 'A', '0', ' '];

fn pick<T>(samples: &[T], attempt: u32) -> Option<&T> {
    usize::try_from(attempt).ok().and_then(|attempt| samples.get(attempt % samples.len().max(1)))
}

pub(super) fn number(attempt: u32) -> u8 {
    pick(&NUMBERS, attempt).copied().unwrap_or_default()
}

pub(super) fn text(attempt: u32) -> &'static str {
    pick(&TEXTS, attempt).copied().unwrap_or_default()
}

pub(super) fn bytes(attempt: u32) -> &'static [u8] {
    pick(&LENGTHS, attempt).and_then(|length| ZEROES.get(..*length)).unwrap_or_default()
}

pub(super) fn character(attempt: u32) -> char {
    pick(&CHARACTERS, attempt).copied().unwrap_or_default()
}
