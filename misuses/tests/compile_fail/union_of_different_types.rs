//! Streams in one have records of one type.

use waterwheel::prelude::*;

fn both<'c>(numbers: DStream<'c, u64>, words: DStream<'c, String>) {
    numbers.union(&words).print();
}

fn main() {}
