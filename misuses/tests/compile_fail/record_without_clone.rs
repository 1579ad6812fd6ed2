//! Records are copied when several operators read them.

use waterwheel::prelude::*;

struct Reading(u64);

fn readings<'c>(numbers: DStream<'c, u64>) {
    numbers.map(Reading);
}

fn main() {}
