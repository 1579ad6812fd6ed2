//! What goes wrong with persisted partitions: they cannot be written, or not be read back.

#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail as the tests do")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waterwheel_operators::prelude::*;

/// A number whose encoding panics when it is 1, which is not one of those whose size is looked at.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
struct Shy(u32);

impl serde::Serialize for Shy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.0 != 1, "never written");
        serializer.serialize_u32(self.0)
    }
}

#[test]
fn a_partition_whose_encoding_panics_is_not_kept_and_the_block_manager_lives_on() {
    let engine = Engine::local(1).unwrap();
    for level in [StorageLevel::DiskOnly, StorageLevel::MemoryOnlySer] {
        let shy = engine.parallelize(0..100, 1).map(Shy).persist(level);
        for _ in 0..2 {
            assert_eq!(shy.count().unwrap(), 100);
        }
        assert_eq!(engine.snapshot().unwrap().blocks.blocks, 0, "{level}");
    }
    let numbers = engine.parallelize(0..3, 1).cache();
    assert_eq!(numbers.count().unwrap(), 3);
    assert_eq!(engine.snapshot().unwrap().blocks.blocks, 1);
}

/// Writes `bytes` over every file below `dir`.
fn damage(dir: &std::path::Path, bytes: &[u8]) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => damage(&path, bytes),
            false => std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap(),
        }
    }
}

#[test]
fn persisted_partitions_that_cannot_be_read_back_are_computed_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { cores: 2, spill_dir: dir.path().to_owned(), ..EngineOptions::default() };
    let engine = Engine::start(options).unwrap();
    let computed = Arc::new(AtomicUsize::new(0));
    let counted = computed.clone();
    let numbers = engine.parallelize(0..10, 2).map(move |n| {
        counted.fetch_add(1, Ordering::SeqCst);
        n
    });
    let kept = numbers.persist(StorageLevel::DiskOnly);
    for (damaged, expected) in [(false, 10), (false, 10), (true, 20), (false, 20)] {
        if damaged {
            damage(dir.path(), b"nothing that was written here");
        }
        assert!(kept.collect().unwrap().into_iter().eq(0..10));
        assert_eq!(computed.load(Ordering::SeqCst), expected);
    }
}
