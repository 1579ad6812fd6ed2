//! Seeded lines of English words, a few of them frequent and most of them rare, as in any text.

use std::ops::RangeInclusive;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// The words, the most frequent first.
pub const VOCABULARY: [&str; 48] = [
    "the", "water", "and", "wheel", "turns", "stream", "river", "flows", "over", "stone", "mill", "slowly", "under",
    "bridge", "rain", "falls", "bucket", "by", "ferry", "spring", "valley", "morning", "brook", "runs", "deep",
    "green", "willow", "heron", "waits", "quiet", "pond", "ripple", "silver", "trout", "leaps", "oak", "paddle",
    "splash", "miller", "grinds", "golden", "grain", "meadow", "cloud", "drifts", "evening", "delta", "sea",
];

const WORDS_PER_LINE: RangeInclusive<usize> = 4..=10;

/// An endless sequence of lines, the same for the same seed.
///
/// Word `n` of the [`VOCABULARY`] comes about `1 / n` times as often as the first, as Zipf's law has it for real text.
///
/// ```
/// use examples::words::Lines;
///
/// let lines: Vec<String> = Lines::new(7).take(100).collect();
/// assert_eq!(lines, Lines::new(7).take(100).collect::<Vec<_>>());
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    random: StdRng,
}

impl Lines {
    /// The lines of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed) }
    }

    fn word(&mut self) -> &'static str {
        // A number that is uniform on the logarithmic scale from 1 to n + 1, rounded down: Zipf without a table of weights.
        let end = VOCABULARY.len() as f64 + 1.0;
        let rank = end.powf(self.random.random::<f64>()) as usize;
        VOCABULARY.iter().take(rank).next_back().copied().unwrap_or_default()
    }
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let words = self.random.random_range(WORDS_PER_LINE);
        let words: Vec<&str> = (0..words).map(|_| self.word()).collect();
        Some(words.join(" "))
    }
}

/// People who write messages. The last two write twice as many as all the others together.
pub const SENDERS: [&str; 6] = ["ada", "ben", "cleo", "dan", "mallory", "trudy"];

/// An endless sequence of messages, `sender: text`, the same for the same seed.
///
/// ```
/// use examples::words::{Messages, SENDERS};
///
/// for message in Messages::new(7).take(100) {
///     assert!(message.split_once(": ").is_some_and(|(sender, _)| SENDERS.contains(&sender)), "{message}");
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Messages {
    random: StdRng,
    lines: Lines,
}

impl Messages {
    /// The messages of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), lines: Lines::new(seed) }
    }
}

impl Iterator for Messages {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let rest = SENDERS.len() - 2;
        // One number for each of the others, twice as many as all these for the last two.
        let number = self.random.random_range(0..3 * rest);
        let sender = if number < rest { SENDERS.get(number) } else { SENDERS.get(rest + number % 2) };
        Some(format!("{}: {}", sender?, self.lines.next()?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn no_word_is_listed_twice() {
        assert_eq!(HashSet::from(VOCABULARY).len(), VOCABULARY.len());
    }

    #[test]
    fn another_seed_gives_other_lines() {
        assert_ne!(Lines::new(1).take(10).collect::<Vec<_>>(), Lines::new(2).take(10).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_two_senders_write_two_thirds_of_all_messages() {
        let messages: Vec<String> = Messages::new(1).take(10_000).collect();
        let of = |sender: &str| messages.iter().filter(|message| message.starts_with(sender)).count();
        assert_eq!(SENDERS.map(of).iter().sum::<usize>(), 10_000);
        let [.., mallory, trudy] = SENDERS.map(of);
        assert!((3100..3600).contains(&mallory) && (3100..3600).contains(&trudy), "{mallory} {trudy}");
    }

    #[test]
    fn words_come_about_as_often_as_their_rank_says() {
        let text: Vec<String> = Lines::new(1).take(10_000).collect();
        let mut counts = HashMap::new();
        for word in text.iter().flat_map(|line| line.split(' ')) {
            *counts.entry(word).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), VOCABULARY.len(), "every word comes");
        // The share of word n is ln(1 + 1/n) / ln(49): 1.7 times as much for the first as for the second.
        let ratio = f64::from(counts[VOCABULARY[0]]) / f64::from(counts[VOCABULARY[1]]);
        assert!((1.5..1.9).contains(&ratio), "{ratio}");
    }
}
