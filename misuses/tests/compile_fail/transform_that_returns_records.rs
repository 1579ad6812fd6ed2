//! `transform` is from dataset to dataset.

use waterwheel::prelude::*;

fn totals<'c>(numbers: DStream<'c, u64>) {
    numbers.transform(|dataset| dataset.num_partitions()).print();
}

fn main() {}
