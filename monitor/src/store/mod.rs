//! What has happened in a program, as far as listeners were told: the one place that all figures come from.
//!
//! [`Progress`] is a plain struct: events in, rows out. It is bounded, whatever it is told: it keeps as many completed batches as
//! `ui.retained_batches` says, and as many live ones as are pending. Events may come out of order, and some may be missing,
//! since the bus drops what it has no room for.

mod batch;
mod kept;
mod streams;
mod sums;
#[cfg(test)]
mod tests;
mod work;

pub(crate) use batch::{BatchRow, OutputRow, Status};
pub(crate) use kept::Omitted;
pub(crate) use streams::{ReceiverRow, StreamRow, Streams};
pub(crate) use sums::Sums;
pub(crate) use work::{Cost, Work, Works};

use batch::Commit;
use kept::{FAILURE_KEPT, FAILURES_KEPT, Room, short_batch, short_output};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use waterwheel_runtime::event::{BatchInfo, Event, OutputInfo};
use waterwheel_runtime::ids::OutputId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// Beside the known batches, so many may have told of outputs before they told of themselves.
const EARLY: usize = 10;

/// Live batches beyond these cannot be: their ends were not told.
const MOST_LIVE: usize = 100_000;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    retained: usize,
    pub(crate) started: Option<Time>,
    /// Waiting and running batches.
    live: BTreeMap<Time, Arc<BatchRow>>,
    /// The last of the completed ones, oldest first.
    completed: VecDeque<Arc<BatchRow>>,
    /// Over those.
    sums: Sums,
    /// The last one that was completed, also when none is kept.
    last: Option<Arc<BatchRow>>,
    /// Outputs of batches that are not known yet.
    early: BTreeMap<Time, BTreeMap<OutputId, OutputRow>>,
    pub(crate) total_completed: u64,
    pub(crate) total_failed: u64,
    pub(crate) total_received: u64,
    pub(crate) total_processed: u64,
    /// Batches whose end was not told.
    pub(crate) untold: u64,
    /// What batches had that is not kept of them.
    omitted: Omitted,
    pub(crate) streams: Streams,
    pub(crate) works: Works,
}

impl Progress {
    /// Nothing has happened in a program with these input streams, of whose completed batches `retained` are kept.
    pub(crate) fn new(retained: usize, streams: Streams) -> Progress {
        Progress {
            retained,
            started: None,
            live: BTreeMap::new(),
            completed: VecDeque::new(),
            sums: Sums::default(),
            last: None,
            early: BTreeMap::new(),
            total_completed: 0,
            total_failed: 0,
            total_received: 0,
            total_processed: 0,
            untold: 0,
            omitted: Omitted::default(),
            streams,
            works: Works::default(),
        }
    }

    /// Takes in an event that was told at `now`.
    pub(crate) fn told(&mut self, event: &Event, now: Time) {
        match event {
            Event::StreamingStarted { time } => self.started = Some(*time),
            Event::BatchSubmitted(info) => self.submitted(info),
            Event::BatchStarted(info) => self.batch_started(info),
            Event::OutputStarted { batch, output, site, started } => {
                self.output(*batch, *output, OutputRow { site: *site, started: *started, ended: None });
            }
            // What is cut here is counted when the batch ends, which tells it again.
            Event::OutputCompleted { batch, output, info } => {
                self.output(*batch, *output, OutputRow::ended(short_output(info, &mut Room::new(FAILURE_KEPT))));
            }
            Event::StateCommitted { batch, took, durable, states } => {
                self.works.committed(*batch, *took, states);
                if let Some(row) = self.live.get_mut(batch) {
                    Arc::make_mut(row).commit = Some(Commit { took: *took, durable: *durable });
                }
            }
            Event::BatchCompleted(info) => self.batch_completed(info),
            other => self.streams.told(other, now),
        }
    }

    fn submitted(&mut self, info: &BatchInfo) {
        // A later event of the batch may have come first: it knows more.
        if !self.live.contains_key(&info.batch) && !self.is_completed(info.batch) {
            self.insert(info, Status::Queued);
        }
    }

    fn batch_started(&mut self, info: &BatchInfo) {
        if self.is_completed(info.batch) {
            return;
        }
        match self.live.get_mut(&info.batch) {
            // By the failure policy, a batch may be started more than once.
            Some(row) => {
                let row = Arc::make_mut(row);
                (row.info, row.status) = (info.clone(), Status::Processing);
            }
            None => self.insert(info, Status::Processing),
        }
        let Some(row) = self.live.get_mut(&info.batch) else { return };
        let more = info.num_records().saturating_sub(row.counted);
        Arc::make_mut(row).counted += more;
        self.total_received += more;
    }

    fn batch_completed(&mut self, info: &BatchInfo) {
        if self.is_completed(info.batch) {
            return;
        }
        // Batches are completed in order of time: an older one that is still here has ended, and that was not told.
        let newer = self.live.split_off(&info.batch);
        self.untold += std::mem::replace(&mut self.live, newer).len() as u64;
        let mut row = self.live.remove(&info.batch).map_or_else(
            || {
                let mut row = BatchRow::new(info.clone(), Status::Completed);
                row.outputs = self.early.remove(&info.batch).unwrap_or_default();
                row
            },
            Arc::unwrap_or_clone,
        );
        // Sources that no receiver feeds tell how much they read when the batch is generated, after its start.
        self.total_received += info.num_records().saturating_sub(row.counted);
        self.total_processed += info.num_records();
        self.total_completed += 1;
        self.total_failed += u64::from(!info.succeeded());
        self.works.completed(info);
        self.streams.completed(info);
        row.counted = info.num_records();
        let mut room = Room::new(FAILURES_KEPT);
        for (output, ended) in &info.outputs {
            row.outputs.insert(*output, OutputRow::ended(short_output(ended, &mut room)));
        }
        ((row.info, row.omitted), row.status) = (short_batch(info, room), Status::Completed);
        self.omitted += row.omitted;
        let row = Arc::new(row);
        self.last = Some(row.clone());
        self.sums.add(&row);
        self.completed.push_back(row);
        while self.completed.len() > self.retained {
            if let Some(row) = self.completed.pop_front() {
                self.sums.remove(&row);
            }
        }
        let later = self.early.split_off(&info.batch);
        let never_told = std::mem::replace(&mut self.early, later);
        self.omitted.outputs += never_told.values().map(|outputs| outputs.len() as u64).sum::<u64>();
    }

