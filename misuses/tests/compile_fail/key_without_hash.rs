//! A key has to be hashed, compared and encoded.

use waterwheel::prelude::*;

#[derive(Clone)]
struct Station(u32);

fn readings<'c>(stations: DStream<'c, u32>) {
    stations.map(|station| (Station(station), 1u64)).reduce_by_key(|a, b| a + b);
}

fn main() {}
