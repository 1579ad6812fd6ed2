//! Bytes that are nearly right. Not as clever as a fuzzer that looks at what code was reached, but the same for the same seed.

use rand::Rng;
use rand::rngs::StdRng;

/// The longest input that is made.
pub const MAX_BYTES: usize = 4096;

/// Bytes that lengths, tags and numbers are made of.
const TELLING: [u8; 16] = [0, 1, 2, 3, 4, 7, 0x0a, 0x0d, 0x22, 0x5b, 0x7f, 0x80, 250, 251, 253, 255];

/// A few changes to `input`, one of `corpus` as a source of parts.
pub fn mutate(input: &[u8], corpus: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.random_range(1..=6) {
        change(&mut bytes, corpus, random);
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut StdRng) {
    let at = random.random_range(0..=bytes.len());
    let end = at + random.random_range(0..=(bytes.len() - at).min(32));
    match random.random_range(0..8) {
        0 => set(bytes, at, |byte| byte ^ (1 << random.random_range(0..8))),
        1 => set(bytes, at, |_| random.random()),
        2 => set(bytes, at, |_| telling(random)),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let piece: Vec<u8> = bytes.drain(at..end).collect();
            let twice = piece.iter().chain(&piece).copied().collect::<Vec<u8>>();
            bytes.splice(at..at, twice);
        }
        6 => {
            let piece = (0..random.random_range(1..=8)).map(|_| telling(random)).collect::<Vec<u8>>();
            bytes.splice(at..at, piece);
        }
        _ => {
            let Some(other) = corpus.get(random.random_range(0..corpus.len().max(1))) else { return };
            let from = random.random_range(0..=other.len());
            bytes.splice(at..end, other.iter().skip(from).take(64).copied());
        }
    }
}

fn set(bytes: &mut [u8], at: usize, to: impl FnOnce(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = to(*byte);
    }
}

fn telling(random: &mut StdRng) -> u8 {
    TELLING.get(random.random_range(0..TELLING.len())).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_they_stay_short() {
        let corpus = vec![b"to be".to_vec(), vec![7; MAX_BYTES]];
        let run = |seed| {
            let mut random = StdRng::seed_from_u64(seed);
            let mut bytes = corpus[1].clone();
            (0..1000)
                .map(|_| {
                    bytes = mutate(&bytes, &corpus, &mut random);
                    bytes.clone()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert!(run(1).iter().all(|bytes| bytes.len() <= MAX_BYTES));
    }
}
