//! A client that posts to an example by HTTP, so that it runs without a second terminal.

use std::convert::Infallible;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long the client waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Posts bodies to an address, one after another on one connection, until it is dropped.
#[derive(Debug)]
pub struct HttpFeed {
    /// Never sent to: that it is dropped tells the thread to end.
    stop: Option<mpsc::Sender<Infallible>>,
    thread: Option<JoinHandle<u64>>,
}

impl HttpFeed {
    /// Posts the next of `bodies`, of JSON lines, to `/` at `address` every so often.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start<B>(address: SocketAddr, every: Duration, bodies: B) -> io::Result<Self>
    where
        B: Iterator<Item = String> + Send + 'static,
    {
        let (stop, stopped) = mpsc::channel::<Infallible>();
        let thread = thread::Builder::new().name("http-feed".into()).spawn(move || {
            let (mut accepted, mut connection) = (0, None);
            for body in bodies {
                let mut wait = every;
                match post(&mut connection, address, &body) {
                    Ok((200 | 202, _)) => accepted += 1,
                    // What is told to come again later would be sent again by a client that is in earnest.
                    Ok((429, retry_after)) => wait = retry_after,
                    // The server stops, and so will the feed.
                    Ok((503, _)) => connection = None,
                    Ok((status, _)) => log::warn!("a body was answered with {status}"),
                    // As long as it is not there again.
                    Err(error) => {
                        log::debug!("{address}: {error}");
                        connection = None;
                    }
                }
                if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            accepted
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends the feed; how many bodies were accepted.
    pub fn stop(mut self) -> u64 {
        self.end()
    }

    fn end(&mut self) -> u64 {
        self.stop = None;
        self.thread.take().map_or(0, |thread| thread.join().unwrap_or_default())
    }
}

impl Drop for HttpFeed {
    fn drop(&mut self) {
        self.end();
    }
}

/// Posts `body`; the status of the answer, and after how long to come again.
fn post(connection: &mut Option<BufReader<TcpStream>>, address: SocketAddr, body: &str) -> io::Result<(u16, Duration)> {
    let connection = match connection {
        Some(connection) => connection,
        none => {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(ANSWER))?;
            none.insert(BufReader::new(stream))
        }
    };
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.get_mut().write_all((head + body).as_bytes())?;
    let (mut length, mut retry_after, mut line) = (0, Duration::from_secs(1), String::new());
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("{line:?} is no answer")))?;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("retry-after", value)) => retry_after = Duration::from_secs(value.parse().unwrap_or(1)),
            Some(_) => {}
            None => break,
        }
    }
    io::copy(&mut connection.take(length), &mut io::sink())?;
    Ok((status, retry_after))
}
