use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::TempDir;

use super::disk::HEADER_BYTES;
use super::*;
use crate::ids::{BlockId, ContextId, RddId, StreamId};

pub(super) fn input(sequence: u64) -> BlockKey {
    BlockKey::Input(ContextId(0), BlockId { stream: StreamId(0), sequence })
}

pub(super) fn partition(partition: usize) -> BlockKey {
    BlockKey::Rdd { rdd: RddId(7), partition }
}

/// A block of one chunk of letters that counts as many bytes as it has letters.
pub(super) fn letters(level: StorageLevel, letters: &str) -> Block {
    let chunk = letters.as_bytes().to_vec();
    let (records, bytes) = (chunk.len(), chunk.len());
    Block { data: Arc::new(vec![chunk]), codec: ErasedCodec::of::<u8>(), level, records, bytes }
}

/// Reads a block of letters back; `None` when it is not there.
pub(super) fn read(store: &mut BlockStore, key: BlockKey) -> Option<String> {
    let records = store.get(&key).unwrap()?.into_typed().unwrap();
    let chunks = records.downcast_ref::<Vec<Vec<u8>>>().unwrap();
    Some(String::from_utf8(chunks.concat()).unwrap())
}

/// A store in a directory that outlives it.
fn store(memory: usize) -> (BlockStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (BlockStore::new(StoreOptions { memory, dir: dir.path().to_owned() }).unwrap(), dir)
}

fn files_below(dir: &Path) -> usize {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| 1 + if path.is_dir() { files_below(&path) } else { 0 })
        .sum()
}

#[test]
fn every_level_gives_back_what_was_put() {
    let (mut store, _dir) = store(1_000);
    for (sequence, level) in (0..).zip(StorageLevel::ALL) {
        store.put(input(sequence), letters(level, "waterwheel")).unwrap();
        assert_eq!(read(&mut store, input(sequence)).as_deref(), Some("waterwheel"), "{level}");
        let status = store.status(&input(sequence)).unwrap();
        assert_eq!((status.level, status.records), (level, 10));
        assert_eq!(status.memory_bytes > 0, level.uses_memory(), "{level}");
        assert_eq!(status.disk_bytes > 0, !level.uses_memory(), "{level}");
    }
}

/// The receiver's chunks are shared with every reader, not copied.
#[test]
fn a_typed_block_is_shared_with_its_readers() {
    let (mut store, _dir) = store(1_000);
    let block = letters(StorageLevel::MemoryAndDisk, "abc");
    let data = Arc::clone(&block.data);
    store.put(input(1), block).unwrap();
    let Some(Fetched::Typed(read)) = store.get(&input(1)).unwrap() else { panic!("expected typed records") };
    assert!(Arc::ptr_eq(&read, &data));
}

#[test]
fn encoded_bytes_are_shared_with_their_readers() {
    let (mut store, _dir) = store(1_000);
    store.put(input(1), letters(StorageLevel::MemoryOnlySer, "abc")).unwrap();
    let mut fetch = || match store.get(&input(1)).unwrap() {
        Some(Fetched::Bytes { bytes, .. }) => bytes,
        other => panic!("expected bytes, got {other:?}"),
    };
    assert!(Arc::ptr_eq(&fetch(), &fetch()));
}

#[test]
fn an_absent_block_is_none_and_removing_it_does_nothing() {
    let (mut store, _dir) = store(10);
    assert!(store.get(&input(1)).unwrap().is_none());
    assert!(!store.remove(&input(1)));
    assert!(store.is_empty() && !store.contains(&input(1)) && store.status(&input(1)).is_none());
}

#[test]
fn a_block_stored_twice_stays_as_it_was() {
    let (mut store, _dir) = store(10);
    store.put(partition(1), letters(StorageLevel::MemoryOnly, "first")).unwrap();
    let again = store.put(partition(1), letters(StorageLevel::DiskOnly, "again")).unwrap();
    assert_eq!(again, PutOutcome::AlreadyStored);
    assert_eq!(read(&mut store, partition(1)).as_deref(), Some("first"));
    assert_eq!(store.stats(), StoreStats { blocks: 1, partitions: 1, memory_bytes: 5, ..StoreStats::default() });
}

#[test]
fn the_least_recently_read_block_moves_to_disk() {
    let (mut store, _dir) = store(10);
    store.put(input(1), letters(StorageLevel::MemoryAndDisk, "aaaa")).unwrap();
    store.put(input(2), letters(StorageLevel::MemoryAndDisk, "bbbb")).unwrap();
    read(&mut store, input(1));
    store.put(input(3), letters(StorageLevel::MemoryAndDisk, "cccc")).unwrap();

    let in_memory = [1, 2, 3].map(|sequence| store.status(&input(sequence)).unwrap().memory_bytes > 0);
    assert_eq!(in_memory, [true, false, true]);
    assert_eq!(read(&mut store, input(2)).as_deref(), Some("bbbb"));
    let stats = store.stats();
    assert_eq!((stats.blocks, stats.memory_bytes, stats.spilled, stats.evicted, stats.read_from_disk), (3, 8, 1, 0, 1));
}

