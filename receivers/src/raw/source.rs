//! The method on contexts.

use super::{RawBlock, RawBlockDecoder};
use crate::socket::address;
use crate::socket::chunks::{Chunk, Chunks};
use crate::socket::connection::Connection;
use waterwheel_operators::record::Record;
use waterwheel_operators::{DStream, ReceiverOptions, StreamingContext};
use waterwheel_runtime::receiver::ReceiverError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::weight;

/// Streams of encoded blocks from a TCP peer; see the [module](super).
pub trait RawSocketSource {
    /// The records of the blocks that the TCP peer at `address`, which is `host:port`, sends. The peer writes them with a
    /// [`RawBlockWriter`](super::RawBlockWriter).
    ///
    /// Under `receiver.max_rate` a block is stored in pieces, otherwise as one chunk. Blocks are kept at `MEMORY_AND_DISK`;
    /// [`raw_socket_stream_with`](Self::raw_socket_stream_with) takes other options.
    ///
    /// # Errors
    /// An address that is no `host:port` is a misuse, which `start` returns. A peer that cannot be reached is none: it is tried
    /// again for ever.
    ///
    /// ```
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let peer = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = peer.local_addr()?.to_string();
    ///
    /// let ssc = StreamingContext::new(Config::local("Raw"), milliseconds(20))?;
    /// let (sent, received) = std::sync::mpsc::channel();
    /// ssc.raw_socket_stream::<(String, u32)>(address)
    ///     .foreach_rdd(move |rdd| rdd.collect().map(|all| all.into_iter().for_each(|pair| drop(sent.send(pair)))));
    /// let running = ssc.start()?;
    ///
    /// let mut writer = RawBlockWriter::<(&str, u32), _>::new(peer.accept()?.0);
    /// writer.write_block(&[("tide", 1), ("ebb", 2)])?;
    /// assert_eq!(received.recv()?, ("tide".to_owned(), 1));
    /// assert_eq!(received.recv()?, ("ebb".to_owned(), 2));
    /// running.stop(Stop::Graceful)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn raw_socket_stream<T: Record>(&self, address: impl Into<String>) -> DStream<'_, T>;

    /// As [`raw_socket_stream`](Self::raw_socket_stream), with the level at which its blocks are kept until their batch is done,
    /// or [`ReceiverOptions`], which also say what becomes of blocks that come too fast.
    ///
    /// # Errors
    /// As [`raw_socket_stream`](Self::raw_socket_stream).
    #[track_caller]
    fn raw_socket_stream_with<T: Record>(
        &self,
        address: impl Into<String>,
        options: impl Into<ReceiverOptions>,
    ) -> DStream<'_, T>;
}

impl RawSocketSource for StreamingContext {
    fn raw_socket_stream<T: Record>(&self, address: impl Into<String>) -> DStream<'_, T> {
        stream(self, Site::here("raw_socket_stream"), address.into(), ReceiverOptions::new())
    }

    fn raw_socket_stream_with<T: Record>(
        &self,
        address: impl Into<String>,
        options: impl Into<ReceiverOptions>,
    ) -> DStream<'_, T> {
        stream(self, Site::here("raw_socket_stream_with"), address.into(), options.into())
    }
}

fn stream<T: Record>(
    context: &StreamingContext,
    site: Site,
    address: String,
    options: ReceiverOptions,
) -> DStream<'_, T> {
    if let Some(problem) = address::problem(&address) {
        context.misuse(site, problem);
    }
    let config = &context.config().receiver;
    let limit = usize::try_from(config.max_raw_block.as_u64()).unwrap_or(usize::MAX);
    let name = format!("raw socket {address}");
    let factory = move || {
        let chunks = RawChunks(RawBlockDecoder::<T>::new(limit));
        Connection { address: address.clone(), chunks }
    };
    context.receiver_stream_at(site, name, options, factory)
}

/// Each block is a chunk.
struct RawChunks<T>(RawBlockDecoder<T>);

impl<T: Record> Chunks for RawChunks<T> {
    type Record = T;

    fn cut(&mut self, bytes: &mut &[u8], out: &mut Vec<Chunk<T>>) -> Result<(), ReceiverError> {
        let block = self.0.decode_next(bytes)?;
        out.extend(block.map(|RawBlock { records, owned, .. }| {
            let bytes = Some(weight::of_shell(&records).saturating_add(owned));
            Chunk { records, bytes }
        }));
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<Chunk<T>>) -> Result<(), ReceiverError> {
        Ok(self.0.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::RawBlockWriter;

    /// I-30
    #[test]
    fn each_block_is_one_chunk_however_many_come_in_one_read() {
        let mut writer = RawBlockWriter::<u64, _>::new(Vec::new());
        for block in [&[1, 2, 3][..], &[], &[4]] {
            writer.write_block(block).unwrap();
        }
        let (mut chunks, mut out) = (RawChunks(RawBlockDecoder::<u64>::new(100)), Vec::new());
        let written = writer.into_inner();
        let mut bytes = written.as_slice();
        while !bytes.is_empty() {
            let before = out.len();
            chunks.cut(&mut bytes, &mut out).unwrap();
            assert!(out.len() <= before + 1, "a block waits until the one before it is stored");
        }
        chunks.finish(&mut out).unwrap();
        let out: Vec<_> = out.into_iter().map(|chunk| (chunk.records, chunk.bytes)).collect();
        assert_eq!(out, [(vec![1, 2, 3], Some(24 + 32)), (vec![4], Some(24 + 32))]);
    }
}
