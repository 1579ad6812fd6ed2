//! Closures of operators run on other threads, so that what they capture has to be able to go there.

use std::rc::Rc;
use waterwheel::prelude::*;

fn lengths<'c>(words: DStream<'c, String>) -> DStream<'c, usize> {
    let extra = Rc::new(1);
    words.map(move |word| word.len() + *extra)
}

fn main() {}
