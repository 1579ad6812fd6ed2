//! The ledger against a naive model: one vector of blocks, one of batches, searched from end to end.

use proptest::prelude::*;

use super::tests::{batch, block};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Add {
        stream: u32,
        sequence: u64,
    },
    Allocate {
        batch: i64,
    },
    Done {
        batch: i64,
    },
    /// As the tracker does it: as far as it may.
    PlanForget {
        horizon: Horizon,
    },
    /// As a log might say it: all or nothing.
    Forget {
        horizon: Horizon,
    },
}

#[derive(Debug, Default)]
struct Model {
    /// Every block that is remembered, in order of arrival, with its batch.
    blocks: Vec<(BlockInfo, Option<Time>)>,
    /// Every batch that is remembered, in order of allocation, and whether it is done.
    batches: Vec<(Time, bool)>,
    last: Option<Time>,
}

impl Model {
    fn add(&mut self, block: BlockInfo) -> bool {
        let new = self.blocks.iter().all(|(known, _)| known.id != block.id);
        if new {
            self.blocks.push((block, None));
        }
        new
    }

    fn allocate(&mut self, batch: Time) -> bool {
        if self.last.is_some_and(|last| batch <= last) {
            return false;
        }
        for (_, owner) in self.blocks.iter_mut().filter(|(_, owner)| owner.is_none()) {
            *owner = Some(batch);
        }
        self.batches.push((batch, false));
        self.last = Some(batch);
        true
    }

    fn finish(&mut self, batch: Time) -> bool {
        let found = self.batches.iter_mut().find(|(known, done)| *known == batch && !*done);
        found.map(|(_, done)| *done = true).is_some()
    }

    fn first_pending(&self) -> Option<Time> {
        self.batches.iter().find(|(_, done)| !done).map(|(batch, _)| *batch)
    }

    fn forget(&mut self, horizon: &Horizon) -> bool {
        if self.first_pending().is_some_and(|pending| pending < horizon.before) {
            return false;
        }
        let past = |block: &BlockInfo, owner: Time| {
            let kept = horizon.kept.get(&block.id.stream).copied().unwrap_or(horizon.before);
            owner < horizon.before && owner < kept
        };
        self.blocks.retain(|(block, owner)| owner.is_none_or(|owner| !past(block, owner)));
        while let Some((batch, _)) = self.batches.first().copied() {
            if batch >= horizon.before || self.blocks.iter().any(|(_, owner)| *owner == Some(batch)) {
                break;
            }
            self.batches.remove(0);
        }
        true
    }

    fn owned(&self, stream: StreamId, owner: Option<Time>) -> Vec<BlockInfo> {
        let owned = self.blocks.iter().filter(|(block, batch)| block.id.stream == stream && *batch == owner);
        owned.map(|(block, _)| *block).collect()
    }

    fn unprocessed_bytes(&self) -> u64 {
        let is_done = |owner: &Option<Time>| owner.is_some_and(|owner| self.batches.contains(&(owner, true)));
        self.blocks.iter().filter(|(_, owner)| !is_done(owner)).map(|(block, _)| block.bytes).sum()
    }
}

const STREAMS: std::ops::Range<u32> = 0..3;
const BATCHES: std::ops::Range<i64> = 0..20;

fn horizons() -> impl Strategy<Value = Horizon> {
    let kept = prop::collection::btree_map(STREAMS.prop_map(StreamId), BATCHES.prop_map(batch), 0..3);
    (BATCHES.prop_map(batch), kept).prop_map(|(before, kept)| Horizon { before, kept })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (STREAMS, 0..30_u64).prop_map(|(stream, sequence)| Step::Add { stream, sequence }),
        3 => BATCHES.prop_map(|batch| Step::Allocate { batch }),
        3 => BATCHES.prop_map(|batch| Step::Done { batch }),
        1 => horizons().prop_map(|horizon| Step::PlanForget { horizon }),
        1 => horizons().prop_map(|horizon| Step::Forget { horizon }),
    ];
    prop::collection::vec(step, 1..80)
}

fn assert_same(ledger: &Ledger, model: &Model) {
    for stream in STREAMS.map(StreamId) {
        assert_eq!(ledger.unallocated(stream).copied().collect::<Vec<_>>(), model.owned(stream, None));
        for number in BATCHES.map(batch) {
            let known = model.batches.iter().any(|(known, _)| *known == number);
            let expected = known.then(|| model.owned(stream, Some(number)));
            assert_eq!(ledger.allocated(number).map(|found| found.of_stream(stream).to_vec()), expected);
        }
    }
    let pending = model.batches.iter().filter(|(_, done)| !done).map(|(batch, _)| *batch);
    assert_eq!(ledger.pending_batches().map(|found| found.batch).collect::<Vec<_>>(), pending.collect::<Vec<_>>());
    assert_eq!(ledger.last_allocated(), model.last);
    assert_eq!(ledger.has_unallocated(), model.blocks.iter().any(|(_, owner)| owner.is_none()));
    assert_eq!(ledger.unprocessed_bytes(), model.unprocessed_bytes());
}

proptest! {
    /// Every step does to the ledger what it does to the model, what is refused changes nothing, and the events that
    /// were taken give the same ledger again.
    /// B-1
    #[test]
    fn the_ledger_does_what_a_naive_one_does(steps in steps()) {
        let (mut ledger, mut model, mut events) = (Ledger::new(), Model::default(), Vec::new());
        for step in steps {
            let (event, taken) = match step {
                Step::Add { stream, sequence } => {
                    let block = block(StreamId(stream), sequence);
                    (Some(LedgerEvent::BlockAdded { block }), model.add(block))
                }
                Step::Allocate { batch: number } => (ledger.plan_allocation(batch(number)), model.allocate(batch(number))),
                Step::Done { batch: number } => {
                    (Some(LedgerEvent::BatchDone { batch: batch(number) }), model.finish(batch(number)))
                }
                Step::PlanForget { horizon } => {
                    let reachable = model.first_pending().map_or(horizon.clone(), |pending| horizon.until(pending));
                    let (blocks, batches) = (model.blocks.clone(), model.batches.len());
                    prop_assert!(model.forget(&reachable));
                    let freed = ledger.freed_by(&reachable).map(|block| block.id).collect::<std::collections::BTreeSet<_>>();
                    let gone = blocks.iter().filter(|block| !model.blocks.contains(block)).map(|(block, _)| block.id);
                    prop_assert_eq!(freed, gone.collect());
                    let changed = blocks.len() != model.blocks.len() || batches != model.batches.len();
                    (ledger.plan_forget(&horizon), changed)
                }
                Step::Forget { horizon } => {
                    let forgotten = model.forget(&horizon);
                    (Some(LedgerEvent::BatchesForgotten(horizon)), forgotten)
                }
            };
            let before = ledger.clone();
            let applied = event.as_ref().is_some_and(|event| ledger.apply(event).is_ok());
            prop_assert_eq!(applied, taken);
            if applied {
                events.extend(event);
            } else {
                prop_assert_eq!(&ledger, &before);
            }
            assert_same(&ledger, &model);
        }
        let mut replayed = Ledger::new();
        for event in &events {
            prop_assert_eq!(replayed.apply(event), Ok(()));
        }
        prop_assert_eq!(replayed, ledger);
    }
}
