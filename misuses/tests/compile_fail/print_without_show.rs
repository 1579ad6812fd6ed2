//! What is printed needs a text form.

use waterwheel::prelude::*;

#[derive(Clone)]
struct Reading(u64);

fn readings<'c>(numbers: DStream<'c, u64>) {
    numbers.map(Reading).print();
}

fn main() {}
