//! A client that says what it likes, byte by byte.

use crate::support::DEADLINE;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection.
pub(crate) struct Client(BufReader<TcpStream>);

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Client(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    /// Sends bytes as they are. The server may have hung up before it has taken all of them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a request to `target`.
    pub(crate) fn request(&mut self, target: &str, content_type: &str, body: impl AsRef<[u8]>) {
        let length = body.as_ref().len();
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: test\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.send(head).unwrap();
        self.send(body).unwrap();
    }

    /// The next answer; `None` when the server has hung up instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut status = String::new();
        if self.0.read_line(&mut status).is_err() || status.is_empty() {
            return None;
        }
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }

    /// Waits until the server has hung up, whatever it says before.
    pub(crate) fn wait_for_end(&mut self) {
        // That a connection is reset is an end as well.
        let mut rest = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    }
}

/// Posts a body to `target` on a connection of its own.
pub(crate) fn post(address: SocketAddr, target: &str, content_type: &str, body: impl AsRef<[u8]>) -> Answer {
    let mut client = Client::connect(address);
    client.request(target, content_type, body);
    client.answer().expect("the server has hung up")
}

/// Posts lines of text to `/`.
pub(crate) fn post_lines(address: SocketAddr, body: impl AsRef<[u8]>) -> Answer {
    post(address, "/", "text/plain", body)
}