#[test]
fn a_cached_partition_of_a_memory_only_level_is_dropped_to_make_room() {
    let (mut store, _dir) = store(10);
    store.put(partition(1), letters(StorageLevel::MemoryOnly, "aaaaaa")).unwrap();
    store.put(input(1), letters(StorageLevel::MemoryOnly, "bbbbbb")).unwrap();
    assert_eq!(read(&mut store, partition(1)), None);
    assert_eq!(store.stats(), StoreStats { blocks: 1, memory_bytes: 6, evicted: 1, ..StoreStats::default() });
}

/// B-5
#[test]
fn a_received_block_of_a_memory_only_level_is_refused_rather_than_another_dropped() {
    let (mut store, _dir) = store(10);
    store.put(partition(1), letters(StorageLevel::MemoryOnly, "pp")).unwrap();
    store.put(input(1), letters(StorageLevel::MemoryOnly, "aaaaaa")).unwrap();
    let error = store.put(input(2), letters(StorageLevel::MemoryOnly, "bbbbbb")).unwrap_err();
    assert!(
        matches!(error, StoreError::Full { block, bytes: 6, pinned: 6, budget: 10 } if block == input(2)),
        "{error}"
    );
    assert_eq!(read(&mut store, input(1)).as_deref(), Some("aaaaaa"));
    assert_eq!(read(&mut store, partition(1)).as_deref(), Some("pp"), "nothing leaves in vain");

    assert!(store.remove(&input(1)));
    store.put(input(2), letters(StorageLevel::MemoryOnly, "bbbbbb")).unwrap();
}

#[test]
fn a_block_beside_pinned_ones_goes_to_disk_when_its_level_allows() {
    let (mut store, _dir) = store(10);
    store.put(input(1), letters(StorageLevel::MemoryOnly, "aaaaaa")).unwrap();
    let outcome = store.put(input(2), letters(StorageLevel::MemoryAndDisk, "bbbbbb")).unwrap();
    assert_eq!(outcome, PutOutcome::OnDisk { bytes: HEADER_BYTES + 8 });
    assert_eq!(read(&mut store, input(2)).as_deref(), Some("bbbbbb"));
}

/// Spark: "a block larger than the store" fails for memory-only levels and is kept by levels with disk.
#[test]
fn a_block_larger_than_the_budget_goes_to_disk_or_is_refused_by_name() {
    let (mut store, _dir) = store(4);
    assert!(matches!(
        store.put(input(1), letters(StorageLevel::MemoryAndDisk, "aaaaa")).unwrap(),
        PutOutcome::OnDisk { .. }
    ));
    assert_eq!(read(&mut store, input(1)).as_deref(), Some("aaaaa"));
    for key in [input(2), partition(2)] {
        let error = store.put(key, letters(StorageLevel::MemoryOnly, "aaaaa")).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { bytes: 5, budget: 4, .. }), "{error}");
        assert!(error.to_string().contains(&key.to_string()), "{error}");
    }
}

#[test]
fn removing_a_block_gives_back_its_memory_or_its_file() {
    let (mut store, dir) = store(10);
    store.put(input(1), letters(StorageLevel::MemoryOnly, "aaaa")).unwrap();
    store.put(input(2), letters(StorageLevel::DiskOnly, "bbbb")).unwrap();
    assert!(store.remove(&input(1)) && store.remove(&input(2)));
    assert_eq!(store.stats(), StoreStats::default());
    assert_eq!(files_below(dir.path()), 1, "only the store's own directory is left");
}

#[test]
fn the_files_go_with_the_store() {
    let (mut store, dir) = store(0);
    store.put(input(1), letters(StorageLevel::DiskOnly, "aaaa")).unwrap();
    assert_eq!(files_below(dir.path()), 2);
    drop(store);
    assert_eq!(files_below(dir.path()), 0);
}

#[test]
fn the_directory_is_created_and_its_failure_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let nested = dir.path().join("one/two");
    let store = BlockStore::new(StoreOptions { memory: 0, dir: nested.clone() }).unwrap();
    assert_eq!(files_below(&nested), 1);
    drop(store);

    let file = dir.path().join("file");
    File::create(&file).unwrap();
    let error = BlockStore::new(StoreOptions { memory: 0, dir: file }).unwrap_err();
    assert!(matches!(&error, StoreError::Directory { path, .. } if path.ends_with("file")), "{error}");
}

