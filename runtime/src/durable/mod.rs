//! What survives the process: one store per checkpoint directory, and the only actor that writes it.
//!
//! Everything durable is a value under a key in a [`Table`] of a [`Storage`]. A batch becomes durable in one write, which holds
//! its state changes, its offsets, the blocks it gives back and the mark that it is done: after a crash at any instant the
//! storage is the effect of a prefix of batches.

pub mod keys;
mod memory;
mod storage;

pub use memory::MemoryStorage;
pub use storage::{Change, Durability, EachRow, Storage, StorageError, Table};
