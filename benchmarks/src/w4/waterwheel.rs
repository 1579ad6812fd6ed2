//! W4 on Waterwheel.

use anyhow::Result;

use crate::count::Word;
use crate::tcp::send::Sender;
use crate::tcp::{Outcome, Plan, waterwheel};

/// Read lines from the sender's address and count their words, until the sender is done and every line is counted.
pub(crate) fn run<W: Word>(plan: &Plan, sender: Sender) -> Result<Outcome> {
    waterwheel::run::<W>(plan, sender, None)
}
