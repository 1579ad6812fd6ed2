//! A float has no equality that a key could use.

use waterwheel::prelude::*;

fn readings<'c>(levels: DStream<'c, f64>) {
    levels.map(|level| (level, 1u64)).reduce_by_key(|a, b| a + b);
}

fn main() {}
