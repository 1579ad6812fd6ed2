//! The one place that makes and reads the keys and names of what is stored.
//!
//! Keys are compared byte by byte, so numbers are written big-endian, and times with their sign turned over: an earlier time is a
//! smaller key, before 1970 as well.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | meta | `application` | what the directory is: the record of [`Meta`](super::Meta) |
//! | ledger | `e` + position | one event |
//! | ledger | `s` | the ledger as of some event |
//! | ledger | `p` + stream | up to where the source of a stream has come with what is stored, in its own encoding |
//! | blocks | `d` + stream + sequence | the encoded records of a block |
//! | blocks | `i` + stream + sequence | their length and checksum: so that a look at what is there reads no records |
//! | offsets | length of the name + name of the source + time | what the source read in a batch |

use super::Table;
use crate::ids::{BlockId, StreamId};
use crate::time::Time;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const STATE: &str = "state/";
const META: &str = "meta";
const LEDGER: &str = "ledger";
const BLOCKS: &str = "blocks";
const OFFSETS: &str = "offsets";

/// The tables that every storage has.
pub const FIXED_TABLES: [Table; 4] = [Table::Meta, Table::Ledger, Table::Blocks, Table::Offsets];

/// The name of a table's column family.
pub fn column_family(table: &Table) -> String {
    match table {
        Table::Meta => META.to_owned(),
        Table::Ledger => LEDGER.to_owned(),
        Table::Blocks => BLOCKS.to_owned(),
        Table::Offsets => OFFSETS.to_owned(),
        Table::State(operator) => format!("{STATE}{operator}"),
    }
}

/// The operator whose state a column family holds.
pub fn state_of_column_family(name: &str) -> Option<Arc<str>> {
    name.strip_prefix(STATE).map(Arc::from)
}

/// The key of the application's record in the table `meta`.
pub const APPLICATION: &[u8] = b"application";

/// What the keys of events begin with.
pub const EVENTS: &[u8] = b"e";
/// The key of the ledger's snapshot.
pub const SNAPSHOT: &[u8] = b"s";
/// What the keys of the positions of sources begin with.
pub const POSITIONS: &[u8] = b"p";
/// What the keys of block data begin with.
pub const BLOCK_DATA: &[u8] = b"d";
/// What the keys of the index of block data begin with.
pub const BLOCK_INDEX: &[u8] = b"i";

/// The key of the event at `position`.
pub fn event(position: u64) -> Vec<u8> {
    [EVENTS, &position.to_be_bytes()].concat()
}

/// The position of an event by its key; `None` for anything else.
pub fn position_of_event(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.strip_prefix(EVENTS)?.try_into().ok()?))
}

/// The key of the position of a stream's source. The stream is the stored number.
pub fn position(stream: StreamId) -> Vec<u8> {
    [POSITIONS, &stream.0.to_be_bytes()].concat()
}

/// The stream of such a key; `None` for anything else.
pub fn stream_of_position(key: &[u8]) -> Option<StreamId> {
    Some(StreamId(u32::from_be_bytes(key.strip_prefix(POSITIONS)?.try_into().ok()?)))
}

/// The key of a block's records. The stream is the stored number, not that of the program.
pub fn block_data(block: BlockId) -> Vec<u8> {
    block_key(BLOCK_DATA, block)
}

/// The key of a block's entry in the index.
pub fn block_index(block: BlockId) -> Vec<u8> {
    block_key(BLOCK_INDEX, block)
}

fn block_key(prefix: &[u8], block: BlockId) -> Vec<u8> {
    [prefix, &block.stream.0.to_be_bytes(), &block.sequence.to_be_bytes()].concat()
}

/// The block of an entry of the index; `None` for anything else.
pub fn block_of_index(key: &[u8]) -> Option<BlockId> {
    let (stream, sequence) = key.strip_prefix(BLOCK_INDEX)?.split_first_chunk::<4>()?;
    let stream = StreamId(u32::from_be_bytes(*stream));
    Some(BlockId { stream, sequence: u64::from_be_bytes(sequence.try_into().ok()?) })
}

/// The bytes of a time, in the order of times.
pub fn time(time: Time) -> [u8; 8] {
    (time.millis() ^ i64::MIN).to_be_bytes()
}

/// The time of such bytes; `None` when there are not eight.
pub fn time_of(bytes: &[u8]) -> Option<Time> {
    Some(Time::from_millis(i64::from_be_bytes(bytes.try_into().ok()?) ^ i64::MIN))
}

/// What the keys of a source's offsets begin with.
pub fn offsets_of(source: &str) -> Vec<u8> {
    let length = u32::try_from(source.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), source.as_bytes()].concat()
}

/// The key of what a source read in a batch.
pub fn offset(source: &str, batch: Time) -> Vec<u8> {
    let mut key = offsets_of(source);
    key.extend(time(batch));
    key
}

