//! Operators by key need pairs.

use waterwheel::prelude::*;

fn main() -> Result<(), Error> {
    let ssc = StreamingContext::new(Config::local("App"), seconds(1))?;
    let lines = ssc.socket_text_stream("localhost:9999");
    lines.reduce_by_key(|a, b| a + &b).print();
    Ok(())
}
