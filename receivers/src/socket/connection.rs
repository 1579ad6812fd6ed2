//! One connection: from connecting to the end of the stream. The receiver's supervisor starts the next one.

use super::chunks::{Chunk, Chunks};
use super::keep_alive::keep_alive;
use crate::store::store_at_rate;
use std::io;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle, ReceiverStopped};

/// The buffer that the socket is read into: large enough that a chunk holds thousands of lines, small enough for the cache.
const READ_BYTES: usize = 256 * 1024;

/// How long a peer may take to answer the attempt to connect. The system's own limit is about two minutes, in which nobody
/// would hear of the trouble.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads one connection's records.
pub(crate) struct Connection<C> {
    pub(crate) address: String,
    pub(crate) chunks: C,
}

impl<C: Chunks> Receiver for Connection<C> {
    type Record = C::Record;

    async fn run(&mut self, handle: ReceiverHandle<C::Record>) -> Result<(), ReceiverError> {
        let watch = handle.clone();
        let stopped = watch.stopped();
        tokio::pin!(stopped);
        let timeout = handle.clock().sleep(CONNECT_TIMEOUT);
        let connected = tokio::select! {
            biased;
            () = &mut stopped => return Ok(()),
            connected = connect(&self.address) => connected,
            () = timeout => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {CONNECT_TIMEOUT:?}"))),
        };
        let Connection { address, .. } = &*self;
        let mut stream = connected.map_err(|error| format!("cannot connect to {address}: {error}"))?;
        log::info!("connected to {address}");

        let mut buffer = vec![0; READ_BYTES];
        let mut chunks = Vec::new();
        let mut repaired = 0;
        loop {
            let read = tokio::select! {
                biased;
                () = &mut stopped => return Ok(()),
                read = stream.read(&mut buffer) => read,
            };
            let outcome = match read {
                Ok(0) => self.end(&mut chunks),
                Ok(read) => {
                    let mut rest = buffer.get(..read).unwrap_or_default();
                    loop {
                        let outcome = self.cut(&mut rest, &mut chunks);
                        if outcome.is_err() || rest.is_empty() {
                            break outcome;
                        }
                        // What is left may make much more of it.
                        if store(&handle, &mut chunks).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                // A signal in the middle of a read is no fault of anybody's.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(format!("the connection to {} broke: {error}", self.address).into()),
            };
            if store(&handle, &mut chunks).await.is_err() {
                return Ok(());
            }
            // The first is told at once, for the connection may last; the sum is told at its end.
            if self.chunks.repaired() > repaired && (repaired == 0 || outcome.is_err()) {
                repaired = self.chunks.repaired();
                let so_far = if outcome.is_err() { "in all" } else { "so far" };
                handle.report_error(format_args!(
                    "{repaired} records from {} were not valid text {so_far}: invalid bytes are replaced by U+FFFD",
                    self.address
                ));
            }
            outcome?;
        }
    }
}

/// Stores what has been cut so far.
async fn store<T: Record>(handle: &ReceiverHandle<T>, chunks: &mut Vec<Chunk<T>>) -> Result<(), ReceiverStopped> {
    for Chunk { records, bytes } in chunks.drain(..) {
        store_at_rate(handle, records, bytes).await?;
    }
    Ok(())
}

/// Connects to `address`.
///
/// Where nobody listens on a port of this machine, an attempt may be given that very port to connect from, and is then
/// connected with itself. It would wait for ever for what it never sends, and keep the peer from taking its port.
pub(crate) async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    keep_alive(&stream)?;
    Ok(stream)
}

impl<C: Chunks> Connection<C> {
    fn cut(&mut self, bytes: &mut &[u8], out: &mut Vec<Chunk<C::Record>>) -> Result<(), ReceiverError> {
        let dropped = |error| format!("dropped the connection to {}: {error}", self.address).into();
        self.chunks.cut(bytes, out).map_err(dropped)
    }

    /// The peer has closed the connection: the records that need no more bytes, and the error that has the connection remade.
    fn end(&mut self, out: &mut Vec<Chunk<C::Record>>) -> Result<(), ReceiverError> {
        let cause = self.chunks.finish(out).err().map(|error| format!(": {error}")).unwrap_or_default();
        Err(format!("{} closed the connection{cause}", self.address).into())
    }
}
