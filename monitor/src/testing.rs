//! Batches and events for the tests of this crate.

use std::collections::BTreeMap;
use std::time::Duration;
use waterwheel_runtime::event::{BatchInfo, OutputInfo};
use waterwheel_runtime::ids::{OutputId, StreamId};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// The time of the batch with this number, in batches of a second.
pub(crate) fn time(number: u64) -> Time {
    Time::from_millis(i64::try_from(number * 1000).unwrap())
}

/// A batch that was submitted and nothing else, with records by stream.
pub(crate) fn batch(number: u64, records: &[(u32, u64)]) -> BatchInfo {
    BatchInfo {
        batch: time(number),
        records: records.iter().map(|(stream, records)| (StreamId(*stream), *records)).collect(),
        metadata: BTreeMap::new(),
        submitted: time(number),
        scheduling_delay: None,
        processing_delay: None,
        outputs: BTreeMap::new(),
        costs: Vec::new(),
        jobs: Vec::new(),
        omitted_jobs: 0,
        failure: None,
        rates: BTreeMap::new(),
        flow: BTreeMap::new(),
    }
}

/// The batch when its first work has begun.
pub(crate) fn started(number: u64, records: &[(u32, u64)]) -> BatchInfo {
    BatchInfo { scheduling_delay: Some(Duration::from_millis(100)), ..batch(number, records) }
}

/// The batch when its outputs have ended, with these failures by output.
pub(crate) fn completed(number: u64, records: &[(u32, u64)], outputs: &[(u32, Option<&str>)]) -> BatchInfo {
    let outputs = outputs.iter().map(|(id, failure)| (OutputId(*id), output(number, *failure))).collect();
    BatchInfo { processing_delay: Some(Duration::from_millis(200)), outputs, ..started(number, records) }
}

/// An output that has ended.
#[track_caller]
pub(crate) fn output(number: u64, failure: Option<&str>) -> OutputInfo {
    OutputInfo {
        site: Site::here("print"),
        started: time(number) + Duration::from_millis(100),
        duration: Duration::from_millis(50),
        failure: failure.map(str::to_owned),
    }
}
