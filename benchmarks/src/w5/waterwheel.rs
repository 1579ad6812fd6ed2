//! W5 on Waterwheel.

use ::waterwheel::prelude::CompactString;
use anyhow::Result;

use crate::latency::LatencyRecorder;
use crate::tcp::send::Sender;
use crate::tcp::{Outcome, Plan, waterwheel};

/// Read stamped lines from the sender's address and, when a batch's counts are out, record the stamps of its lines.
pub(crate) fn run(plan: &Plan, sender: Sender, latency: &LatencyRecorder) -> Result<Outcome> {
    waterwheel::run::<CompactString>(plan, sender, Some(latency))
}
