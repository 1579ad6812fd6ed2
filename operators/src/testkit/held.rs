//! What an engine holds, for tests.

use std::fmt;
use waterwheel_runtime::scope::EngineSnapshot;

/// What an engine holds; equal to the default when that is nothing.
///
/// ```
/// use waterwheel_operators::testkit::Held;
///
/// assert_eq!(Held::default().to_string(), "nothing");
/// let held = Held { blocks: 1, persisted: 2, memory_bytes: 96, ..Held::default() };
/// assert_eq!(held.to_string(), "1 received block and 2 persisted partitions (96 bytes in memory, 0 on disk)");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Blocks that receivers stored.
    pub blocks: usize,
    /// Partitions of persisted datasets.
    pub persisted: usize,
    /// Bytes of these in memory.
    pub memory_bytes: usize,
    /// Bytes of these in files.
    pub disk_bytes: usize,
    /// Shuffles that have buckets.
    pub shuffles: usize,
}

impl Held {
    /// Whether it is nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Held::default()
    }
}

impl From<EngineSnapshot> for Held {
    fn from(snapshot: EngineSnapshot) -> Held {
        let EngineSnapshot { blocks, shuffles } = snapshot;
        Held {
            blocks: blocks.blocks.saturating_sub(blocks.partitions),
            persisted: blocks.partitions,
            memory_bytes: blocks.memory_bytes,
            disk_bytes: blocks.disk_bytes,
            shuffles,
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds =
            [(self.blocks, "received block"), (self.persisted, "persisted partition"), (self.shuffles, "shuffle")];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<String> =
            kinds.map(|(count, kind)| format!("{count} {kind}{}", if *count == 1 { "" } else { "s" })).collect();
        f.write_str(if kinds.is_empty() { "nothing" } else { "" })?;
        f.write_str(&kinds.join(" and "))?;
        if self.memory_bytes + self.disk_bytes > 0 {
            write!(f, " ({} bytes in memory, {} on disk)", self.memory_bytes, self.disk_bytes)?;
        }
        Ok(())
    }
}
