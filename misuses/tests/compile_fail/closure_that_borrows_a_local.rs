//! Closures of operators outlive the function that builds the program.

use waterwheel::prelude::*;

fn long_words<'c>(words: DStream<'c, String>, least: usize) -> DStream<'c, String> {
    words.filter(|word| word.len() >= least)
}

fn main() {}