/// The source and the batch of such a key; `None` for anything else.
pub fn source_and_batch(key: &[u8]) -> Option<(&str, Time)> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let (source, batch) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((std::str::from_utf8(source).ok()?, time_of(batch)?))
}

/// The first key after all keys that begin with `prefix`; `None` when there is no such key.
pub fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// The files and folders of a checkpoint directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Those of the directory `root`.
    pub fn of(root: impl Into<PathBuf>) -> Paths {
        Paths { root: root.into() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Says what the directory is: format and application.
    pub fn format(&self) -> PathBuf {
        self.root.join("FORMAT")
    }

    /// The format file while it is being written.
    pub fn new_format(&self) -> PathBuf {
        self.root.join("FORMAT.new")
    }

    /// Locked by the process that has the directory open, and says who that is.
    pub fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    /// How far writes have been answered as durable.
    pub fn acknowledged(&self) -> PathBuf {
        self.root.join("ACKNOWLEDGED")
    }

    /// RocksDB's own folder.
    pub fn database(&self) -> PathBuf {
        self.root.join("db")
    }

    /// Whether an entry of the directory with this name is one of ours.
    pub fn is_ours(&self, name: &std::ffi::OsStr) -> bool {
        [self.format(), self.new_format(), self.lock(), self.acknowledged(), self.database()]
            .iter()
            .any(|path| path.file_name() == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_in_the_order_of_what_they_stand_for_and_lead_back(
            (one, other) in any::<(u64, u64)>(),
            (earlier, later) in any::<(i64, i64)>(),
            (stream, another) in any::<(u32, u32)>(),
            name in ".{0,20}",
        ) {
            prop_assert_eq!(event(one).cmp(&event(other)), one.cmp(&other));
            prop_assert_eq!(position_of_event(&event(one)), Some(one));
            let (earlier, later) = (Time::from_millis(earlier), Time::from_millis(later));
            prop_assert_eq!(time(earlier).cmp(&time(later)), earlier.cmp(&later));
            prop_assert_eq!(time_of(&time(later)), Some(later));
            prop_assert_eq!(offset(&name, earlier).cmp(&offset(&name, later)), earlier.cmp(&later));
            let key = offset(&name, later);
            prop_assert_eq!(source_and_batch(&key), Some((name.as_str(), later)));
            let block = BlockId { stream: StreamId(stream), sequence: one };
            let next = BlockId { stream: StreamId(another), sequence: other };
            prop_assert_eq!(block_index(block).cmp(&block_index(next)), block.cmp(&next));
            prop_assert_eq!(block_data(block).cmp(&block_data(next)), block.cmp(&next));
            prop_assert_eq!(block_of_index(&block_index(block)), Some(block));
            prop_assert_eq!(stream_of_position(&position(StreamId(stream))), Some(StreamId(stream)));
        }

        #[test]
        fn what_is_no_key_is_not_read_as_one(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for (key, is_key) in [(position_of_event(&bytes).map(event), bytes.len() == 9), (block_of_index(&bytes).map(block_index), bytes.len() == 13)] {
                prop_assert!(key.is_none() || is_key && key == Some(bytes.clone()));
            }
            if let Some((source, batch)) = source_and_batch(&bytes) {
                prop_assert_eq!(offset(source, batch), bytes);
            }
        }

        #[test]
        fn nothing_with_the_prefix_lies_behind_its_end(
            prefix in proptest::collection::vec(prop_oneof![Just(0xFF_u8), any::<u8>()], 0..4),
            rest in proptest::collection::vec(any::<u8>(), 0..4),
        ) {
            let key = [&prefix[..], &rest[..]].concat();
            match end_of(&prefix) {
                Some(end) => prop_assert!(key < end && !end.starts_with(&prefix)),
                None => prop_assert!(prefix.iter().all(|byte| *byte == 0xFF)),
            }
        }
    }

    #[test]
    fn one_source_never_has_the_keys_of_another_whose_name_begins_the_same() {
        let (clicks, more) = (offsets_of("clicks"), offset("clicks2", Time::ZERO));
        assert!(!more.starts_with(&clicks) && offset("clicks", Time::ZERO).starts_with(&clicks));
    }

    #[test]
    fn column_families_have_the_names_of_their_tables() {
        for table in FIXED_TABLES.iter().chain([&Table::state("counts/by word")]) {
            assert_eq!(column_family(table), table.to_string());
        }
        assert_eq!(state_of_column_family("state/counts/by word").as_deref(), Some("counts/by word"));
        assert_eq!(state_of_column_family("ledger"), None);
    }

    #[test]
    fn the_directory_knows_its_own_entries() {
        let paths = Paths::of("/checkpoints/clicks");
        assert!(["FORMAT", "LOCK", "db", "ACKNOWLEDGED"].iter().all(|name| paths.is_ours(name.as_ref())));
        assert!(["notes.txt", "", "lock"].iter().all(|name| !paths.is_ours(name.as_ref())));
        assert_eq!(paths.root().join("db"), paths.database());
    }
}
