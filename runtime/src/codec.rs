//! The byte format of everything that leaves memory, and the hash that decides partitions.
//!
//! This module is the only user of the bincode crate. The format is bincode 2's *standard* configuration: little
//! endian, integers of variable length, no type names and no field names. It says nothing of itself, so the reader
//! must ask for the type the writer wrote.
//!
//! **Decoding is bounded.** Input is not trusted to be whole: it may come from a disk or from a peer. Text and bytes
//! are taken from the input before memory is reserved for them, a sequence longer than the limit is refused before its
//! first element, and bytes left over are an error. What decoding allocates is therefore bounded by the input and the
//! limit, never by a length field. A few bytes may still stand for much more memory, and for values in values in values without
//! end: [`decode_within`] bounds those, too. What a peer sends is decoded by it.
//!
//! **[`stable_hash`] is frozen.** Partition numbers are derived from it and state on disk is grouped by it, so it
//! gives the same number on every machine, in every version.

mod bounded;
mod budget;

use std::any::type_name;
use std::io::Write;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer};
use thiserror::Error;

use bounded::Bounded;
use budget::{AtMost, Bounds, Within};
pub use budget::{MAX_DEPTH, MemoryBudget};

/// A value that could not be turned into bytes, or bytes that are not the value asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The value's `Serialize` failed, or asked for something the format cannot express (a sequence of unknown length).
    #[error("cannot encode a value of type {type_name}")]
    Encode {
        /// The Rust type of the value.
        type_name: &'static str,
        /// What the encoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bytes do not hold a value of this type: damaged, cut short, or written as another type.
    #[error("cannot decode {bytes} bytes as {type_name}")]
    Decode {
        /// The Rust type asked for.
        type_name: &'static str,
        /// The length of the input.
        bytes: usize,
        /// What the decoder said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The input is longer than the caller's limit.
    #[error("refused to decode {bytes} bytes as {type_name}: the limit is {limit} bytes")]
    TooLong {
        /// The Rust type asked for.
        type_name: &'static str,
        /// The length of the input.
        bytes: usize,
        /// The caller's limit.
        limit: usize,
    },
    /// A whole value was read and bytes are left, so the input was written as another type.
    #[error("{left} of {bytes} bytes are left over after a value of type {type_name}")]
    LeftOver {
        /// The Rust type asked for.
        type_name: &'static str,
        /// The length of the input.
        bytes: usize,
        /// How many of them were not read.
        left: usize,
    },
    /// The value's own `Serialize` or `Deserialize` panicked.
    #[error("the encoding of type {type_name} panicked: {message}")]
    Panicked {
        /// The Rust type of the value.
        type_name: &'static str,
        /// The panic's own message.
        message: String,
    },
    /// Erased records are not of the type their codec was made for.
    #[error("erased records are not of type {type_name}")]
    WrongType {
        /// The Rust type of the codec.
        type_name: &'static str,
    },
}

/// The bytes of `value`.
///
/// ```
/// use waterwheel_runtime::codec::{decode, encode};
///
/// let bytes = encode(&("tide", 7_u32))?;
/// assert_eq!(decode::<(String, u32)>(&bytes, 1024)?, ("tide".to_owned(), 7));
/// # Ok::<(), waterwheel_runtime::codec::CodecError>(())
/// ```
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut buffer = Vec::new();
    encode_into(value, &mut buffer)?;
    Ok(buffer)
}

/// Replaces what `buffer` holds by the bytes of `value`, keeping its allocation.
///
/// After an error the buffer holds a part of the value that nobody can use.
pub fn encode_into<T: Serialize + ?Sized>(value: &T, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
    buffer.clear();
    encode_to(value, buffer)
}

/// Writes the bytes of `value` to `out`, in pieces of a few bytes: a file wants a buffer around it.
///
/// After an error, which may be one of `out`, a part of the value is written.
pub fn encode_to<T: Serialize + ?Sized>(value: &T, out: &mut impl Write) -> Result<(), CodecError> {
    match bincode::serde::encode_into_std_write(value, out, bincode::config::standard()) {
        Ok(_bytes_written) => Ok(()),
        Err(error) => Err(CodecError::Encode { type_name: type_name::<T>(), source: error.into() }),
    }
}

