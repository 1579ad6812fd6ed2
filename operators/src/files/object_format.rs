//! The format of object files.
//!
//! ```text
//! file    magic      8 bytes   "WWOBJECT"
//!         version    2 bytes   1
//!         length     4 bytes   of the header
//!         header     ...       bincode: type name, number of the partition, number of partitions
//!         checksum   8 bytes   of everything before
//!         chunk      ...       any number
//!         end
//!
//! chunk   length     4 bytes   of the records, at least 1
//!         checksum   8 bytes   of position, length and records
//!         records    ...       bincode: a sequence of records
//!
//! end     0          4 bytes
//!         checksum   8 bytes   of position, 0 and count
//!         count      8 bytes   records in the file
//! ```
//!
//! Numbers are little endian. The position is that of the chunk's or end's first byte in the file, so that a chunk holds only
//! where it was written. The end makes a file that was cut short between two chunks recognisable, and nothing may follow it.
//!
//! **A file is read as it was written, or with an error**: every byte is covered by a checksum or compared. **Reading is
//! bounded**: a length is believed only when the file has as many bytes left, and a chunk is at most [`MAX_CHUNK_BYTES`] long.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use waterwheel_runtime::codec::{CodecError, decode, encode, encode_into, stable_hash};

const MAGIC: [u8; 8] = *b"WWOBJECT";
const VERSION: u16 = 1;

/// The longest header; type names are the only part of it that varies.
const MAX_HEADER_BYTES: u32 = 1 << 20;

/// The longest chunk, and with it the longest record; also the most elements of one sequence in a record.
pub(super) const MAX_CHUNK_BYTES: u32 = 1 << 28;

/// Magic, version and length.
const PREFIX_BYTES: usize = 14;

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Rust's name of the type of the records.
    pub(super) type_name: String,
    /// Which partition of its dataset the file holds.
    pub(super) partition: u64,
    /// How many partitions its dataset has.
    pub(super) partitions: u64,
}

/// What is wrong with a file, and where.
#[derive(Debug, thiserror::Error)]
#[error("at byte {position}: {problem}")]
pub(super) struct FormatError {
    /// Where what is wrong begins.
    position: u64,
    #[source]
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("this is not an object file")]
    NotAnObjectFile,
    #[error(
        "this is version {0} of the format, and only version {VERSION} is known; read it with the program that wrote it"
    )]
    Version(u16),
    #[error("the file is damaged: it ends too early")]
    CutShort,
    #[error("the file is damaged: {0} has another checksum than was written")]
    Damaged(&'static str),
    #[error("the file is damaged: a length of {0} bytes is more than the {1} that are allowed")]
    TooLong(u32, u32),
    #[error("the file is damaged: {0} bytes follow its end")]
    AfterTheEnd(u64),
    #[error("the file is damaged: it held {0} records and {1} are there")]
    Count(u64, u64),
    #[error("{}", in_full(.0))]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn in_full(error: &CodecError) -> String {
    waterwheel_runtime::error::in_full(error)
}

/// Why records could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("{}", in_full(.0))]
    Codec(#[from] CodecError),
    #[error(
        "a record of {bytes} bytes is longer than the {limit} that a chunk of an object file may have; split it into several"
    )]
    TooLong { bytes: usize, limit: u32 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The checksum of a chunk or end: it holds only at `position`.
fn checksum(position: u64, length: u32, content: &[u8]) -> u64 {
    let mut covered = [0; 20];
    let (place, rest) = covered.split_at_mut(8);
    let (size, hash) = rest.split_at_mut(4);
    place.copy_from_slice(&position.to_le_bytes());
    size.copy_from_slice(&length.to_le_bytes());
    hash.copy_from_slice(&stable_hash(content).to_le_bytes());
    stable_hash(&covered)
}

/// Writes one file.
pub(super) struct Writer<'a, W> {
    out: &'a mut W,
    position: u64,
    records: u64,
    max_chunk: u32,
    scratch: Vec<u8>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Begins a file.
    pub(super) fn begin(out: &'a mut W, header: &Header) -> Result<Writer<'a, W>, WriteError> {
        let header = encode(header)?;
        let length = u32::try_from(header.len()).ok().filter(|length| *length <= MAX_HEADER_BYTES);
        let length = length.ok_or_else(|| io::Error::other("the name of the records' type is too long"))?;
        let mut start = Vec::new();
        start.extend(MAGIC);
        start.extend(VERSION.to_le_bytes());
        start.extend(length.to_le_bytes());
        start.extend(header);
        start.extend(stable_hash(&start).to_le_bytes());
        out.write_all(&start)?;
        Ok(Writer { out, position: start.len() as u64, records: 0, max_chunk: MAX_CHUNK_BYTES, scratch: Vec::new() })
    }

    /// Appends records, in one chunk if they are not too long for it.
    pub(super) fn append<T: Serialize>(&mut self, records: &[T]) -> Result<(), WriteError> {
        if records.is_empty() {
            return Ok(());
        }
        encode_into(records, &mut self.scratch)?;
        let length = u32::try_from(self.scratch.len()).ok().filter(|length| *length <= self.max_chunk);
        let Some(length) = length else {
            if records.len() == 1 {
                return Err(WriteError::TooLong { bytes: self.scratch.len(), limit: self.max_chunk });
            }
            let (first, second) = records.split_at(records.len() / 2);
            self.append(first)?;
            return self.append(second);
        };
        self.chunk(length)?;
        self.records += records.len() as u64;
        Ok(())
    }

    /// Appends a chunk of these bytes, whatever they are.
    pub(super) fn append_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.scratch.clear();
        self.scratch.extend_from_slice(bytes);
        self.chunk(u32::try_from(bytes.len()).map_err(io::Error::other)?)
    }

    /// Writes what is encoded as a chunk.
    fn chunk(&mut self, length: u32) -> io::Result<()> {
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&checksum(self.position, length, &self.scratch).to_le_bytes())?;
        self.out.write_all(&self.scratch)?;
        self.position += 12 + u64::from(length);
        Ok(())
    }

    /// Ends the file.
    pub(super) fn end(self) -> io::Result<()> {
        let count = self.records.to_le_bytes();
        self.out.write_all(&0_u32.to_le_bytes())?;
        self.out.write_all(&checksum(self.position, 0, &count).to_le_bytes())?;
        self.out.write_all(&count)
    }
}

