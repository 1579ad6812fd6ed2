//! A stream cannot be persisted once its context has started; take a handle before if you want to look at its datasets.

use waterwheel::prelude::*;

fn main() -> Result<(), Error> {
    let ssc = StreamingContext::new(Config::local("App"), seconds(1))?;
    let lines = ssc.socket_text_stream("localhost:9999");
    lines.print();
    let running = ssc.start()?;
    lines.cache();
    running.await_termination()
}
