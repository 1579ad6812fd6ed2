//! What the scheduler does so that receivers bring what it can compute: it tells each of them its rate after every batch, and
//! takes no more than that of those whose records wait in files.

use super::BatchScheduler;
use crate::flow::{CompletedBatch, FlowCounts, RateController};
use crate::ids::StreamId;
use crate::receiver::{NextBatch, UpdateRate};
use crate::time::Time;
use actix::{ActorFutureExt, AsyncContext, Context, Recipient, WrapFuture};
use futures::future::join_all;
use std::collections::BTreeMap;

/// What rates are found with, and who is told.
pub struct Rating {
    /// Finds them.
    pub controller: RateController,
    /// The receivers.
    pub receivers: Vec<RatedReceiver>,
    /// The streams of which a batch takes no more than their rate allows.
    pub spilling: Vec<StreamId>,
    /// Whether the receivers are being let in more.
    letting_in: bool,
    telling: Telling,
}

/// A receiver, as its rate is concerned.
#[derive(Clone)]
pub struct RatedReceiver {
    /// Its stream.
    pub stream: StreamId,
    /// Told after every batch.
    pub rate: Recipient<UpdateRate>,
    /// Told when a batch has its blocks.
    pub next: Recipient<NextBatch>,
}

/// Whether the receivers are being told, and whether there is something newer to tell by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    Nothing,
    Rates,
    OldRates,
}

impl Rating {
    /// Rates by `controller`, told to `receivers`.
    pub fn new(controller: RateController, receivers: Vec<RatedReceiver>, spilling: Vec<StreamId>) -> Rating {
        Rating { controller, receivers, spilling, letting_in: false, telling: Telling::Nothing }
    }
}

/// Batches that may wait to be computed before those after them get no more records. One is the rule, two or three come of a
/// moment in which the machine was busy; with more of them every record that comes in only waits.
const MOST_WAITING: usize = 3;

impl BatchScheduler {
    /// Whether so many batches wait to be computed that the next one should be empty: whatever the rates are, they were found before
    /// something came to a stand.
    pub(super) fn is_behind(&self) -> bool {
        let waiting = self
            .live
            .values()
            .filter(|live| live.info.scheduling_delay.is_none() && !live.allocation.blocks.is_empty());
        waiting.count() >= MOST_WAITING
    }

    /// A batch has its blocks: has receivers bring those of the next one, unless they would only wait.
    pub(super) fn let_in_more(&mut self, ctx: &mut Context<Self>) {
        // Of those that are slow to hear of it, the next batch has what is left.
        if self.is_behind() || self.parts.rating.letting_in || self.parts.rating.receivers.is_empty() {
            return;
        }
        self.parts.rating.letting_in = true;
        let let_in = self.parts.rating.receivers.iter().map(|receiver| receiver.next.send(NextBatch));
        let let_in = join_all(let_in.collect::<Vec<_>>()).into_actor(self);
        ctx.spawn(let_in.map(|_, scheduler, _| scheduler.parts.rating.letting_in = false));
    }

    /// How many records the next batch takes of the streams that spill.
    pub(super) fn limits(&self) -> BTreeMap<StreamId, u64> {
        let (rating, behind) = (&self.parts.rating, self.is_behind());
        let limit = |stream: &StreamId| {
            let limit = rating.controller.of_one_batch(*stream)?;
            Some((*stream, if behind { 0 } else { limit }))
        };
        rating.spilling.iter().filter_map(limit).collect()
    }

    /// A job of `batch` has ended: it may be the last.
    pub(super) fn computed(&mut self, batch: Time) {
        let now = self.parts.clock.monotonic();
        if let Some(live) = self.live.get_mut(&batch) {
            live.computed = now;
        }
    }

    /// The ledger has `batch` as done, and `counts` says where the records of each stream are then.
    pub(super) fn counted(&mut self, batch: Time, counts: &BTreeMap<StreamId, FlowCounts>) {
        let Some(live) = self.live.get_mut(&batch) else { return };
        // As of its cut nothing is pending any more: all batches up to it are done. What came in later is not looked at.
        for (stream, flow) in &mut live.flow {
            flow.pending = 0;
            flow.committed = counts.get(stream).map_or(0, |counts| counts.committed);
        }
    }

    /// `batch` is done: the rates follow from how long it took.
    pub(super) fn rate(&mut self, batch: Time, ctx: &mut Context<Self>) {
        let now = self.parts.clock.monotonic();
        let Some(live) = self.live.get_mut(&batch) else { return };
        let completed = CompletedBatch {
            records: &live.info.records,
            waited: live.info.scheduling_delay.unwrap_or_default(),
            started: live.started,
            computed: live.computed,
            ended: now,
        };
        let changed = self.parts.rating.controller.completed(&completed).is_some();
        live.info.rates = self.parts.rating.controller.rates();
        live.info.flow = std::mem::take(&mut live.flow);
        if changed {
            self.tell_rates(ctx);
        }
    }

    /// Tells each receiver its rate, once those before it have arrived: what is on its way is bounded, and the last word counts.
    fn tell_rates(&mut self, ctx: &mut Context<Self>) {
        let rating = &mut self.parts.rating;
        if rating.telling != Telling::Nothing {
            rating.telling = Telling::OldRates;
            return;
        }
        rating.telling = Telling::Rates;
        let told = rating.receivers.iter().filter_map(|receiver| {
            let rate = rating.controller.rate(receiver.stream)?;
            // One that is gone takes no records either.
            Some(receiver.rate.send(UpdateRate { rate }))
        });
        let told = join_all(told.collect::<Vec<_>>()).into_actor(self);
        ctx.spawn(told.map(|_, scheduler, ctx| {
            let told = std::mem::replace(&mut scheduler.parts.rating.telling, Telling::Nothing);
            if told == Telling::OldRates {
                scheduler.tell_rates(ctx);
            }
        }));
    }
}
