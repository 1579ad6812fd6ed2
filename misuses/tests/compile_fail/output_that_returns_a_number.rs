//! The value of an output goes nowhere: one that is returned has been forgotten.

use waterwheel::prelude::*;

fn totals<'c>(numbers: DStream<'c, u64>) {
    numbers.foreach_rdd(|dataset| dataset.num_partitions());
}

fn main() {}