/// The value that `bytes` hold, all of them.
///
/// `limit_bytes` bounds the input, and the number of elements of every sequence and map in it: elements that take no
/// bytes (units) would otherwise let five damaged bytes announce a loop without end.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limit_bytes: usize) -> Result<T, CodecError> {
    decode_bounded(bytes, limit_bytes, AtMost(limit_bytes))
}

/// As [`decode`], for bytes that somebody else has made: what the value owns has to stay within `memory`, and no value lies deeper in
/// others than [`MAX_DEPTH`].
///
/// ```
/// use waterwheel_runtime::codec::{MemoryBudget, decode_within, encode};
///
/// // A hundred lists of a hundred empty strings each: ten kilobytes, and 24 times as much memory.
/// let bytes = encode(&vec![vec![String::new(); 100]; 100])?;
/// let lists = |memory| decode_within::<Vec<Vec<String>>>(&bytes, bytes.len(), &MemoryBudget::new(memory));
/// assert_eq!(lists(250_000)?.len(), 100);
/// assert!(lists(200_000).is_err());
/// # Ok::<(), waterwheel_runtime::codec::CodecError>(())
/// ```
pub fn decode_within<T: DeserializeOwned>(
    bytes: &[u8],
    limit_bytes: usize,
    memory: &MemoryBudget,
) -> Result<T, CodecError> {
    decode_bounded(bytes, limit_bytes, Within::new(limit_bytes, memory))
}

/// The value that `deserializer`, of any format, has for `seed`, within the bounds of [`decode_within`].
pub fn deserialize_within<'de, S, D>(seed: S, deserializer: D, memory: &MemoryBudget) -> Result<S::Value, D::Error>
where
    S: DeserializeSeed<'de>,
    D: Deserializer<'de>,
{
    Bounded::new(seed, Within::new(usize::MAX, memory)).deserialize(deserializer)
}

fn decode_bounded<T: DeserializeOwned>(bytes: &[u8], limit_bytes: usize, bounds: impl Bounds) -> Result<T, CodecError> {
    let type_name = type_name::<T>();
    if bytes.len() > limit_bytes {
        return Err(CodecError::TooLong { type_name, bytes: bytes.len(), limit: limit_bytes });
    }
    let seed = Bounded::new(PhantomData::<T>, bounds);
    let (value, bytes_read) = bincode::serde::seed_decode_from_slice(seed, bytes, bincode::config::standard())
        .map_err(|error| CodecError::Decode { type_name, bytes: bytes.len(), source: error.into() })?;
    match bytes.len().saturating_sub(bytes_read) {
        0 => Ok(value),
        left => Err(CodecError::LeftOver { type_name, bytes: bytes.len(), left }),
    }
}

/// How many elements the sequence or map at the beginning of `bytes` announces; `None` when there is none. Only the length is
/// read, so that elements which take more memory than bytes can be refused before there are any.
///
/// ```
/// use waterwheel_runtime::codec::{encode, sequence_length};
///
/// assert_eq!(sequence_length(&encode(&vec![Some("tide"); 300])?), Some(300));
/// # Ok::<(), waterwheel_runtime::codec::CodecError>(())
/// ```
pub fn sequence_length(bytes: &[u8]) -> Option<u64> {
    let (length, _) = bincode::decode_from_slice(bytes, bincode::config::standard()).ok()?;
    Some(length)
}

/// XXH3-64 of `bytes` with seed 0.
///
/// The value is part of the stored format: it chooses the partition and the key group of a key, and it is the checksum
/// of files. It never changes.
///
/// ```
/// assert_eq!(waterwheel_runtime::codec::stable_hash(b"abc"), 0x78AF_5F94_892F_3950);
/// ```
pub fn stable_hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// [`stable_hash`] of bytes that come in pieces.
#[derive(Clone, Default)]
pub(crate) struct StableHasher(xxhash_rust::xxh3::Xxh3Default);

impl StableHasher {
    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes so far.
    pub(crate) fn finish(&self) -> u64 {
        self.0.digest()
    }
}

/// [`stable_hash`] of the encoded `key`. `scratch` is overwritten; a caller that hashes many keys passes the same
/// buffer and allocates nothing.
///
/// Equal keys must encode equally. A key that holds a hash map or set does not: its order of iteration differs from
/// value to value.
pub fn stable_key_hash<K: Serialize + ?Sized>(key: &K, scratch: &mut Vec<u8>) -> Result<u64, CodecError> {
    encode_into(key, scratch)?;
    Ok(stable_hash(scratch))
}

#[cfg(test)]
mod tests;
