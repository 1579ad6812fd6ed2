//! Where a block may lie, by Spark's names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the records of a block or of a cached partition are kept.
///
/// Spark's levels that end in `_2` keep a second copy on another machine. One process has no other machine: received
/// data survives a crash through the block log, not through a copy, so those levels do not exist here.
///
/// ```
/// use waterwheel_runtime::block::StorageLevel;
///
/// let level: StorageLevel = "MEMORY_AND_DISK".parse()?;
/// assert!(level.uses_memory() && level.uses_disk() && !level.serialized());
/// # Ok::<(), waterwheel_runtime::block::ParseStorageLevelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StorageLevel {
    /// Typed records in memory. The quickest to read; when memory is full a cached partition is dropped and computed
    /// again, and a received block is refused.
    MemoryOnly,
    /// Encoded records in memory. Compact and decoded at every read; when memory is full as
    /// [`MemoryOnly`](Self::MemoryOnly).
    MemoryOnlySer,
    /// Typed records in memory; the least recently used move to disk when memory is full.
    MemoryAndDisk,
    /// Encoded records in memory; the least recently used move to disk when memory is full. Spark's choice for
    /// received data.
    MemoryAndDiskSer,
    /// Encoded records on disk from the beginning.
    DiskOnly,
}

impl StorageLevel {
    /// Every level, from the quickest to the slowest to read.
    pub const ALL: [Self; 5] =
        [Self::MemoryOnly, Self::MemoryOnlySer, Self::MemoryAndDisk, Self::MemoryAndDiskSer, Self::DiskOnly];

    /// Whether a block of this level lies in memory when there is room.
    pub const fn uses_memory(self) -> bool {
        match self {
            Self::MemoryOnly | Self::MemoryOnlySer | Self::MemoryAndDisk | Self::MemoryAndDiskSer => true,
            Self::DiskOnly => false,
        }
    }

    /// Whether a block of this level may lie on disk, and is therefore never lost for want of memory.
    pub const fn uses_disk(self) -> bool {
        match self {
            Self::MemoryAndDisk | Self::MemoryAndDiskSer | Self::DiskOnly => true,
            Self::MemoryOnly | Self::MemoryOnlySer => false,
        }
    }

    /// Whether the records are encoded when the block is stored, not only when it leaves memory.
    pub const fn serialized(self) -> bool {
        match self {
            Self::MemoryOnlySer | Self::MemoryAndDiskSer | Self::DiskOnly => true,
            Self::MemoryOnly | Self::MemoryAndDisk => false,
        }
    }

    /// Spark's name of the level.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MemoryOnly => "MEMORY_ONLY",
            Self::MemoryOnlySer => "MEMORY_ONLY_SER",
            Self::MemoryAndDisk => "MEMORY_AND_DISK",
            Self::MemoryAndDiskSer => "MEMORY_AND_DISK_SER",
            Self::DiskOnly => "DISK_ONLY",
        }
    }
}

impl fmt::Display for StorageLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that names no storage level.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown storage level {0:?}, expected MEMORY_ONLY, MEMORY_ONLY_SER, MEMORY_AND_DISK, MEMORY_AND_DISK_SER or DISK_ONLY (there are no replicated levels)"
)]
pub struct ParseStorageLevelError(String);

impl FromStr for StorageLevel {
    type Err = ParseStorageLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| ParseStorageLevelError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_read_back_from_its_name() {
        for level in StorageLevel::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
    }

    #[test]
    fn every_level_has_somewhere_to_lie() {
        for level in StorageLevel::ALL {
            assert!(level.uses_memory() || level.uses_disk(), "{level}");
        }
    }

    #[test]
    fn an_unknown_level_is_refused_with_the_known_ones() {
        for text in ["memory_only", "MEMORY_ONLY_2", "NONE", ""] {
            let error = text.parse::<StorageLevel>().unwrap_err().to_string();
            assert!(StorageLevel::ALL.iter().all(|level| error.contains(level.name())), "{error}");
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
