//! Blocks out of bytes. No input or output.

use super::HEADER;
use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use waterwheel_operators::record::Record;
use waterwheel_runtime::codec::{self, CodecError, MemoryBudget};
use waterwheel_runtime::error::panic_message;
use waterwheel_runtime::weight::LIST;

/// The records of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBlock<T> {
    /// The records.
    pub records: Vec<T>,
    /// The length of their encoding.
    pub encoded: usize,
    /// The bytes of memory that they own beside their own sizes, counted as they were decoded.
    pub owned: usize,
}

/// What the records of a block own may take so many times the memory that the records may, which is the longest block. Text never
/// does: this is for lists in records, whose elements may be a byte each on the wire.
const OWNED: usize = 4;

/// Where a block is in its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// The number of the block, from 1.
    pub block: u64,
    /// How many bytes of the connection are before it.
    pub byte: u64,
}

impl fmt::Display for BlockPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} at byte {}", self.block, self.byte)
    }
}

/// Bytes that are no blocks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RawBlockError {
    /// A block announces a length beyond the limit.
    #[error("{place} announces {announced} bytes, the limit is {limit} (`receiver.max_raw_block`)")]
    TooLong {
        /// Which block.
        place: BlockPlace,
        /// What its header says.
        announced: usize,
        /// The limit.
        limit: usize,
    },
    /// A block announces more records than fit into the limit as memory.
    #[error(
        "{place} announces {announced} records of {each} bytes of memory, together the limit is {limit} \
         (`receiver.max_raw_block`)"
    )]
    TooMany {
        /// Which block.
        place: BlockPlace,
        /// How many records it announces.
        announced: u64,
        /// The memory of one, without what it points to.
        each: usize,
        /// The limit.
        limit: usize,
    },
    /// The records of a block own more memory than they may.
    #[error(
        "{place} of {bytes} bytes holds records that own more than {limit} bytes of memory, four times the limit of a block \
         (`receiver.max_raw_block`); send fewer records at a time"
    )]
    TooHeavy {
        /// Which block.
        place: BlockPlace,
        /// The length of its encoding.
        bytes: usize,
        /// What its records may own at most.
        limit: usize,
    },
    /// A block cannot be decoded.
    #[error("{place} is not what was expected: {}", waterwheel_runtime::error::in_full(.source))]
    Content {
        /// Which block.
        place: BlockPlace,
        /// What the decoder says.
        source: CodecError,
    },
    /// The connection ended in the middle of a block.
    #[error("{place} is cut off after {arrived} bytes{}", of(*.announced))]
    CutOff {
        /// Which block.
        place: BlockPlace,
        /// How many of its bytes had arrived, those of its header among them.
        arrived: usize,
        /// How many there should have been; `None` when its header is cut off.
        announced: Option<usize>,
    },
}

fn of(announced: Option<usize>) -> String {
    announced.map(|all| format!(" of {all}")).unwrap_or_default()
}

/// Cuts a stream of bytes into blocks of records; one per connection.
///
/// ```
/// use waterwheel_receivers::raw::{RawBlockDecoder, RawBlockWriter};
///
/// let mut writer = RawBlockWriter::<u32, _>::new(Vec::new());
/// writer.write_block(&[1, 2])?;
/// writer.write_block(&[3])?;
/// let bytes = writer.into_inner();
///
/// let mut decoder = RawBlockDecoder::<u32>::new(1024);
/// let mut blocks = Vec::new();
/// for piece in bytes.chunks(3) {
///     decoder.decode(piece, &mut blocks)?;
/// }
/// decoder.finish()?;
/// assert_eq!((&blocks[0].records, &blocks[1].records), (&vec![1, 2], &vec![3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RawBlockDecoder<T> {
    limit: usize,
    place: BlockPlace,
    /// The beginning of a block whose end has not arrived.
    held: Vec<u8>,
    records: PhantomData<fn() -> T>,
}

impl<T: Record> RawBlockDecoder<T> {
    /// A decoder for blocks of at most `limit` bytes, encoded and as memory; what their records own may take four times as much.
    pub fn new(limit: usize) -> Self {
        let place = BlockPlace { block: 1, byte: 0 };
        RawBlockDecoder { limit, place, held: Vec::new(), records: PhantomData }
    }

    /// Takes the next bytes of the stream and appends the blocks that they complete.
    ///
    /// # Errors
    /// When the bytes are no blocks; those completed before are in `out`. The rest of the stream has no meaning then.
    pub fn decode(&mut self, mut bytes: &[u8], out: &mut Vec<RawBlock<T>>) -> Result<(), RawBlockError> {
        while let Some(block) = self.decode_next(&mut bytes)? {
            out.push(block);
        }
        Ok(())
    }

