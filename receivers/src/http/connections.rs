//! Hanging up on clients that have nothing to say.
//!
//! The server below times the first head of a connection only: a client whose second request never gets beyond its first byte, or
//! who goes on and on with a body that has been refused, would keep its connection for ever. So each connection is watched from
//! here: when no request of it is being answered for too long, its socket is shut.

use actix_rt::net::TcpStream;
use actix_web::dev::Extensions;
use socket2::{SockRef, Socket};
use std::any::Any;
use std::future::pending;
use std::net::Shutdown;
use std::time::Duration;
use tokio::sync::watch;
use waterwheel_runtime::clock::SharedClock;

/// How long a client that is hung up on has to read why.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The next request is waited for, or on its way.
    Idle,
    /// A request is being answered; its own limits hold.
    Busy,
    /// The answer was the last.
    Closing,
}

/// A connection, as its requests see it. It ends with the connection.
#[derive(Debug)]
pub(super) struct Connection(watch::Sender<Phase>);

impl Connection {
    pub(super) fn is(&self, phase: Phase) {
        self.0.send_replace(phase);
    }
}

/// Has new connections watched, each of which may be idle for as long as `idle`.
pub(super) fn watch_new(
    clock: SharedClock,
    idle: Duration,
) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync {
    move |connection, data| {
        let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
        // A system that has no more descriptors has other cares than this connection.
        let Ok(socket) = SockRef::from(stream).try_clone() else { return };
        let (sender, phase) = watch::channel(Phase::Idle);
        data.insert(Connection(sender));
        actix_rt::spawn(watch_over(socket, phase, clock.clone(), idle));
    }
}

async fn watch_over(socket: Socket, mut phase: watch::Receiver<Phase>, clock: SharedClock, idle: Duration) {
    loop {
        let limit = match *phase.borrow_and_update() {
            Phase::Idle => clock.sleep(idle),
            Phase::Busy => Box::pin(pending()),
            Phase::Closing => clock.sleep(LINGER),
        };
        tokio::select! {
            changed = phase.changed() => if changed.is_err() { return },
            () = limit => {
                // It may be gone by itself. The client is told by a reset once the server below has let go: one that goes on
                // sending would otherwise find its window closed, and wait for a minute.
                let _ = socket.set_linger(Some(Duration::ZERO)).and_then(|()| socket.shutdown(Shutdown::Both));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::io::Read;
    use std::sync::Arc;
    use waterwheel_runtime::clock::ManualClock;
    use waterwheel_runtime::time::{Time, milliseconds, seconds};

    /// A watched socket, its client, and what the watcher goes by.
    fn watched() -> (impl Future<Output = ()>, std::net::TcpStream, Connection, ManualClock) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nonblocking(true).unwrap();
        let clock = ManualClock::new(Time::ZERO);
        let (sender, phase) = watch::channel(Phase::Idle);
        let socket = Socket::from(listener.accept().unwrap().0);
        (watch_over(socket, phase, Arc::new(clock.clone()), seconds(20)), client, Connection(sender), clock)
    }

    #[test]
    fn idle_connection_is_shut_when_its_time_is_over_and_requests_begin_it_anew() {
        let (watching, mut client, connection, clock) = watched();
        let mut watching = Box::pin(watching);
        for phase in [Phase::Busy, Phase::Idle] {
            assert_eq!((&mut watching).now_or_never(), None);
            clock.advance(seconds(20) - milliseconds(1));
            connection.is(phase);
        }
        assert_eq!((&mut watching).now_or_never(), None);
        clock.advance(seconds(20) - milliseconds(1));
        assert_eq!((&mut watching).now_or_never(), None);
        assert!(client.read(&mut [0]).is_err(), "it is still there");
        clock.advance(milliseconds(1));
        assert_eq!(watching.now_or_never(), Some(()));
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn last_answer_is_left_a_moment_and_a_connection_that_has_ended_is_not_watched() {
        let (watching, mut client, connection, clock) = watched();
        let mut watching = Box::pin(watching);
        connection.is(Phase::Closing);
        assert_eq!((&mut watching).now_or_never(), None);
        clock.advance(LINGER);
        assert_eq!(watching.now_or_never(), Some(()));
        assert_eq!(client.read(&mut [0]).unwrap(), 0);

        let (watching, _client, connection, _clock) = watched();
        let mut watching = Box::pin(watching);
        assert_eq!((&mut watching).now_or_never(), None);
        drop(connection);
        assert_eq!(watching.now_or_never(), Some(()));
    }
}
