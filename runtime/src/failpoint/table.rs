//! The one list of fail points.

/// A place at which a test can have the process fail or die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailPoint {
    /// What [`fail_point`](super::fail_point) is called with: the part, a full stop, the place.
    pub name: &'static str,
    /// What has just happened there, or is about to.
    pub about: &'static str,
}

const fn at(name: &'static str, about: &'static str) -> FailPoint {
    FailPoint { name, about }
}

/// Every fail point, those of a start first, then in the order in which a record meets them.
pub const FAIL_POINTS: &[FailPoint] = &[
    at("start.before_meta", "a program is about to write down what it is; the one before it is what is written"),
    at("start.after_meta", "a program has written down what it is; nothing of it runs"),
    at("two_step.before_recover", "what an earlier run has prepared is about to be committed or given up"),
    at("two_step.after_recover", "what an earlier run has prepared is committed or given up; no batch has begun"),
    at("receiver.before_put", "a block is cut and about to go to the block manager"),
    at("log.before_block", "the records of a block go to the keeper"),
    at(
        "log.after_block",
        "the log knows what became of the records of a block; the ledger does not know the block yet",
    ),
    at("receiver.after_put", "the block manager has a block that the ledger does not know yet"),
    at("receiver.after_add", "a block is in the ledger; whoever waits for that has not been told"),
    at("tracker.before_log", "a change of the ledger is decided, not logged"),
    at("log.before_append", "a change of the ledger goes to the keeper, with all that becomes durable with it"),
    at("keeper.before_write", "the keeper is about to write; nothing of it is on disk"),
    at("keeper.after_write", "the keeper has written; nobody has been told"),
    at("log.after_append", "the log knows what became of its write"),
    at("tracker.after_log", "a change of the ledger is logged, not applied"),
    at("tracker.after_apply", "a change of the ledger is applied; whoever asked for it has not been told"),
    at("scheduler.before_allocate", "a tick has come and the receivers have handed over their blocks"),
    at("scheduler.after_allocate", "a batch has its blocks"),
    at("scheduler.before_generate", "a batch goes to a job runner to have its datasets built"),
    at("runner.before_generate", "the datasets of a batch are about to be built"),
    at("runner.after_generate", "the datasets of a batch are built"),
    at("scheduler.after_generate", "the scheduler has the jobs of a batch"),
    at("scheduler.before_ranges", "what replayable sources are to read in a batch is known, not logged"),
    at("scheduler.after_ranges", "what replayable sources are to read in a batch is logged; nothing has read it"),
    at("scheduler.before_output", "an output goes to a job runner"),
    at("runner.before_output", "an output is about to run"),
    at("worker.before_compute", "a task has its inputs"),
    at("two_step.before_prepare", "a task is about to have a transactional output prepare its partition"),
    at("two_step.after_prepare", "a partition is prepared; the task has not ended"),
    at("worker.after_compute", "a task has computed; nothing has left its worker"),
    at("worker.after_deliver", "the buckets of a task are with their owners"),
    at("worker.after_updates", "what a task changed outside its result has taken effect; the job does not know yet"),
    at("files.before_mark", "all files of a dataset are written; it is not marked as whole"),
    at("files.before_place", "a dataset is whole, beside its place"),
    at("files.after_place", "a dataset is in its place; the one that it replaced is still there"),
    at("runner.after_output", "an output has run"),
    at("scheduler.after_output", "the scheduler knows of an output's outcome"),
    at(
        "two_step.before_abort",
        "what a failed transactional output prepared is about to be given up; its batch is not recorded",
    ),
    at("two_step.after_abort", "what a failed transactional output prepared is given up; its batch is not recorded"),
    at("scheduler.before_commit", "all outputs of a batch are done; it is about to be recorded"),
    at("scheduler.after_commit", "a batch is recorded; what it frees is still there"),
    at("two_step.before_commit", "a batch is recorded; what it prepared for a transactional output is not committed"),
    at("two_step.after_commit", "what a batch prepared for a transactional output is committed"),
];

/// The table of fail points as Markdown; the guide to fault injection holds it, and a test compares the two.
pub fn fail_point_table() -> String {
    let mut table = String::from("| fail point | what has just happened, or is about to |\n| --- | --- |\n");
    for FailPoint { name, about } in FAIL_POINTS {
        table.push_str(&format!("| `{name}` | {about} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_of_the_form_part_and_place() {
        let names: BTreeSet<_> = FAIL_POINTS.iter().map(|point| point.name).collect();
        assert_eq!(names.len(), FAIL_POINTS.len());
        for FailPoint { name, about } in FAIL_POINTS {
            let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(name.split_once('.').is_some_and(|(part, place)| plain(part) && plain(place)), "{name}");
            assert!(!about.is_empty() && !about.contains('|'), "{name}");
        }
    }
}
