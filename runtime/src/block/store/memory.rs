//! The blocks in memory: their bytes, and the order in which they may leave.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::block::{BlockKey, Erased};

/// Records as they lie in memory.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    Typed(Erased),
    Encoded(Arc<Vec<u8>>),
}

#[derive(Debug)]
struct Slot {
    payload: Payload,
    bytes: usize,
    /// The block's place in `recency`; `None` for a pinned block, which has none.
    turn: Option<u64>,
}

/// Payloads by key, with a byte count and the order of last use.
///
/// Every use takes a new turn, so the smallest turn is the least recently used: finding it, like any use, takes
/// logarithmic time. Pinned blocks stay out of that order instead of being skipped in it, so a memory full of them
/// costs no search.
#[derive(Debug)]
pub(super) struct Memory {
    budget: usize,
    used: usize,
    pinned: usize,
    slots: HashMap<BlockKey, Slot, RandomState>,
    recency: BTreeMap<u64, BlockKey>,
    next_turn: u64,
}

impl Memory {
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, used: 0, pinned: 0, slots: HashMap::default(), recency: BTreeMap::new(), next_turn: 0 }
    }

    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn pinned(&self) -> usize {
        self.pinned
    }

    /// Whether `bytes` more fit now.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.used.checked_add(bytes).is_some_and(|needed| needed <= self.budget)
    }

    /// Whether `bytes` more would fit once everything that can leave has left. Asked first, so that nothing leaves in
    /// vain.
    pub(super) fn can_make_room(&self, bytes: usize) -> bool {
        self.pinned.checked_add(bytes).is_some_and(|needed| needed <= self.budget)
    }

    /// Adds a block for which there is room, as the most recently used.
    pub(super) fn insert(&mut self, key: BlockKey, payload: Payload, bytes: usize, pinned: bool) {
        self.remove(&key);
        self.used += bytes;
        let turn = if pinned {
            self.pinned += bytes;
            None
        } else {
            Some(self.take_turn(key))
        };
        self.slots.insert(key, Slot { payload, bytes, turn });
    }

    /// A block's payload, as a use of it.
    pub(super) fn touch(&mut self, key: &BlockKey) -> Option<&Payload> {
        if let Some(last_turn) = self.slots.get(key)?.turn {
            self.recency.remove(&last_turn);
            let turn = self.take_turn(*key);
            if let Some(slot) = self.slots.get_mut(key) {
                slot.turn = Some(turn);
            }
        }
        self.peek(key)
    }

    /// A block's payload, without using it.
    pub(super) fn peek(&self, key: &BlockKey) -> Option<&Payload> {
        self.slots.get(key).map(|slot| &slot.payload)
    }

    pub(super) fn bytes_of(&self, key: &BlockKey) -> Option<usize> {
        self.slots.get(key).map(|slot| slot.bytes)
    }

    /// The block that should leave first.
    pub(super) fn least_recent(&self) -> Option<BlockKey> {
        self.recency.first_key_value().map(|(_turn, key)| *key)
    }

    /// Lets a block leave that had to stay.
    pub(super) fn unpin(&mut self, key: &BlockKey) {
        let Some(bytes) = self.slots.get(key).filter(|slot| slot.turn.is_none()).map(|slot| slot.bytes) else { return };
        let turn = self.take_turn(*key);
        if let Some(slot) = self.slots.get_mut(key) {
            slot.turn = Some(turn);
            self.pinned -= bytes;
        }
    }

    pub(super) fn remove(&mut self, key: &BlockKey) {
        let Some(slot) = self.slots.remove(key) else { return };
        self.used -= slot.bytes;
        match slot.turn {
            Some(turn) => {
                self.recency.remove(&turn);
            }
            None => self.pinned -= slot.bytes,
        }
    }

    fn take_turn(&mut self, key: BlockKey) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.recency.insert(turn, key);
        turn
    }
}
