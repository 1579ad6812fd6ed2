//! The port that a program listens on for remote senders: its thread, and how it begins and ends with the program.

use super::connection::{Connection, Open, Port};
use super::counts::Counts;
use super::options::RemotePortOptions;
use super::session::Violation;
use super::wire::{Frame, Refusal, preamble};
use crate::actor::directory::Directory;
use crate::peers::Peers;
use futures::stream::{FuturesUnordered, StreamExt};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use waterwheel_operators::Companion;
use waterwheel_runtime::clock::SharedClock;

/// After a connection could not be accepted (no more file descriptors, say) the next is tried so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long the end of a program waits until nobody listens any more.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Listening {
    /// Taken when the program starts.
    listener: Option<TcpListener>,
    port: Arc<Port>,
    max_connections: usize,
    running: Option<Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    closed: std::sync::mpsc::Receiver<()>,
}

impl Listening {
    pub(super) fn new(
        listener: TcpListener,
        directory: Arc<Directory>,
        options: &RemotePortOptions,
        counts: Arc<Counts>,
        clock: SharedClock,
    ) -> Listening {
        let port = Port { directory, limits: options.limits(), counts, clock, peers: Mutex::new(Peers::default()) };
        Listening {
            listener: Some(listener),
            port: Arc::new(port),
            max_connections: options.max_connections,
            running: None,
        }
    }
}

impl Companion for Listening {
    fn start(&mut self) -> Result<(), String> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        if !self.port.directory.has_doors() {
            return Err("no actor stream takes messages from remote senders; call remote on one".to_owned());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("the port for remote actors got no event loop: {error}"))?;
        let listener = {
            let _entered = runtime.enter();
            asynchronous(listener)
                .map_err(|error| format!("the port for remote actors cannot be listened on: {error}"))?
        };
        let (stop, stopped) = watch::channel(false);
        let (closing, closed) = std::sync::mpsc::channel();
        let (port, most) = (self.port.clone(), self.max_connections);
        let thread = std::thread::Builder::new().name("waterwheel-remote".to_owned());
        let started = thread.spawn(move || runtime.block_on(listen(listener, port, most, stopped, closing)));
        started.map_err(|error| format!("the port for remote actors got no thread: {error}"))?;
        self.running = Some(Running { stop, closed });
        Ok(())
    }

    fn stop(&mut self) {
        let Some(Running { stop, closed }) = self.running.take() else { return };
        stop.send_replace(true);
        // So that the next program can have the port at once. The thread does little, and this is done soon.
        if closed.recv_timeout(CLOSE_PATIENCE) == Err(RecvTimeoutError::Timeout) {
            log::warn!("the port for remote actors is still open {CLOSE_PATIENCE:?} after its program ended");
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Accepts connections and serves them, until it is told to stop.
async fn listen(
    listener: tokio::net::TcpListener,
    port: Arc<Port>,
    max_connections: usize,
    mut stopped: watch::Receiver<bool>,
    closing: std::sync::mpsc::Sender<()>,
) {
    let mut connections = FuturesUnordered::new();
    loop {
        let accepted = tokio::select! {
            biased;
            // An error means that the program is gone without a word.
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(()) = connections.next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) if connections.len() < max_connections => {
                port.counts.accepted.fetch_add(1, Ordering::Relaxed);
                port.counts.connections.fetch_add(1, Ordering::Relaxed);
                let (open, connection, stop) =
                    (Open(port.counts.clone()), Connection::new(port.clone()), stopped.clone());
                connections.push(async move {
                    let _open = open;
                    // Answers are small, and waited for.
                    let _ = stream.set_nodelay(true);
                    connection.serve(stream, peer, stop).await;
                });
            }
            Ok((stream, peer)) => {
                let violation =
                    Violation::new(Refusal::TooMany, format!("there are {max_connections} connections already"));
                port.refused(peer, &violation);
                turn_away(&stream, &violation);
            }
            Err(error) => {
                log::warn!("a connection for remote actors could not be accepted: {error}");
                let pause = port.clock.sleep(ACCEPT_PAUSE);
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop) => break,
                    () = pause => {}
                }
            }
        }
    }
    drop(listener);
    drop(closing);
    while connections.next().await.is_some() {}
}

fn asynchronous(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// Says why, as far as that can be said without waiting.
fn turn_away(stream: &TcpStream, violation: &Violation) {
    let mut words = preamble().to_vec();
    let frame: Frame = violation.frame();
    frame.encode_into(&mut words);
    let _ = stream.try_write(&words);
}

/// Listens on `address`.
pub(super) fn bind(addresses: &[SocketAddr], options: &RemotePortOptions) -> io::Result<TcpListener> {
    if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
        && !options.beyond_this_machine
    {
        let text = format!(
            "{open} can be reached from other machines, and whoever reaches it can send to the actors; listen on a loopback address such as 127.0.0.1, or say beyond_this_machine"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    TcpListener::bind(addresses)
}
