//! W2 on Waterwheel: `update_state_by_key` and `map_with_state`, in a checkpoint directory.

use anyhow::Result;
use waterwheel::prelude::*;

use super::{Form, Job, Record};
use crate::batches::Done;
use crate::driven::{self, INTERVAL, Plan, Seen, summary_of};

/// Count the job's updates with Waterwheel.
pub(super) fn run(job: &Job) -> Result<Done> {
    let (batches, checkpoint) = (job.batches.as_slice(), job.dir.as_deref());
    let plan =
        Plan { name: "w2", cores: job.cores, batches, measured: job.measured.clone(), checkpoint, monitored: false };
    let last = Time::ZERO + INTERVAL * u32::try_from(job.batches.len())?;
    driven::run(&plan, |records, seen| match job.form {
        Form::Update => summarise_last(&counts(&records), last, seen),
        Form::Map => {
            let spec = StateSpec::function(|key: &String, new: Option<u64>, count: &mut State<'_, u64>| {
                let sum = count.get_option().unwrap_or(&0) + new.unwrap_or(0);
                count.update(sum);
                (key.clone(), sum)
            });
            let mapped = records.map_with_state(spec);
            let theirs = seen.clone();
            mapped.stream().foreach_rdd(move |records| {
                theirs.add(summary_of(&records)?);
                Ok::<(), JobError>(())
            });
            summarise_last(&mapped.state_snapshots(), last, seen);
        }
    })
}

/// The running count of each key.
pub(crate) fn counts<'c>(records: &DStream<'c, Record>) -> DStream<'c, Record> {
    records.update_state_by_key(|new, count| Some(count.unwrap_or(0) + new.iter().sum::<u64>()))
}

/// The whole state is read only in the last batch, which is not measured. In the others the operator's own job makes the version.
pub(crate) fn summarise_last(state: &DStream<'_, Record>, last: Time, seen: Seen) {
    state.foreach_rdd_with_time(move |counts, batch| {
        if batch == last {
            seen.add(summary_of(&counts)?);
        }
        Ok::<(), JobError>(())
    });
}
