//! What a window looks at is kept, and may have to leave memory: its records can be written to bytes.

use waterwheel::prelude::*;

#[derive(Clone)]
struct Reading(f64);

fn recent(readings: DStream<'_, Reading>) {
    readings.window(seconds(30), seconds(10)).map(|reading| reading.0).print();
}

fn main() {}
