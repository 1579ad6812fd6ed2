//! Storing for good, and up to where a source has been stored: what lets a source redeliver without loss or doubles.

use super::ReceiverStopped;
use crate::codec::{self, CodecError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// The largest position, in encoded bytes. One is written with every block.
pub const MAX_POSITION_BYTES: usize = 64 << 10;

/// An encoded position.
pub type PositionBytes = Arc<[u8]>;

/// Why records are not known to be stored for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreReliablyError {
    /// The stream takes no more records, the run of the receiver is over, or the block could not be stored.
    #[error(transparent)]
    Stopped(#[from] ReceiverStopped),
    /// They were taken in, and their block was not stored in time. They may still become stored: do not acknowledge them, and
    /// expect the source to send them again.
    #[error(
        "the records were taken in, but their block was not stored within {timeout:?} (receiver.store_timeout); it may still be"
    )]
    TimedOut {
        /// `receiver.store_timeout`.
        timeout: Duration,
    },
    /// Nothing was stored: the position is too large.
    #[error("the position has {bytes} encoded bytes, and at most {MAX_POSITION_BYTES} are stored with a block")]
    PositionTooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Nothing was stored: the position cannot be encoded.
    #[error("the position cannot be encoded: {cause}")]
    Position {
        /// Why.
        cause: String,
    },
}

/// Why the last position is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LastPositionError {
    /// Records that were taken in before could not be stored, or the stream has been stopped.
    #[error("what was taken in before could not be stored, so the last position is not known")]
    NotStored,
    /// What is stored was not written as this type.
    #[error(
        "the stored position of {bytes} bytes cannot be read as {expected} ({cause}): keep the type of a stream's positions, or name the stream otherwise"
    )]
    OtherType {
        /// How large it is.
        bytes: usize,
        /// The type that was asked for.
        expected: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

/// `position` as it is stored.
pub(super) fn encode<P: Serialize>(position: &P) -> Result<PositionBytes, StoreReliablyError> {
    let bytes = codec::encode(position)
        .map_err(|error| StoreReliablyError::Position { cause: crate::error::in_full(&error) })?;
    match bytes.len() {
        bytes if bytes > MAX_POSITION_BYTES => Err(StoreReliablyError::PositionTooLarge { bytes }),
        _ => Ok(bytes.into()),
    }
}

/// The position that was stored as `bytes`.
pub(super) fn decode<P: DeserializeOwned>(bytes: &[u8]) -> Result<P, LastPositionError> {
    codec::decode(bytes, MAX_POSITION_BYTES).map_err(|error: CodecError| LastPositionError::OtherType {
        bytes: bytes.len(),
        expected: std::any::type_name::<P>(),
        cause: crate::error::in_full(&error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_as_nothing_else() {
        let bytes = encode(&("partition 3".to_owned(), 17_u64)).unwrap();
        assert_eq!(decode::<(String, u64)>(&bytes), Ok(("partition 3".to_owned(), 17)));
        let error = decode::<(String, u64, u64)>(&bytes).unwrap_err().to_string();
        assert!(error.contains("(alloc::string::String, u64, u64)") && error.contains("keep the type"), "{error}");
        assert!(decode::<String>(&bytes).is_err(), "what is left over is noticed");
    }

    #[test]
    fn a_position_that_is_too_large_is_refused() {
        assert!(encode(&vec![0_u8; MAX_POSITION_BYTES - 16]).is_ok());
        let error = encode(&vec![0_u8; MAX_POSITION_BYTES]).unwrap_err();
        assert!(
            matches!(error, StoreReliablyError::PositionTooLarge { bytes } if bytes > MAX_POSITION_BYTES),
            "{error}"
        );
    }
}
