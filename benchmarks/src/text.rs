//! The text every workload reads: the same seed gives the same bytes on every machine and in every run.
//!
//! A line is [`WORDS_PER_LINE`] words with a space between them; words are drawn by Zipf's law with exponent 1 from
//! [`VOCABULARY`] distinct words. Nothing here comes from a library whose output may change with its version: the
//! generator is SplitMix64 and the distribution an explicit table.

use std::io::{self, BufWriter, Write};

use anyhow::{Result, bail};

/// Distinct words.
pub(crate) const VOCABULARY: usize = 100_000;
/// Words on a line.
pub(crate) const WORDS_PER_LINE: usize = 10;
/// The seed when none is given.
pub(crate) const DEFAULT_SEED: u64 = 2014;

/// Options of `benchmarks text`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Lines to print.
    #[arg(long, default_value_t = 100_000)]
    lines: usize,
    /// Seed of the text.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    seed: u64,
}

/// Print the text on stdout.
pub(crate) fn print(args: &Args) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let mut text = Text::new(args.seed);
    let mut line = String::new();
    for _ in 0..args.lines {
        line.clear();
        text.line_into(&mut line);
        line.push('\n');
        match out.write_all(line.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
    Ok(out.flush()?)
}

/// The words of a line, as every peer splits them.
pub(crate) fn words(line: &str) -> std::str::SplitAsciiWhitespace<'_> {
    line.split_ascii_whitespace()
}

/// An endless text.
pub(crate) struct Text {
    random: SplitMix64,
    vocabulary: Vec<String>,
    /// `cumulative[r]` is the probability of a rank up to `r`, scaled to 2^64.
    cumulative: Vec<u64>,
}

impl Text {
    /// The text of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: SplitMix64(seed),
            vocabulary: (0..VOCABULARY).map(word_of_rank).collect(),
            cumulative: zipf_table(VOCABULARY),
        }
    }

    /// Append the next line, without a line end.
    pub(crate) fn line_into(&mut self, line: &mut String) {
        for i in 0..WORDS_PER_LINE {
            if i > 0 {
                line.push(' ');
            }
            let rank = self.next_rank();
            line.push_str(&self.vocabulary[rank]);
        }
    }

    /// The next `count` lines.
    pub(crate) fn lines(&mut self, count: usize) -> Vec<String> {
        let mut buffer = String::new();
        (0..count)
            .map(|_| {
                buffer.clear();
                self.line_into(&mut buffer);
                // A copy of exactly the line's length: spare capacity would count as memory of the peers.
                buffer.as_str().to_owned()
            })
            .collect()
    }

    fn next_rank(&mut self) -> usize {
        let drawn = self.random.next();
        self.cumulative.partition_point(|bound| *bound <= drawn).min(VOCABULARY - 1)
    }
}

/// The input of a run: the lines of a file, or of the generator.
pub(crate) fn load(file: Option<&std::path::Path>, seed: u64, lines: usize) -> Result<Vec<String>> {
    let Some(path) = file else { return Ok(Text::new(seed).lines(lines)) };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    };
    let lines: Vec<String> = text.lines().take(lines).map(str::to_owned).collect();
    if lines.is_empty() {
        bail!("{} has no lines", path.display());
    }
    Ok(lines)
}

/// Consonant-vowel syllables and a last consonant; the more frequent the word, the shorter.
fn word_of_rank(rank: usize) -> String {
    const CONSONANTS: &[u8; 20] = b"tnrslhdcmfpgwbvkjxqz";
    const VOWELS: &[u8; 5] = b"eaoiu";
    let syllables = CONSONANTS.len() * VOWELS.len();
    // Ranks 0..100 have one syllable, the next 100^2 have two, the rest three.
    let (mut rest, count) = match rank {
        r if r < syllables => (r, 1),
        r if r < syllables + syllables * syllables => (r - syllables, 2),
        r => (r - syllables - syllables * syllables, 3),
    };
    let last = CONSONANTS[rank * 7 % CONSONANTS.len()];
    let mut word = String::with_capacity(2 * count + 1);
    for _ in 0..count {
        let syllable = rest % syllables;
        rest /= syllables;
        word.push(char::from(CONSONANTS[syllable % CONSONANTS.len()]));
        word.push(char::from(VOWELS[syllable / CONSONANTS.len()]));
    }
    word.push(char::from(last));
    word
}

/// The cumulative distribution of Zipf's law with exponent 1, scaled to 2^64.
///
/// Only divisions and additions of `f64` in a fixed order, which IEEE 754 rounds the same way everywhere.
fn zipf_table(ranks: usize) -> Vec<u64> {
    let total: f64 = (1..=ranks).map(|k| 1.0 / k as f64).sum();
    let mut sum = 0.0;
    (1..=ranks)
        .map(|k| {
            sum += 1.0 / k as f64;
            (sum / total * 18_446_744_073_709_551_616.0) as u64
        })
        .collect()
}

/// Sebastiano Vigna's SplitMix64.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    /// FNV-1a over the lines with their line ends.
    fn checksum(lines: &[String]) -> u64 {
        let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_everywhere() {
        let lines = Text::new(DEFAULT_SEED).lines(1_000);
        assert_eq!(checksum(&lines), 14_113_603_429_009_615_895, "first line: {}", lines[0]);
        assert_ne!(checksum(&Text::new(DEFAULT_SEED + 1).lines(1_000)), checksum(&lines));
    }

    #[test]
    fn the_words_are_distinct() {
        let words: HashSet<String> = (0..VOCABULARY).map(word_of_rank).collect();
        assert_eq!(words.len(), VOCABULARY);
    }

    #[test]
    fn a_line_has_ten_words_and_about_54_bytes() {
        let lines = Text::new(1).lines(20_000);
        assert!(lines.iter().all(|line| words(line).count() == WORDS_PER_LINE));
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        let mean = bytes as f64 / lines.len() as f64;
        assert!((53.0..56.0).contains(&mean), "{mean} bytes a line");
    }

    #[test]
    fn frequencies_follow_zipf_with_exponent_1() {
        let lines = Text::new(7).lines(50_000);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        lines.iter().flat_map(|line| words(line)).for_each(|word| *counts.entry(word).or_default() += 1);
        let total = (50_000 * WORDS_PER_LINE) as f64;
        let harmonic: f64 = (1..=VOCABULARY).map(|k| 1.0 / k as f64).sum();
        for rank in [0, 1, 4, 9, 49, 99] {
            let expected = total / harmonic / (rank + 1) as f64;
            let seen = counts[word_of_rank(rank).as_str()] as f64;
            assert!((seen / expected - 1.0).abs() < 0.1, "rank {rank}: {seen} seen, {expected} expected");
        }
    }
}