#[test]
fn a_block_that_cannot_be_written_stays_in_memory() {
    let (mut store, _dir) = store(10);
    store.put(input(1), letters(StorageLevel::MemoryAndDisk, "aaaaaa")).unwrap();
    let obstacle = store.disk.path(&input(1));
    std::fs::create_dir(&obstacle).unwrap();

    let error = store.put(input(2), letters(StorageLevel::MemoryAndDisk, "bbbbbb")).unwrap_err();
    assert!(matches!(&error, StoreError::Write { block, .. } if *block == input(1)), "{error}");
    assert_eq!(read(&mut store, input(1)).as_deref(), Some("aaaaaa"));
    assert!(!store.contains(&input(2)));
    assert_eq!(store.stats(), StoreStats { blocks: 1, memory_bytes: 6, ..StoreStats::default() });

    std::fs::remove_dir(&obstacle).unwrap();
    store.put(input(2), letters(StorageLevel::MemoryAndDisk, "bbbbbb")).unwrap();
    assert_eq!(read(&mut store, input(1)).as_deref(), Some("aaaaaa"));
}

#[test]
fn a_block_that_cannot_be_encoded_is_reported_and_not_stored() {
    let (mut store, _dir) = store(10);
    let block = Block { codec: ErasedCodec::of::<String>(), ..letters(StorageLevel::MemoryOnlySer, "aaaa") };
    assert!(matches!(store.put(input(1), block).unwrap_err(), StoreError::Encode { .. }));
    assert_eq!(store.stats(), StoreStats::default());
}

/// Encodes up to the third record, and then fails.
#[derive(Debug, Clone)]
struct Stubborn(u32);

impl serde::Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            3 => Err(serde::ser::Error::custom("not this one")),
            number => serializer.serialize_u32(number),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Stubborn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Stubborn, D::Error> {
        u32::deserialize(deserializer).map(Stubborn)
    }
}

#[test]
fn a_block_whose_encoding_fails_on_its_way_into_a_file_leaves_no_file_and_is_not_stored() {
    let (mut store, _dir) = store(0);
    let data = Arc::new(vec![vec![Stubborn(1), Stubborn(2), Stubborn(3)]]);
    let codec = ErasedCodec::of::<Stubborn>();
    let block = Block { data, codec, level: StorageLevel::DiskOnly, records: 3, bytes: 12 };
    let error = store.put(input(1), block).unwrap_err();
    assert!(matches!(&error, StoreError::Encode { block, .. } if *block == input(1)), "{error}");
    assert!(!store.disk.path(&input(1)).exists());
    assert_eq!(store.stats(), StoreStats::default());
}

/// The buffer between the encoder and the file is smaller than this block.
#[test]
fn a_large_block_comes_back_from_its_file_as_it_was() {
    let (mut store, _dir) = store(0);
    let chunks: Vec<Vec<String>> = (0..100).map(|chunk| vec![format!("{chunk:0>9999}"); 5]).collect();
    let (data, codec) = (Arc::new(chunks.clone()), ErasedCodec::of::<String>());
    let block = Block { data, codec, level: StorageLevel::MemoryAndDisk, records: 500, bytes: 5_000_000 };
    assert!(matches!(store.put(input(1), block).unwrap(), PutOutcome::OnDisk { bytes } if bytes > 4_999_500));
    let back = store.get(&input(1)).unwrap().unwrap().into_typed().unwrap();
    assert_eq!(back.downcast_ref(), Some(&chunks));
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    /// The file has this length now.
    Length(u64),
    /// Every bit of the byte at this offset is turned.
    Byte(u64),
}

impl Damage {
    fn inflict(self, path: &Path) {
        let mut file = File::options().read(true).write(true).open(path).unwrap();
        match self {
            Self::Length(length) => file.set_len(length).unwrap(),
            Self::Byte(offset) => {
                let mut byte = [0];
                file.seek(SeekFrom::Start(offset)).unwrap();
                file.read_exact(&mut byte).unwrap();
                file.seek(SeekFrom::Start(offset)).unwrap();
                file.write_all(&byte.map(|byte| !byte)).unwrap();
            }
        }
    }
}

/// B-6
#[test]
fn a_damaged_file_is_an_error_never_wrong_data() {
    let whole = HEADER_BYTES as u64 + 6;
    let lengths = (0..whole).chain([whole + 1]).map(Damage::Length);
    for damage in lengths.chain((0..whole).map(Damage::Byte)) {
        let (mut store, _dir) = store(0);
        store.put(input(1), letters(StorageLevel::DiskOnly, "aaaa")).unwrap();
        assert_eq!(store.status(&input(1)).unwrap().disk_bytes as u64, whole);
        damage.inflict(&store.disk.path(&input(1)));
        let error = store.get(&input(1)).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{damage:?}: {error}");
    }
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let (mut store, _dir) = store(0);
    store.put(input(1), letters(StorageLevel::DiskOnly, "aaaa")).unwrap();
    let path = store.disk.path(&input(1));
    super::disk::Disk::remove(&mut store.disk, &input(1), 0);
    let error = store.get(&input(1)).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(matches!(error, StoreError::Read { .. }));
}
