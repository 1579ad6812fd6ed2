//! One connection: from connecting to the end of the stream. The receiver's supervisor starts the next one.

use crate::decode::Decoder;
use crate::store::store_at_rate;
use std::io;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// The buffer that the socket is read into: large enough that a chunk holds thousands of lines, small enough for the cache.
const READ_BYTES: usize = 256 * 1024;

/// How long a peer may take to answer the attempt to connect. The system's own limit is about two minutes, in which nobody
/// would hear of the trouble.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads one connection's records.
pub(super) struct Connection<D: Decoder> {
    pub(super) address: String,
    pub(super) decoder: D,
    /// The bytes of memory that the records of a read of so many bytes take, where that is cheap to tell.
    pub(super) memory: fn(&[D::Item], usize) -> Option<usize>,
}

impl<D> Receiver for Connection<D>
where
    D: Decoder + 'static,
    D::Item: Record,
{
    type Record = D::Item;

    async fn run(&mut self, handle: ReceiverHandle<D::Item>) -> Result<(), ReceiverError> {
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
        let mut last = 0;
        let mut repaired = 0;
        loop {
            let read = tokio::select! {
                biased;
                () = &mut stopped => return Ok(()),
                read = stream.read(&mut buffer) => read,
            };
            // As many as last time are likely, and what is missing is found by growing.
            let mut records = Vec::with_capacity(last);
            let (bytes, outcome) = match read {
                Ok(0) => (0, self.end(&mut records)),
                Ok(read) => (read, self.decode(buffer.get(..read).unwrap_or_default(), &mut records)),
                Err(error) => (0, Err(self.ended(format_args!("the connection to {} broke: {error}", self.address)))),
            };
            last = records.len();
            let memory = (self.memory)(&records, bytes);
            if store_at_rate(&handle, records, memory).await.is_err() {
                return Ok(());
            }
            // The first is told at once, for the connection may last; the sum is told at its end.
            if self.decoder.repaired() > repaired && (repaired == 0 || outcome.is_err()) {
                repaired = self.decoder.repaired();
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

/// Connects to `address`.
///
/// Where nobody listens on a port of this machine, an attempt may be given that very port to connect from, and is then
/// connected with itself. It would wait for ever for what it never sends, and keep the peer from taking its port.
async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

impl<D: Decoder> Connection<D> {
    fn decode(&mut self, bytes: &[u8], records: &mut Vec<D::Item>) -> Result<(), ReceiverError> {
        match self.decoder.decode(bytes, records) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.ended(format_args!("dropped the connection to {}: {error}", self.address))),
        }
    }

    /// The peer has closed the connection: the records that need no more bytes, and the error that has the connection remade.
    fn end(&mut self, records: &mut Vec<D::Item>) -> Result<(), ReceiverError> {
        let cause = self.decoder.finish(records).err().map(|error| format!(": {error}")).unwrap_or_default();
        Err(self.ended(format_args!("{} closed the connection{cause}", self.address)))
    }

    fn ended(&self, what: std::fmt::Arguments<'_>) -> ReceiverError {
        what.to_string().into()
    }
}
