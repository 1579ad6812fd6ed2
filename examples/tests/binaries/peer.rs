//! A server that plays `nc -lk`.

use crate::program::DEADLINE;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

/// Its connections are taken by a thread, so that a test waits for one with a deadline.
pub(crate) struct Peer {
    address: SocketAddr,
    connections: Receiver<TcpStream>,
    killed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Listens on a free port.
    pub(crate) fn new() -> Peer {
        Peer::at("127.0.0.1:0")
    }

    /// Listens on `address`.
    pub(crate) fn at(address: &str) -> Peer {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, connections) = channel();
        let killed = Arc::new(AtomicBool::new(false));
        let ending = killed.clone();
        let thread = thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                if ending.load(Ordering::SeqCst) || accepted.send(connection).is_err() {
                    return;
                }
            }
        });
        Peer { address, connections, killed, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The next connection, on which nothing waits longer than the deadline.
    pub(crate) fn accept(&self) -> TcpStream {
        let connection = self.connections.recv_timeout(DEADLINE).expect("nobody connected");
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection.set_write_timeout(Some(DEADLINE)).unwrap();
        connection
    }
}

impl Drop for Peer {
    /// Kills the server: nobody listens on its port when this returns.
    fn drop(&mut self) {
        self.killed.store(true, Ordering::SeqCst);
        // Wakes the thread out of `accept`.
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// An address on which nobody listens.
pub(crate) fn nobodys_address() -> String {
    Peer::new().address()
}
