//! The store against a naive model: one vector in order of last use, searched from end to end.

use proptest::prelude::*;

use super::disk::HEADER_BYTES;
use super::tests::{input, letters, partition, read};
use super::*;

const BUDGET: usize = 40;

#[derive(Clone, Debug)]
enum Step {
    Put { key: BlockKey, level: StorageLevel, size: usize },
    Get { key: BlockKey },
    Remove { key: BlockKey },
}

#[derive(Clone, Debug)]
struct Held {
    key: BlockKey,
    level: StorageLevel,
    text: String,
    /// What the block counts in memory, typed or encoded.
    bytes: usize,
    on_disk: bool,
}

impl Held {
    fn may_leave(&self) -> bool {
        !self.on_disk && (self.level.uses_disk() || self.key.recomputable())
    }

    /// One chunk of letters is encoded as two length bytes and the letters.
    fn encoded_bytes(&self) -> usize {
        self.text.len() + 2
    }
}

/// Blocks from the least to the most recently used.
#[derive(Debug, Default)]
struct Model {
    held: Vec<Held>,
    spilled: u64,
    evicted: u64,
    read_from_disk: u64,
}

impl Model {
    fn in_memory(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| !held.on_disk)
    }

    fn used(&self) -> usize {
        self.in_memory().map(|held| held.bytes).sum()
    }

    fn pinned(&self) -> usize {
        self.in_memory().filter(|held| !held.may_leave()).map(|held| held.bytes).sum()
    }

    /// Returns whether the store should accept the block.
    fn put(&mut self, mut block: Held) -> bool {
        if self.held.iter().any(|held| held.key == block.key) {
            return true;
        }
        if block.level.uses_memory() && self.pinned() + block.bytes <= BUDGET {
            while self.used() + block.bytes > BUDGET {
                let position = self.held.iter().position(Held::may_leave).unwrap();
                let victim = &mut self.held[position];
                if victim.level.uses_disk() {
                    victim.on_disk = true;
                    self.spilled += 1;
                } else {
                    self.held.remove(position);
                    self.evicted += 1;
                }
            }
        } else if block.level.uses_disk() {
            block.on_disk = true;
        } else {
            return false;
        }
        self.held.push(block);
        true
    }

    fn get(&mut self, key: BlockKey) -> Option<String> {
        let position = self.held.iter().position(|held| held.key == key)?;
        let held = self.held.remove(position);
        self.read_from_disk += u64::from(held.on_disk);
        self.held.push(held.clone());
        Some(held.text)
    }

    fn remove(&mut self, key: BlockKey) -> bool {
        let before = self.held.len();
        self.held.retain(|held| held.key != key);
        self.held.len() < before
    }

    fn stats(&self) -> StoreStats {
        let files = self.held.iter().filter(|held| held.on_disk);
        StoreStats {
            blocks: self.held.len(),
            partitions: self.held.iter().filter(|held| held.key.recomputable()).count(),
            memory_bytes: self.used(),
            disk_bytes: files.map(|held| HEADER_BYTES + held.encoded_bytes()).sum(),
            spilled: self.spilled,
            evicted: self.evicted,
            read_from_disk: self.read_from_disk,
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || prop_oneof![(0..6_u64).prop_map(input), (0..6_usize).prop_map(partition)];
    let step = prop_oneof![
        4 => (key(), prop::sample::select(StorageLevel::ALL.to_vec()), 0..BUDGET + 5)
            .prop_map(|(key, level, size)| Step::Put { key, level, size: size / 2 * 2 }),
        4 => key().prop_map(|key| Step::Get { key }),
        1 => key().prop_map(|key| Step::Remove { key }),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// P-4
    #[test]
    fn the_store_does_what_a_naive_one_does(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = BlockStore::new(StoreOptions { memory: BUDGET, dir: dir.path().to_owned() }).unwrap();
        let mut model = Model::default();
        for (letter, step) in ('a'..='z').cycle().zip(steps) {
            match step {
                Step::Put { key, level, size } => {
                    let text = letter.to_string().repeat(size);
                    let bytes = if level.serialized() { size + 2 } else { size };
                    let accepted = store.put(key, letters(level, &text)).is_ok();
                    prop_assert_eq!(accepted, model.put(Held { key, level, text, bytes, on_disk: false }));
                }
                Step::Get { key } => prop_assert_eq!(read(&mut store, key), model.get(key)),
                Step::Remove { key } => prop_assert_eq!(store.remove(&key), model.remove(key)),
            }
            let stats = store.stats();
            prop_assert!(stats.memory_bytes <= BUDGET);
            prop_assert_eq!(stats, model.stats());
        }
        for held in &model.held {
            prop_assert_eq!(read(&mut store, held.key), Some(held.text.clone()));
        }
    }
}
