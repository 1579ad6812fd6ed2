//! Why bytes could not be cut into records.

use std::error::Error as StdError;

use thiserror::Error;

/// A stream of bytes that is not what its decoder expects.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A line exceeds the limit of its [`LineDecoder`](super::LineDecoder).
    #[error(transparent)]
    LineTooLong(#[from] LineTooLong),

    /// A frame exceeds the limit of its [`FrameDecoder`](super::FrameDecoder).
    #[error("a frame is longer than the limit of {limit} bytes: {seen} bytes seen")]
    FrameTooLong {
        /// The longest frame allowed, in bytes.
        limit: usize,
        /// How much of the frame was seen, in bytes; it may go on.
        seen: usize,
    },

    /// The function of a [`FrameDecoder`](super::FrameDecoder) claims a length that cannot be.
    #[error("the frame function claims a frame of {claimed} bytes where {available} are available")]
    ImpossibleLength {
        /// The length it returned: zero, or more than it was given.
        claimed: usize,
        /// How many bytes it was given.
        available: usize,
    },

    /// The stream ended in the middle of a record.
    #[error("the stream ended in the middle of a record, {bytes} bytes into it")]
    Unfinished {
        /// How much of the record had arrived.
        bytes: usize,
    },

    /// The user's decoder refused the bytes.
    #[error("the bytes were refused by the decoder: {0}")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
}

impl DecodeError {
    /// A decoder's own reason to refuse the bytes: an error of any type, or a text.
    ///
    /// ```
    /// use waterwheel_receivers::decode::DecodeError;
    ///
    /// let error = DecodeError::refused("version 7 is not known");
    /// assert_eq!(error.to_string(), "the bytes were refused by the decoder: version 7 is not known");
    /// ```
    pub fn refused(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Refused(reason.into())
    }
}

/// A line longer than its decoder allows.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a line is longer than the limit of {limit} bytes: {seen} bytes seen, it begins with {head:?}")]
#[non_exhaustive]
pub struct LineTooLong {
    /// The longest line allowed, in bytes, without its line end.
    pub limit: usize,
    /// How much of the line was seen, in bytes; it may go on.
    pub seen: usize,
    /// The first characters of the line, at most 40.
    pub head: String,
}

impl LineTooLong {
    const HEAD_CHARS: usize = 40;

    /// Describes the line that begins with `held` and goes on with `rest`.
    pub(super) fn new(limit: usize, held: &[u8], rest: &[u8]) -> Self {
        // A character has at most four bytes, so this many bytes hold every character shown.
        let head: Vec<u8> = held.iter().chain(rest).copied().take(4 * Self::HEAD_CHARS).collect();
        let head = String::from_utf8_lossy(&head).chars().take(Self::HEAD_CHARS).collect();
        Self { limit, seen: held.len() + rest.len(), head }
    }
}
