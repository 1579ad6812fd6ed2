//! The side of the feeder.

use serde::Serialize;
use std::io::{self, Write};
use std::marker::PhantomData;
use waterwheel_runtime::codec;

/// Writes blocks for [`raw_socket_stream`](super::RawSocketSource::raw_socket_stream): to a connection, or to anything else.
///
/// Each block is written in one piece, so a buffer around the connection is of use for small blocks only. Records are best sent by
/// the thousand.
///
/// `T` is the type of the records. Say it, for a number that is written without one is an `i32`, and is not the `u32` that a reader
/// expects. A writer of `(&str, u32)` writes what a reader of `(String, u32)` reads.
///
/// ```
/// use waterwheel_receivers::raw::RawBlockWriter;
///
/// let mut writer = RawBlockWriter::<&str, _>::new(Vec::new());
/// writer.write_block(&["to", "be"])?;
/// assert_eq!(writer.into_inner(), b"\0\0\0\x07\x02\x02to\x02be");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct RawBlockWriter<T, W> {
    to: W,
    max_block: usize,
    buffer: Vec<u8>,
    records: PhantomData<fn(&T)>,
}

impl<T: Serialize, W: Write> RawBlockWriter<T, W> {
    /// A writer whose blocks have at most 16 MiB, as readers accept unless they are told otherwise.
    pub fn new(to: W) -> Self {
        RawBlockWriter { to, max_block: 16 << 20, buffer: Vec::new(), records: PhantomData }
    }

    /// Sets the longest block in bytes: what the reader accepts as `receiver.max_raw_block`. At most 4 GiB, less one byte.
    #[must_use]
    pub fn with_max_block(mut self, bytes: usize) -> Self {
        self.max_block = bytes;
        self
    }

    /// Writes `records` as one block.
    ///
    /// # Errors
    /// `InvalidInput` when they cannot be encoded, or are longer than a block may be: nothing is written then. Otherwise what the
    /// connection says; the reader drops a block that did not get there whole.
    pub fn write_block(&mut self, records: &[T]) -> io::Result<()> {
        let body = codec::encode(records).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= self.max_block).ok_or_else(|| {
            let (bytes, limit, count) = (body.len(), self.max_block, records.len());
            let message = format!(
                "a block of {count} records has {bytes} bytes, the limit is {limit}; write fewer records at a time"
            );
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        self.buffer.clear();
        self.buffer.extend_from_slice(&length.to_be_bytes());
        self.buffer.extend_from_slice(&body);
        self.to.write_all(&self.buffer)
    }

    /// Hands on what a buffer in between still holds.
    ///
    /// # Errors
    /// What the connection says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// What it writes to.
    pub fn get_ref(&self) -> &W {
        &self.to
    }

    /// Gives back what it writes to.
    pub fn into_inner(self) -> W {
        self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_that_is_too_long_is_refused_with_its_length_and_nothing_is_written() {
        let mut writer = RawBlockWriter::<u8, _>::new(Vec::new()).with_max_block(5);
        writer.write_block(&[1, 2, 3, 4]).unwrap();
        let error = writer.write_block(&[1, 2, 3, 4, 5]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a block of 5 records has 6 bytes, the limit is 5; write fewer records at a time"
        );
        assert_eq!(writer.into_inner(), [0, 0, 0, 5, 4, 1, 2, 3, 4]);
    }

    #[test]
    fn records_that_cannot_be_encoded_are_refused() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(std::iter::from_fn(|| Some(1)).filter(|_| true).take(3))
            }
        }
        let error = RawBlockWriter::new(Vec::new()).write_block(&[Endless]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
