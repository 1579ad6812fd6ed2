//! Streams read from a TCP peer: `socket_text_stream` and `socket_stream`.
//!
//! The context is the client. It connects, reads until the peer closes the connection or something breaks, and then connects
//! again, for ever: the first time `receiver.restart_delay` (default 2 s) later, then after pauses that grow to four times that until
//! something was received; every such end is an
//! [`Event::ReceiverError`](waterwheel_runtime::event::Event::ReceiverError) that names the address and the cause. Nothing of
//! this ends the program.
//!
//! **Back pressure.** The next read waits until the records of the last one are stored, and storing waits for the stream's
//! limits (what batches can take, `receiver.max_pending`, `block_queue_size`, `receiver.max_rate`). So a peer that sends faster than batches are
//! computed finds its own writes blocked, and memory stays flat.
//!
//! **Silence.** A peer may be silent for as long as it likes. Whether it is still there is asked by the system (TCP keep-alive):
//! after a minute of silence, and again every 15 seconds; four questions without an answer end the connection.
//!
//! **Guarantee.** Records that were read are in memory; those of a killed process, and what is on its way when the program
//! stops, are lost. TCP has no way to ask for them again.

pub(crate) mod address;
pub(crate) mod chunks;
pub(crate) mod connection;
mod keep_alive;

pub(crate) use connection::connect;

use crate::decode::{Decoder, LineDecoder};
use chunks::Decoded;
use connection::Connection;
use waterwheel_operators::record::Record;
use waterwheel_operators::{DStream, ReceiverOptions, StreamingContext};
use waterwheel_runtime::site::Site;

/// Streams read from a TCP peer; see the [module](self).
pub trait SocketSource {
    /// Lines of UTF-8 text from the TCP peer at `address`, which is `host:port`.
    ///
    /// A line ends with `\n`, and a `\r` before it is no part of the line; the last line of a connection needs no end. Bytes
    /// that are not valid UTF-8 become U+FFFD, which is reported with the number of such lines. A line longer than
    /// `receiver.max_line` bytes (default 1 MiB) is an error that drops the connection. Blocks are kept at
    /// `MEMORY_AND_DISK`; [`socket_text_stream_with`](Self::socket_text_stream_with) takes other options.
    ///
    /// # Errors
    /// An address that is no `host:port` is a misuse, which `start` returns. A peer that cannot be reached is none: it is
    /// tried again for ever.
    ///
    /// ```
    /// use std::io::Write;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let peer = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = peer.local_addr()?.to_string();
    ///
    /// let ssc = StreamingContext::new(Config::local("Lines"), milliseconds(20))?;
    /// let (lines, received) = std::sync::mpsc::channel();
    /// ssc.socket_text_stream(address)
    ///     .foreach_rdd(move |rdd| rdd.collect().map(|all| all.into_iter().for_each(|line| drop(lines.send(line)))));
    /// let running = ssc.start()?;
    ///
    /// peer.accept()?.0.write_all(b"to be\nor not to be")?;
    /// assert_eq!(received.recv()?, "to be");
    /// assert_eq!(received.recv()?, "or not to be");
    /// running.stop(Stop::Graceful)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn socket_text_stream(&self, address: impl Into<String>) -> DStream<'_, String>;

    /// As [`socket_text_stream`](Self::socket_text_stream), with the level at which its blocks are kept until their batch is
    /// done, or [`ReceiverOptions`], which also say what becomes of lines that come too fast.
    ///
    /// # Errors
    /// As [`socket_text_stream`](Self::socket_text_stream).
    #[track_caller]
    fn socket_text_stream_with(
        &self,
        address: impl Into<String>,
        options: impl Into<ReceiverOptions>,
    ) -> DStream<'_, String>;

