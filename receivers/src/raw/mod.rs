//! Blocks of records that a TCP peer has encoded already: `raw_socket_stream`.
//!
//! For feeders that are Rust programs as well, and have many records: nothing has to be taken apart and put together again. A block
//! is stored as it comes, as one chunk. [`RawBlockWriter`] writes them.
//!
//! **The format.** One block after another, each of them
//!
//! ```text
//! 4 bytes   the length of what follows, in bytes, as an unsigned number, the most significant byte first
//! n bytes   a Vec<T>, encoded as waterwheel_runtime::codec does it
//! ```
//!
//! It says nothing of the type. A peer that encodes another type sends records that cannot be decoded, or others than it means.
//!
//! **Bounds.** A block longer than `receiver.max_raw_block` (default 16 MiB), or whose records would take more memory than that
//! without what they own, is refused by its first bytes. What they own (text, lists, boxes) may take four times as much, and is counted
//! while they are decoded; values may lie in each other [`MAX_DEPTH`](waterwheel_runtime::codec::MAX_DEPTH) deep. Nothing is reserved
//! for bytes that have not arrived, and the next block is decoded when the one before it is stored.
//!
//! **Faults.** A block that is too long, too heavy, cut off or cannot be decoded drops the connection, with an error that names the peer, the
//! number of the block and the byte where it begins; the blocks before it are stored. The next connection is made
//! as the policy of restarts says. Connections, back pressure and guarantees are those of [`socket`](crate::socket).

mod decoder;
mod source;
mod writer;

pub use decoder::{BlockPlace, RawBlock, RawBlockDecoder, RawBlockError};
pub use source::RawSocketSource;
pub use writer::RawBlockWriter;

/// Bytes of the length in front of a block.
const HEADER: usize = 4;
