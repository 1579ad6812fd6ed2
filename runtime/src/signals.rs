//! SIGTERM and Ctrl-C, shared by all contexts of the process.
//!
//! Signals belong to the process, so this module has the one piece of global state of the library: how many contexts listen.
//! While none does, both signals end the process as they would without this library.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::io::Interest;
use tokio::net::UnixStream;

static LISTENING: AtomicUsize = AtomicUsize::new(0);
static IDLE: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// One context's ear. Signals that arrive while it lives are its own, too.
pub(crate) struct ShutdownSignals {
    stream: UnixStream,
    registered: Vec<SigId>,
    idle: Arc<AtomicBool>,
}

impl ShutdownSignals {
    /// Listens from now on. Needs a tokio runtime with IO.
    ///
    /// # Errors
    /// When the system refuses a socket pair or a handler.
    pub(crate) fn listen() -> io::Result<ShutdownSignals> {
        let idle = default_when_idle()?;
        let (read, write) = StdStream::pair()?;
        read.set_nonblocking(true)?;
        LISTENING.fetch_add(1, Ordering::SeqCst);
        idle.store(false, Ordering::SeqCst);
        let mut signals = ShutdownSignals { stream: UnixStream::from_std(read)?, registered: Vec::new(), idle };
        for signal in [SIGTERM, SIGINT] {
            signals.registered.push(signal_hook::low_level::pipe::register(signal, write.try_clone()?)?);
        }
        Ok(signals)
    }

    /// Completes at the next signal.
    pub(crate) async fn recv(&mut self) {
        let mut byte = [0];
        loop {
            match self.stream.ready(Interest::READABLE).await {
                Ok(_) => match self.stream.try_read(&mut byte) {
                    Ok(1) => return,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // The writing end lives as long as this value; without it no signal can come.
                    Ok(_) | Err(_) => std::future::pending().await,
                },
                Err(_) => std::future::pending().await,
            }
        }
    }
}

impl Drop for ShutdownSignals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
        if LISTENING.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.store(true, Ordering::SeqCst);
        }
    }
}

/// Registers, once per process, the default behaviour for the time when no context listens.
fn default_when_idle() -> io::Result<Arc<AtomicBool>> {
    let mut slot = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(idle) = &*slot {
        return Ok(idle.clone());
    }
    let idle = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_default(signal, idle.clone())?;
    }
    *slot = Some(idle.clone());
    Ok(idle)
}
