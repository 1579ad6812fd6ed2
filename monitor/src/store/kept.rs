//! What is kept of what is told, which may be of any size; what is left out is counted.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use waterwheel_runtime::event::{BatchInfo, InputMetadata, JobInfo, OutputInfo};

/// Jobs of a batch that are kept.
pub(super) const JOBS_KEPT: usize = 100;

/// Stages of a job that are kept.
pub(super) const STAGES_KEPT: usize = 100;

/// Characters of a failure that are kept.
pub(super) const FAILURE_KEPT: usize = 8_000;

/// Characters of all failures of a batch that are kept: one that fails in every job says the same again and again.
pub(super) const FAILURES_KEPT: usize = 4 * FAILURE_KEPT;

/// Characters that are kept of what a batch says of its inputs.
pub(super) const METADATA_KEPT: usize = 4_000;

/// What is left out of what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Omitted {
    /// Jobs of batches.
    pub(crate) jobs: u64,
    /// Stages of jobs that are kept.
    pub(crate) stages: u64,
    /// Texts of failures and errors of which only the beginning is kept, or nothing.
    pub(crate) failures: u64,
    /// Parts of what batches read, such as names of files.
    pub(crate) inputs: u64,
    /// Outputs of batches that were not told of.
    pub(crate) outputs: u64,
    /// Operators, streams and states beyond all that a program has, once for every time that one was told of.
    pub(crate) rows: u64,
}

impl AddAssign for Omitted {
    fn add_assign(&mut self, more: Omitted) {
        let Omitted { jobs, stages, failures, inputs, outputs, rows } = more;
        // What sources leave out is a number of theirs, which may be any.
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.jobs, jobs);
        add(&mut self.stages, stages);
        add(&mut self.failures, failures);
        add(&mut self.inputs, inputs);
        add(&mut self.outputs, outputs);
        add(&mut self.rows, rows);
    }
}

/// Room for the texts of one batch.
pub(super) struct Room {
    characters: usize,
    /// Texts that did not find as much as they needed.
    pub(super) cut: u64,
}

impl Room {
    /// For so many characters.
    pub(super) fn new(characters: usize) -> Room {
        Room { characters, cut: 0 }
    }

    /// As much of a text as there is room for.
    fn take(&mut self, text: &str) -> String {
        let (kept, whole) = beginning(text, FAILURE_KEPT.min(self.characters));
        self.characters = self.characters.saturating_sub(kept.chars().count());
        self.cut += u64::from(!whole);
        kept
    }
}

/// The beginning of a text of the user's, which may be of any length, and whether that is all of it.
pub(super) fn shortened(text: &str) -> (String, bool) {
    beginning(text, FAILURE_KEPT)
}

fn beginning(text: &str, characters: usize) -> (String, bool) {
    match text.char_indices().nth(characters) {
        Some((end, _)) => (format!("{}...", text.get(..end).unwrap_or_default()), false),
        None => (text.to_owned(), true),
    }
}

pub(super) fn short_output(info: &OutputInfo, room: &mut Room) -> OutputInfo {
    let failure = info.failure.as_deref().map(|failure| room.take(failure));
    OutputInfo { site: info.site, started: info.started, duration: info.duration, failure }
}

/// What is kept of a batch, and what is not. Its outputs are in their rows.
pub(super) fn short_batch(info: &BatchInfo, mut room: Room) -> (BatchInfo, Omitted) {
    let failure = info.failure.as_deref().map(|failure| room.take(failure));
    let mut omitted = Omitted { jobs: info.omitted_jobs, ..Omitted::default() };
    omitted.jobs += info.jobs.len().saturating_sub(JOBS_KEPT) as u64;
    let mut job = |job: &JobInfo| {
        omitted.stages += job.stages.len().saturating_sub(STAGES_KEPT) as u64;
        JobInfo {
            site: job.site,
            output: job.output,
            duration: job.duration,
            stages: job.stages.iter().take(STAGES_KEPT).cloned().collect(),
            failure: job.failure.as_deref().map(|failure| room.take(failure)),
        }
    };
    let jobs = info.jobs.iter().take(JOBS_KEPT).map(&mut job).collect();
    omitted.failures = room.cut;
    let mut characters = METADATA_KEPT;
    let metadata: BTreeMap<_, _> =
        info.metadata.iter().map(|(stream, told)| (*stream, short_metadata(told, &mut characters))).collect();
    omitted.inputs = metadata.values().fold(0, |all, told| told.omitted.saturating_add(all));
    let kept = BatchInfo {
        batch: info.batch,
        records: info.records.clone(),
        metadata,
        submitted: info.submitted,
        scheduling_delay: info.scheduling_delay,
        processing_delay: info.processing_delay,
        outputs: BTreeMap::new(),
        costs: info.costs.clone(),
        jobs,
        omitted_jobs: omitted.jobs,
        failure,
        rates: info.rates.clone(),
        flow: info.flow.clone(),
    };
    (kept, omitted)
}

/// Whole parts only: half a name is another name.
fn short_metadata(told: &InputMetadata, characters: &mut usize) -> InputMetadata {
    let fits = |item: &&String| {
        let left = characters.checked_sub(item.chars().count());
        *characters = left.unwrap_or(0);
        left.is_some()
    };
    let items: Vec<String> = told.items.iter().take_while(fits).cloned().collect();
    let omitted = told.omitted.saturating_add((told.items.len() - items.len()) as u64);
    InputMetadata { items, omitted }
}