    /// Records that `decoder` cuts out of the bytes from the TCP peer at `address`, which is `host:port`.
    ///
    /// `decoder` is called for every connection and makes its decoder; a [`FrameDecoder`](crate::decode::FrameDecoder) turns a
    /// function that recognises one record into one. An error of the decoder, and a connection that ends in the middle of a
    /// record, are reported and have the connection made again. Blocks are kept at `MEMORY_AND_DISK`;
    /// [`socket_stream_with`](Self::socket_stream_with) takes other options.
    ///
    /// # Errors
    /// As [`socket_text_stream`](Self::socket_text_stream).
    ///
    /// Numbers of four bytes:
    ///
    /// ```
    /// use std::io::Write;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let peer = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = peer.local_addr()?.to_string();
    ///
    /// let ssc = StreamingContext::new(Config::local("Numbers"), milliseconds(20))?;
    /// let (sent, received) = std::sync::mpsc::channel();
    /// let numbers = ssc.socket_stream(address, || {
    ///     FrameDecoder::new(4, |bytes| {
    ///         Ok(bytes.first_chunk().map(|four| Frame { length: 4, record: u32::from_be_bytes(*four) }))
    ///     })
    /// });
    /// numbers.foreach_rdd(move |rdd| rdd.collect().map(|all| all.into_iter().for_each(|number| drop(sent.send(number)))));
    /// let running = ssc.start()?;
    ///
    /// peer.accept()?.0.write_all(&[0, 0, 0, 7, 0, 0, 1, 0])?;
    /// assert_eq!((received.recv()?, received.recv()?), (7, 256));
    /// running.stop(Stop::Graceful)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn socket_stream<D>(
        &self,
        address: impl Into<String>,
        decoder: impl Fn() -> D + Send + 'static,
    ) -> DStream<'_, D::Item>
    where
        D: Decoder + 'static,
        D::Item: Record;

    /// As [`socket_stream`](Self::socket_stream), with the level at which its blocks are kept until their batch is done, or
    /// [`ReceiverOptions`], which say more.
    ///
    /// # Errors
    /// As [`socket_text_stream`](Self::socket_text_stream).
    #[track_caller]
    fn socket_stream_with<D>(
        &self,
        address: impl Into<String>,
        decoder: impl Fn() -> D + Send + 'static,
        options: impl Into<ReceiverOptions>,
    ) -> DStream<'_, D::Item>
    where
        D: Decoder + 'static,
        D::Item: Record;
}

impl SocketSource for StreamingContext {
    fn socket_text_stream(&self, address: impl Into<String>) -> DStream<'_, String> {
        text(self, Site::here("socket_text_stream"), address.into(), ReceiverOptions::new())
    }

    fn socket_text_stream_with(
        &self,
        address: impl Into<String>,
        options: impl Into<ReceiverOptions>,
    ) -> DStream<'_, String> {
        text(self, Site::here("socket_text_stream_with"), address.into(), options.into())
    }

    fn socket_stream<D>(
        &self,
        address: impl Into<String>,
        decoder: impl Fn() -> D + Send + 'static,
    ) -> DStream<'_, D::Item>
    where
        D: Decoder + 'static,
        D::Item: Record,
    {
        stream(self, Site::here("socket_stream"), address.into(), ReceiverOptions::new(), decoder)
    }

    fn socket_stream_with<D>(
        &self,
        address: impl Into<String>,
        decoder: impl Fn() -> D + Send + 'static,
        options: impl Into<ReceiverOptions>,
    ) -> DStream<'_, D::Item>
    where
        D: Decoder + 'static,
        D::Item: Record,
    {
        stream(self, Site::here("socket_stream_with"), address.into(), options.into(), decoder)
    }
}

fn text(context: &StreamingContext, site: Site, address: String, options: ReceiverOptions) -> DStream<'_, String> {
    let max_line = usize::try_from(context.config().receiver.max_line.as_u64()).unwrap_or(usize::MAX);
    stream(context, site, address, options, move || LineDecoder::new(max_line))
}

fn stream<D>(
    context: &StreamingContext,
    site: Site,
    address: String,
    options: ReceiverOptions,
    decoder: impl Fn() -> D + Send + 'static,
) -> DStream<'_, D::Item>
where
    D: Decoder + 'static,
    D::Item: Record,
{
    if let Some(problem) = address::problem(&address) {
        context.misuse(site, problem);
    }
    let name = format!("socket {address}");
    let factory = move || Connection { address: address.clone(), chunks: Decoded::new(decoder()) };
    context.receiver_stream_at(site, name, options, factory)
}
