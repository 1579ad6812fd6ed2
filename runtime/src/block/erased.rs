//! Records without their type, and the way back.

use std::any::{Any, type_name};
use std::fmt;
use std::io::{BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, CodecError};
use crate::error::panic_message;

/// The records of a block or partition, their type erased: a `Vec<Vec<T>>`, the chunks of records as the receiver or
/// the task made them.
///
/// Chunks are moved in and shared from then on; nothing between the receiver and the task copies a record.
pub type Erased = Arc<dyn Any + Send + Sync>;

/// The longest encoded block that is read back, and the most elements of one sequence in it. Far above any block, and
/// finite.
const LIMIT_BYTES: usize = u32::MAX as usize;

/// How many encoded bytes are gathered before they are written.
const WRITE_BUFFER: usize = 64 * 1024;

/// Encodes and decodes [`Erased`] records of one type: the type, remembered as two functions.
///
/// How a record is encoded is the user's code, and what it is called by is an actor that others depend on: a panic in it is an
/// error here.
///
/// ```
/// use std::sync::Arc;
/// use waterwheel_runtime::block::{Erased, ErasedCodec};
///
/// let codec = ErasedCodec::of::<u32>();
/// let records: Erased = Arc::new(vec![vec![1_u32, 2], vec![3]]);
/// let back = codec.decode(&codec.encode(&records)?)?;
/// assert_eq!(back.downcast_ref(), Some(&vec![vec![1_u32, 2], vec![3]]));
/// # Ok::<(), waterwheel_runtime::codec::CodecError>(())
/// ```
#[derive(Clone, Copy)]
pub struct ErasedCodec {
    type_name: fn() -> &'static str,
    encode: fn(&Erased) -> Result<Vec<u8>, CodecError>,
    encode_to: fn(&Erased, &mut dyn Write) -> Result<(), CodecError>,
    decode: fn(&[u8]) -> Result<Erased, CodecError>,
}

impl ErasedCodec {
    /// The codec of chunks of records of type `T`.
    pub fn of<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            type_name: type_name::<T>,
            encode: encode_chunks::<T>,
            encode_to: encode_chunks_to::<T>,
            decode: decode_chunks::<T>,
        }
    }

    /// The bytes of `records`; an error when they are not of the codec's type.
    pub fn encode(&self, records: &Erased) -> Result<Vec<u8>, CodecError> {
        (self.encode)(records)
    }

    /// Writes the bytes of `records`, a few at a time: they need no memory to speak of. An error may be one of `out`.
    pub fn encode_to(&self, records: &Erased, out: &mut dyn Write) -> Result<(), CodecError> {
        (self.encode_to)(records, out)
    }

    /// The records that `bytes` hold, chunk by chunk as they were encoded.
    pub fn decode(&self, bytes: &[u8]) -> Result<Erased, CodecError> {
        (self.decode)(bytes)
    }
}

impl fmt::Debug for ErasedCodec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ErasedCodec<{}>", (self.type_name)())
    }
}

fn encode_chunks<T: Serialize + 'static>(records: &Erased) -> Result<Vec<u8>, CodecError> {
    let chunks = chunks_of::<T>(records)?;
    caught::<T, _>(|| codec::encode(chunks))
}

fn encode_chunks_to<T: Serialize + 'static>(records: &Erased, out: &mut dyn Write) -> Result<(), CodecError> {
    let chunks = chunks_of::<T>(records)?;
    caught::<T, _>(|| {
        let mut out = BufWriter::with_capacity(WRITE_BUFFER, out);
        codec::encode_to(chunks, &mut out)?;
        out.flush().map_err(|error| CodecError::Encode { type_name: type_name::<T>(), source: error.into() })
    })
}

fn chunks_of<T: 'static>(records: &Erased) -> Result<&Vec<Vec<T>>, CodecError> {
    records.downcast_ref().ok_or_else(|| CodecError::WrongType { type_name: type_name::<Vec<Vec<T>>>() })
}

fn decode_chunks<T: DeserializeOwned + Send + Sync + 'static>(bytes: &[u8]) -> Result<Erased, CodecError> {
    Ok(Arc::new(caught::<T, _>(|| codec::decode::<Vec<Vec<T>>>(bytes, LIMIT_BYTES))?))
}

fn caught<T, R>(coding: impl FnOnce() -> Result<R, CodecError>) -> Result<R, CodecError> {
    catch_unwind(AssertUnwindSafe(coding)).unwrap_or_else(|payload| {
        Err(CodecError::Panicked { type_name: type_name::<T>(), message: panic_message(&*payload) })
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_come_back_as_they_were(chunks in vec(vec(any::<(String, i64)>(), 0..8), 0..8)) {
            let codec = ErasedCodec::of::<(String, i64)>();
            let erased: Erased = Arc::new(chunks.clone());
            let encoded = codec.encode(&erased).unwrap();
            let mut written = Vec::new();
            codec.encode_to(&erased, &mut written).unwrap();
            prop_assert_eq!(&written, &encoded);
            let back = codec.decode(&encoded).unwrap();
            prop_assert_eq!(back.downcast_ref::<Vec<Vec<(String, i64)>>>(), Some(&chunks));
        }
    }

    #[test]
    fn records_of_another_type_are_not_encoded() {
        let codec = ErasedCodec::of::<u32>();
        let words: Erased = Arc::new(vec![vec!["word".to_owned()]]);
        let flat: Erased = Arc::new(vec![1_u32]);
        for wrong in [words, flat] {
            assert!(matches!(codec.encode(&wrong), Err(CodecError::WrongType { .. })));
            assert!(matches!(codec.encode_to(&wrong, &mut Vec::new()), Err(CodecError::WrongType { .. })));
        }
    }

    #[derive(Debug)]
    struct Shy;

    impl Serialize for Shy {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("not to be written")
        }
    }

    impl<'de> serde::Deserialize<'de> for Shy {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Shy, D::Error> {
            panic!("not to be read")
        }
    }

    #[test]
    fn a_panic_of_the_records_own_encoding_is_an_error_with_its_message() {
        let codec = ErasedCodec::of::<Shy>();
        let shy: Erased = Arc::new(vec![vec![Shy]]);
        let one_element = codec::encode(&vec![vec![7_u8]]).unwrap();
        let (written, read) = (codec.encode(&shy).unwrap_err(), codec.decode(&one_element).unwrap_err());
        assert!(written.to_string().contains("Shy panicked: not to be written"), "{written}");
        assert!(read.to_string().contains("Shy panicked: not to be read"), "{read}");
    }

    #[test]
    fn a_codec_shows_the_type_it_stands_for() {
        assert_eq!(format!("{:?}", ErasedCodec::of::<u32>()), "ErasedCodec<u32>");
    }
}
