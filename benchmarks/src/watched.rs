//! Waterwheel as it is run, or with its monitor on and a page that follows it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use waterwheel::prelude::*;

/// A running program, and whoever looks at it.
pub(crate) enum Watched {
    /// Nobody.
    Not(Box<RunningContext>),
    /// One client, which reads every overview that a page would get, and counts them.
    By(Box<Monitored>, JoinHandle<Result<u64>>),
}

/// Where the page is served when there is one: at any free port.
pub(crate) fn configure(config: &mut Config) -> Result<()> {
    config.ui = config.ui.clone().with_bind("127.0.0.1:0".parse()?);
    Ok(())
}

/// Starts the program; with its monitor, a client follows it from then on.
pub(crate) fn start(ssc: StreamingContext, monitored: bool) -> Result<Watched> {
    if !monitored {
        return Ok(Watched::Not(Box::new(ssc.start()?)));
    }
    let running = ssc.start_monitored()?;
    let address = running.address().context("the page is off")?;
    let client = std::thread::Builder::new().name("page".to_owned()).spawn(move || follow(address))?;
    Ok(Watched::By(Box::new(running), client))
}

impl Watched {
    /// Ends the monitor of a program that has stopped. A client that was told nothing is an error: nothing was measured then.
    pub(crate) fn end(self) -> Result<()> {
        let Watched::By(running, client) = self else { return Ok(()) };
        drop(running);
        let overviews = client.join().map_err(|_| anyhow!("the client panicked"))??;
        ensure!(overviews > 1, "the client was told {overviews} overviews");
        eprintln!("the client was told {overviews} overviews");
        Ok(())
    }
}

impl Deref for Watched {
    type Target = RunningContext;

    fn deref(&self) -> &RunningContext {
        match self {
            Watched::Not(running) => running,
            Watched::By(running, _) => running,
        }
    }
}

/// The body of an answer, to be read.
pub(crate) fn ask(address: SocketAddr, path: &str) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    while answer.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(answer)
}

/// Reads the figures as they come; how many times they came.
fn follow(address: SocketAddr) -> Result<u64> {
    let mut text = String::new();
    ask(address, "/api/v1/applications")?.read_to_string(&mut text)?;
    let applications: Value = serde_json::from_str(&text)?;
    let id = applications[0]["id"].as_str().context("there is no application")?;
    let mut live = ask(address, &format!("/api/v1/applications/{id}/streaming/live"))?;
    let (mut overviews, mut line) = (0, Vec::new());
    // The end of the monitor may cut a line short.
    while live.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        overviews += u64::from(line.starts_with(b"data: "));
        line.clear();
    }
    Ok(overviews)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_of_a_program_that_is_watched() {
        let mut config = Config::local("watched").with_cores(1).with_handle_signals(false);
        configure(&mut config).unwrap();
        let ssc = StreamingContext::new(config, milliseconds(20)).unwrap();
        ssc.constant_stream(ssc.engine().parallelize(1..=4, 1)).foreach_rdd(|_| {});
        let watched = start(ssc, true).unwrap();
        // Longer than the time between two overviews.
        assert!(watched.wait_for_batches(30, std::time::Duration::from_secs(60)));
        watched.stop(Stop::Graceful).unwrap();
        watched.end().unwrap();
    }
}
