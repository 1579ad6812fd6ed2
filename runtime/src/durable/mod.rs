//! What survives the process: one store per checkpoint directory, and the only actor that writes it.
//!
//! Everything durable is a value under a key in a [`Table`] of a [`Storage`]. A batch becomes durable in one write, which holds
//! its state changes, its offsets, the blocks it gives back and the mark that it is done: after a crash at any instant the
//! storage is the effect of a prefix of batches.

pub mod directory;
pub mod keys;
mod memory;
#[cfg(feature = "rocksdb")]
mod rocks;
mod storage;

pub use memory::MemoryStorage;
#[cfg(feature = "rocksdb")]
pub use rocks::{RocksOptions, RocksStorage};
pub use storage::{Change, Durability, EachRow, Storage, StorageError, Table};
