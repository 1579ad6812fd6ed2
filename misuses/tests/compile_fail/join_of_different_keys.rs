//! Streams are joined by keys of one type.

use waterwheel::prelude::*;

fn both<'c>(by_name: DStream<'c, (String, u64)>, by_number: DStream<'c, (u64, u64)>) {
    by_name.join(&by_number).print();
}

fn main() {}