/// Reads one file.
pub(super) struct Reader<R> {
    input: R,
    header: Header,
    position: u64,
    left: u64,
    records: u64,
    scratch: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Begins to read a file of `length` bytes.
    pub(super) fn begin(mut input: R, length: u64) -> Result<Reader<R>, FormatError> {
        let (header, taken) = read_header(&mut input, length).map_err(|problem| problem.at(0))?;
        Ok(Reader { input, header, position: taken, left: length - taken, records: 0, scratch: Vec::new() })
    }

    /// What the file says of itself.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The records of the next chunk; `None` at the end of the file.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<T>>, FormatError> {
        let position = self.position;
        self.chunk().map_err(|problem| problem.at(position))
    }

    fn chunk<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<T>>, Problem> {
        let position = self.position;
        let length = u32::from_le_bytes(self.take()?);
        let expected = u64::from_le_bytes(self.take()?);
        if length == 0 {
            let count: [u8; 8] = self.take()?;
            if checksum(position, length, &count) != expected {
                return Err(Problem::Damaged("the end"));
            }
            return match (u64::from_le_bytes(count), self.left) {
                (count, 0) if count == self.records => Ok(None),
                (count, 0) => Err(Problem::Count(count, self.records)),
                (_, left) => Err(Problem::AfterTheEnd(left)),
            };
        }
        if length > MAX_CHUNK_BYTES {
            return Err(Problem::TooLong(length, MAX_CHUNK_BYTES));
        }
        self.left = self.left.checked_sub(u64::from(length)).ok_or(Problem::CutShort)?;
        self.position += u64::from(length);
        // The file has as many bytes, or had when its length was asked for.
        read_into(&mut self.input, length, &mut self.scratch)?;
        if checksum(position, length, &self.scratch) != expected {
            return Err(Problem::Damaged("a chunk"));
        }
        let records: Vec<T> = decode(&self.scratch, MAX_CHUNK_BYTES as usize)?;
        self.records += records.len() as u64;
        Ok(Some(records))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.left = self.left.checked_sub(N as u64).ok_or(Problem::CutShort)?;
        self.position += N as u64;
        Ok(read_array(&mut self.input)?)
    }
}

/// The header, and how many bytes there are before the first chunk.
fn read_header(input: &mut impl Read, length: u64) -> Result<(Header, u64), Problem> {
    let mut start = Vec::new();
    read_into(input, PREFIX_BYTES as u32, &mut start).map_err(|problem| match problem {
        Problem::CutShort => Problem::NotAnObjectFile,
        other => other,
    })?;
    let mut prefix = start.as_slice();
    if read_array(&mut prefix)? != MAGIC {
        return Err(Problem::NotAnObjectFile);
    }
    let version = u16::from_le_bytes(read_array(&mut prefix)?);
    if version != VERSION {
        return Err(Problem::Version(version));
    }
    let header_bytes = u32::from_le_bytes(read_array(&mut prefix)?);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(Problem::TooLong(header_bytes, MAX_HEADER_BYTES));
    }
    let taken = PREFIX_BYTES as u64 + u64::from(header_bytes) + 8;
    if taken > length {
        return Err(Problem::CutShort);
    }
    let mut body = Vec::new();
    read_into(input, header_bytes, &mut body)?;
    start.extend_from_slice(&body);
    if u64::from_le_bytes(read_array(input)?) != stable_hash(&start) {
        return Err(Problem::Damaged("the header"));
    }
    Ok((decode(&body, MAX_HEADER_BYTES as usize)?, taken))
}

/// Exactly `length` bytes. Memory grows with what is there, not with what was announced.
fn read_into(input: &mut impl Read, length: u32, buffer: &mut Vec<u8>) -> Result<(), Problem> {
    buffer.clear();
    match input.take(u64::from(length)).read_to_end(buffer)? {
        read if read == length as usize => Ok(()),
        _ => Err(Problem::CutShort),
    }
}

fn read_array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Problem {
    fn at(self, position: u64) -> FormatError {
        FormatError { position, problem: self }
    }
}

#[cfg(test)]
mod tests;