    fn insert(&mut self, info: &BatchInfo, status: Status) {
        let mut row = BatchRow::new(info.clone(), status);
        row.outputs = self.early.remove(&info.batch).unwrap_or_default();
        self.live.insert(info.batch, Arc::new(row));
        if self.live.len() > MOST_LIVE {
            self.live.pop_first();
            self.untold += 1;
        }
    }

    fn output(&mut self, batch: Time, output: OutputId, told: OutputRow) {
        if self.is_completed(batch) {
            return;
        }
        let of_batch = match self.live.get_mut(&batch) {
            Some(row) => &mut Arc::make_mut(row).outputs,
            None => self.early.entry(batch).or_default(),
        };
        match of_batch.get(&output) {
            // An output that has failed may be tried again; one whose start is told late has ended already.
            Some(OutputRow { ended: Some(OutputInfo { failure: None, .. }), .. }) if told.ended.is_none() => {}
            _ => _ = of_batch.insert(output, told),
        }
        while self.early.len() > self.live.len() + self.completed.len() + EARLY {
            let given_up = self.early.pop_first();
            self.omitted.outputs += given_up.map_or(0, |(_, outputs)| outputs.len() as u64);
        }
    }

    /// What is left out of all that was told.
    pub(crate) fn omitted(&self) -> Omitted {
        let mut all = self.omitted;
        all += self.streams.omitted();
        all += self.works.omitted();
        all
    }

    /// Whether the batch, or a later one, has ended.
    fn is_completed(&self, batch: Time) -> bool {
        self.last.as_ref().is_some_and(|last| batch <= last.time())
    }

    /// Batches that wait, or are worked on, oldest first.
    pub(crate) fn live(&self) -> impl DoubleEndedIterator<Item = &Arc<BatchRow>> {
        self.live.values()
    }

    /// How many those are.
    pub(crate) fn num_live(&self) -> usize {
        self.live.len()
    }

    /// Sums over the completed batches that are kept.
    pub(crate) fn completed_sums(&self) -> &Sums {
        &self.sums
    }

    /// Sums over all batches that are known: those of the completed ones are at hand, the live ones are added.
    pub(crate) fn sums(&self) -> Sums {
        let mut sums = self.sums.clone();
        self.live.values().for_each(|row| sums.add(row));
        sums
    }

    /// Batches of a status among the live ones.
    pub(crate) fn count(&self, status: Status) -> usize {
        self.live.values().filter(|row| row.status == status).count()
    }

    /// The completed batches that are kept, oldest first.
    pub(crate) fn completed(&self) -> impl DoubleEndedIterator<Item = &Arc<BatchRow>> + ExactSizeIterator {
        self.completed.iter()
    }

    /// All batches that are known, oldest first.
    pub(crate) fn batches(&self) -> impl DoubleEndedIterator<Item = &Arc<BatchRow>> {
        self.completed.iter().chain(self.live.values())
    }

    /// Those before a time, or all of them, the newest first.
    pub(crate) fn batches_before(&self, before: Option<Time>) -> impl Iterator<Item = &Arc<BatchRow>> {
        let before = before.map_or(Unbounded, Excluded);
        let completed = match before {
            Excluded(before) => self.completed.partition_point(|row| row.time() < before),
            _ => self.completed.len(),
        };
        self.live.range((Unbounded, before)).map(|(_, row)| row).rev().chain(self.completed.range(..completed).rev())
    }

    /// How many completed batches are kept at most.
    pub(crate) fn retained(&self) -> usize {
        self.retained
    }

    /// The latest batch that is known.
    pub(crate) fn last_received(&self) -> Option<&Arc<BatchRow>> {
        self.live.values().next_back().or(self.last.as_ref())
    }

    /// The latest batch that has ended.
    pub(crate) fn last_completed(&self) -> Option<&Arc<BatchRow>> {
        self.last.as_ref()
    }

    /// A batch, if it is kept.
    pub(crate) fn batch(&self, time: Time) -> Option<&Arc<BatchRow>> {
        let among_completed = || {
            let place = self.completed.binary_search_by_key(&time, |row| row.time()).ok()?;
            self.completed.get(place)
        };
        self.live.get(&time).or_else(among_completed)
    }

    /// What the operators of each line cost in the last `batches` completed batches, and how many of those there are.
    pub(crate) fn recent_costs(&self, batches: usize) -> (usize, BTreeMap<Place, Cost>) {
        let mut costs = BTreeMap::<Place, Cost>::new();
        let rows = self.completed.iter().rev().take(batches);
        let count = rows.len();
        for cost in rows.flat_map(|row| &row.info.costs) {
            let sum = costs.entry(place(cost.site)).or_default();
            sum.records += cost.records;
            sum.busy += cost.busy;
        }
        (count, costs)
    }
}

/// An operator's line, in an order.
pub(crate) type Place = (&'static str, u32, u32, &'static str);

/// The place of a site.
pub(crate) fn place(site: Site) -> Place {
    (site.location.file(), site.location.line(), site.location.column(), site.operator)
}
