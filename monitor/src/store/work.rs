//! Where the time of batches goes: what each operator cost, and what commits wrote.

use super::Omitted;
use std::collections::BTreeMap;
use std::time::Duration;
use waterwheel_runtime::event::{BatchInfo, StateInfo};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// More lines with operators than any program has. Those beyond are not shown.
const MOST: usize = 10_000;

/// What the operator of a line has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cost {
    pub(crate) records: u64,
    pub(crate) busy: Duration,
}

impl Cost {
    fn add(&mut self, records: u64, busy: Duration) {
        self.records += records;
        self.busy += busy;
    }
}

/// The operator of one line of the user's program, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work {
    pub(crate) total: Cost,
    /// Of the last completed batch.
    pub(crate) last: Cost,
    /// Shuffles that it asked for.
    pub(crate) shuffles: u64,
    /// Tasks of those.
    pub(crate) tasks: u64,
}

/// The state of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateRow {
    pub(crate) keys: u64,
    /// What the last commit wrote of it: nothing, when its batch did not change it.
    pub(crate) last_bytes: u64,
    /// What all commits wrote.
    pub(crate) written_bytes: u64,
}

/// All operators, all state, all commits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Works {
    lines: Vec<(Site, Work)>,
    states: BTreeMap<String, StateRow>,
    /// How many commits there were, how long they took, and the last.
    pub(crate) commits: u64,
    pub(crate) commit_time: Duration,
    pub(crate) last_commit: Option<(Time, Duration)>,
    /// Operators and states that there was no place for.
    omitted: u64,
}

impl Works {
    pub(crate) fn lines(&self) -> &[(Site, Work)] {
        &self.lines
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (&str, &StateRow)> {
        self.states.iter().map(|(name, row)| (name.as_str(), row))
    }

    pub(super) fn omitted(&self) -> Omitted {
        Omitted { rows: self.omitted, ..Omitted::default() }
    }

    fn line(&mut self, site: Site) -> Option<&mut Work> {
        let place = match self.lines.iter().position(|(known, _)| *known == site) {
            Some(place) => place,
            None if self.lines.len() < MOST => {
                self.lines.push((site, Work::default()));
                self.lines.len() - 1
            }
            None => {
                self.omitted += 1;
                return None;
            }
        };
        self.lines.get_mut(place).map(|(_, work)| work)
    }

    /// A batch is complete.
    pub(super) fn completed(&mut self, info: &BatchInfo) {
        for (_, work) in &mut self.lines {
            work.last = Cost::default();
        }
        for cost in &info.costs {
            if let Some(work) = self.line(cost.site) {
                work.total.add(cost.records, cost.busy);
                work.last.add(cost.records, cost.busy);
            }
        }
        for stage in info.jobs.iter().flat_map(|job| &job.stages) {
            if let Some(work) = stage.shuffle.and_then(|site| self.line(site)) {
                work.shuffles += 1;
                work.tasks += u64::from(stage.tasks);
            }
        }
    }

    /// A batch is recorded in the checkpoint directory.
    pub(super) fn committed(&mut self, batch: Time, took: Duration, states: &[StateInfo]) {
        self.commits += 1;
        self.commit_time += took;
        self.last_commit = Some((batch, took));
        self.omitted += states.len().saturating_sub(MOST) as u64;
        for StateInfo { name, keys, written_bytes } in states.iter().take(MOST) {
            let blank = StateRow { keys: 0, last_bytes: 0, written_bytes: 0 };
            let row = self.states.entry(name.clone()).or_insert(blank);
            (row.keys, row.last_bytes) = (*keys, *written_bytes);
            row.written_bytes += written_bytes;
        }
    }
}
