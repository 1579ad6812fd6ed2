//! W5 on Waterwheel.

use anyhow::{Result, bail};

use crate::latency::LatencyRecorder;
use crate::tcp::send::Sender;
use crate::tcp::{Outcome, Plan};

/// Read stamped lines from the sender's address and, when a batch's counts are out, record the stamps of its lines.
pub(crate) fn run(plan: &Plan, _sender: Sender, _latency: &LatencyRecorder) -> Result<Outcome> {
    bail!("the waterwheel peer of w5 is not written yet ({} cores asked for)", plan.cores)
}
