//! The context is gone once it is started: nothing can be added to a running program.

use waterwheel::prelude::*;

fn main() -> Result<(), Error> {
    let ssc = StreamingContext::new(Config::local("App"), seconds(1))?;
    let lines = ssc.socket_text_stream("localhost:9999");
    lines.print();
    let running = ssc.start()?;
    lines.map(|line| line.len()).print();
    running.await_termination()
}