    /// Takes of the next bytes of the stream as many as complete a block with records; all of them when they complete none. What a
    /// few bytes stand for may take much memory, so whoever has a place for one block should ask for one block.
    ///
    /// # Errors
    /// As [`decode`](RawBlockDecoder::decode).
    pub fn decode_next(&mut self, bytes: &mut &[u8]) -> Result<Option<RawBlock<T>>, RawBlockError> {
        while !bytes.is_empty() {
            if let Some(block) = self.advance(bytes)? {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// Takes a block, or the beginning of one.
    fn advance(&mut self, bytes: &mut &[u8]) -> Result<Option<RawBlock<T>>, RawBlockError> {
        if self.held.is_empty()
            && let Some((header, rest)) = bytes.split_first_chunk()
            && let Some((body, rest)) = rest.split_at_checked(self.length(*header)?)
        {
            // The usual case: nothing is copied.
            *bytes = rest;
            return self.block(body);
        }
        self.complete_held(bytes)
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// When it ends in the middle of a block.
    pub fn finish(&mut self) -> Result<(), RawBlockError> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        let announced = held.first_chunk().map(|header| self.length(*header)).transpose()?;
        let announced = announced.map(|length| HEADER + length);
        Err(RawBlockError::CutOff { place: self.place, arrived: held.len(), announced })
    }

    /// Joins the held beginning of a block with its end, as far as `bytes` have it, and leaves the bytes after that block.
    fn complete_held(&mut self, bytes: &mut &[u8]) -> Result<Option<RawBlock<T>>, RawBlockError> {
        *bytes = self.hold(HEADER, bytes);
        let Some(header) = self.held.first_chunk() else { return Ok(None) };
        let whole = HEADER + self.length(*header)?;
        *bytes = self.hold(whole, bytes);
        if self.held.len() < whole {
            return Ok(None);
        }
        let held = std::mem::take(&mut self.held);
        self.block(held.get(HEADER..).unwrap_or_default())
    }

    /// Holds bytes up to so many in all and returns the others.
    fn hold<'b>(&mut self, up_to: usize, bytes: &'b [u8]) -> &'b [u8] {
        let missing = up_to.saturating_sub(self.held.len());
        let (taken, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        let length = self.held.len() + taken.len();
        if length > self.held.capacity() {
            // Doubling, so that a block that arrives in crumbs is not copied each time, but never beyond its end, and never for bytes
            // that are only announced.
            let wanted = (2 * self.held.capacity()).min(up_to).max(length);
            self.held.reserve_exact(wanted - self.held.len());
        }
        self.held.extend_from_slice(taken);
        rest
    }

    fn length(&self, header: [u8; HEADER]) -> Result<usize, RawBlockError> {
        let announced = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
        if announced > self.limit {
            return Err(RawBlockError::TooLong { place: self.place, announced, limit: self.limit });
        }
        Ok(announced)
    }

    /// The block in `body`; `None` for one without records.
    fn block(&mut self, body: &[u8]) -> Result<Option<RawBlock<T>>, RawBlockError> {
        let (place, limit, each) = (self.place, self.limit, size_of::<T>());
        let announced = codec::sequence_length(body).unwrap_or(0);
        if announced.saturating_mul(each as u64) > limit as u64 {
            return Err(RawBlockError::TooMany { place, announced, each, limit });
        }
        // Of the records themselves, and of what they own.
        let (records, owned) = (usize::try_from(announced).unwrap_or(0) * each + LIST, limit.saturating_mul(OWNED));
        let memory = MemoryBudget::new(owned.saturating_add(records));
        // The decoding of a record is the user's code.
        let decoded = catch_unwind(AssertUnwindSafe(|| codec::decode_within::<Vec<T>>(body, limit, &memory)));
        if memory.is_exceeded() {
            return Err(RawBlockError::TooHeavy { place, bytes: body.len(), limit: owned });
        }
        let decoded = decoded.unwrap_or_else(|payload| {
            Err(CodecError::Panicked { type_name: type_name::<T>(), message: panic_message(&*payload) })
        });
        let records = decoded.map_err(|source| RawBlockError::Content { place, source })?;
        self.place = BlockPlace { block: place.block + 1, byte: place.byte + (HEADER + body.len()) as u64 };
        let owned = memory.used().saturating_sub(size_of_val(records.as_slice()) + LIST);
        Ok((!records.is_empty()).then_some(RawBlock { records, encoded: body.len(), owned }))
    }
}

#[cfg(test)]
mod tests;
