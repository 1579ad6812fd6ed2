//! A stream is a part of its context.

use waterwheel::prelude::*;

fn main() -> Result<(), Error> {
    let lines = {
        let ssc = StreamingContext::new(Config::local("App"), seconds(1))?;
        ssc.socket_text_stream("localhost:9999")
    };
    lines.print();
    Ok(())
}
