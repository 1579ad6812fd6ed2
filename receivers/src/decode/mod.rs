//! Bounded framing: bytes as they arrive from a source, cut into records.
//!
//! A [`Decoder`] is handed read buffers in order, wherever they happen to be cut, and appends the records they complete.
//! It does no input or output and never holds more than its longest allowed record plus one read buffer: a peer that never
//! ends its record gets an error, not the memory of the process.
//!
//! [`LineDecoder`] cuts lines of text; [`FrameDecoder`] makes a decoder of a function that recognises one record.

mod error;
mod frames;
mod lines;

pub use error::{DecodeError, LineTooLong};
pub use frames::{Frame, FrameDecoder};
pub use lines::LineDecoder;

/// Cuts a stream of bytes into records; one decoder per connection.
///
/// The result must not depend on where the stream is cut into buffers. After an error the rest of the stream has no
/// meaning: the receiver drops the connection and starts the next one with a fresh decoder.
///
/// Most formats need no implementation of this trait but a [`FrameDecoder`]. This one makes every byte a record:
///
/// ```
/// use waterwheel_receivers::decode::{DecodeError, Decoder};
///
/// struct Bytes;
///
/// impl Decoder for Bytes {
///     type Item = u8;
///
///     fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
///         out.extend_from_slice(bytes);
///         Ok(())
///     }
///
///     fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), DecodeError> {
///         Ok(())
///     }
/// }
///
/// let mut records = Vec::new();
/// Bytes.decode(b"ab", &mut records)?;
/// assert_eq!(records, [97, 98]);
/// # Ok::<(), DecodeError>(())
/// ```
pub trait Decoder: Send {
    /// The records it makes.
    type Item;

    /// Takes the next bytes of the stream and appends the records they complete to `out`.
    ///
    /// # Errors
    ///
    /// When the bytes are no valid stream. Records completed before the fault are in `out`.
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Self::Item>) -> Result<(), DecodeError>;

    /// Ends the stream: appends what is complete without further bytes, such as a last line with no newline.
    ///
    /// # Errors
    ///
    /// When the stream ended in the middle of a record.
    fn finish(&mut self, out: &mut Vec<Self::Item>) -> Result<(), DecodeError>;

    /// How many records it had to repair so far, such as lines of text that were not valid. The receiver reports it.
    ///
    /// Default: none.
    fn repaired(&self) -> u64 {
        0
    }
}
