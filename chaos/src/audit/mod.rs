//! The comparison of what came out with what was fed: pure, but for reading the files.
//!
//! Whatever the program does with a record it does under the time of a batch, and everything it keeps can be computed again from
//! the records of each batch. So it is compared batch by batch, not only at the end: a wrong total that a later batch would
//! cover up is found.

mod findings;
mod outputs;
mod pieces;
mod recompute;

pub use findings::Findings;
pub use outputs::{Batches, Outputs, read_batches};
pub use recompute::{Count, Total, totals, windows};

use crate::feeders::Sent;
use crate::subject::{Delivery, Source};
use std::collections::{BTreeMap, BTreeSet};

/// Compares everything that came out with what was sent.
pub fn audit(sent: &Sent, outputs: &Outputs) -> Findings {
    let mut findings = Findings::among(sent.fed.records() + sent.again.records());
    deliveries(sent, &outputs.records, &mut findings);
    if sent.whole {
        pieces::compare(&sent.fed, &outputs.records, &mut findings);
    }
    let expected = recompute::Expected::of(&outputs.records);
    expected.compare(outputs, &mut findings);
    findings
}

/// Every record once, and none that was not sent. A record of the feeder that redelivers is the same on every connection: a program
/// that does not skip what it has stored has it twice.
fn deliveries(sent: &Sent, records: &Batches<Delivery>, findings: &mut Findings) {
    let Sent { fed, again, .. } = sent;
    let mut first: BTreeMap<Delivery, u64> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (batch, delivery) in records.iter().flat_map(|(batch, all)| all.iter().map(move |one| (*batch, *one))) {
        if let Some(before) = first.insert(delivery, batch) {
            findings.twice(format!("the record {delivery} is in the files of batch {before} and of batch {batch}"));
        }
        let sent = match delivery.source {
            Source::Connection(connection) => fed.has(connection, delivery.number),
            Source::Again => delivery.number < again.records(),
            Source::Replay => true,
        };
        if !sent {
            findings.wrong(format!("the record {delivery} of batch {batch} was never sent"));
        }
        found.insert(delivery.identity());
    }
    for number in (0..fed.records()).filter(|number| !found.contains(&(Delivery::RECEIVED, *number))) {
        findings.lost(format!("record {number} of the feeder is in no file"));
    }
    for number in (0..again.records()).filter(|number| !found.contains(&(Delivery::AGAIN, *number))) {
        findings.lost(format!("record {number} of the feeder that redelivers is in no file"));
    }
    // What it read last is the end of what it has to have read.
    let read = found
        .iter()
        .filter(|(source, _)| *source == Delivery::REPLAYED)
        .map(|(_, number)| number + 1)
        .max()
        .unwrap_or(0);
    for number in (0..read).filter(|number| !found.contains(&(Delivery::REPLAYED, *number))) {
        findings.lost(format!("record {number} of the source with offsets is in no file"));
    }
    findings.records += read;
}

#[cfg(test)]
mod tests;
