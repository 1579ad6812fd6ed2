//! Noticing that a peer is gone without a word: a cable that was pulled, a machine that lost its power.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a connection may be silent before the system asks the peer whether it is still there.
const SILENCE: Duration = Duration::from_secs(60);

/// Between two questions.
const BETWEEN: Duration = Duration::from_secs(15);

/// Unanswered questions after which the connection counts as broken.
const QUESTIONS: u32 = 4;

/// Has the system ask a silent peer whether it is there. A receiver only reads, so nothing else would ever tell it that nobody is.
pub(super) fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let questions = TcpKeepalive::new().with_time(SILENCE).with_interval(BETWEEN).with_retries(QUESTIONS);
    SockRef::from(stream).set_tcp_keepalive(&questions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_is_told_how_long_to_wait_and_how_often_to_ask() {
        let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(peer.local_addr().unwrap()).await.unwrap();
        keep_alive(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), SILENCE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), BETWEEN);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), QUESTIONS);
    }
}
