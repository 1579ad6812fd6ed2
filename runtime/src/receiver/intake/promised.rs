//! Records whose sender was already told that they are stored: they come in whatever a stop says of the rate.

use super::admission::Admitted;
use super::paid::Paid;
use super::{Assembler, Door, Intake, PositionBytes, ReceiverStopped, Run};
use crate::weight;
use serde::Serialize;

impl<T: Serialize> Intake<T> {
    /// Takes in a chunk of records of `run` that must not be refused because of the rate: a stop while they wait lets them in at once.
    /// What is held for a stop like this is little. Where the stream
    /// sheds, they may be dropped and counted like any others, unless they are `lossless`: then this returns `None`. Otherwise the number up
    /// to which blocks must be stored for them, and everything before them, to be stored.
    pub(in crate::receiver) async fn store_promised(
        &self,
        run: &Run,
        records: Vec<T>,
        position: Option<PositionBytes>,
        lossless: bool,
    ) -> Result<Option<u64>, ReceiverStopped> {
        if records.is_empty() && position.is_none() {
            let state = self.lock();
            let open = state.assembler.open_records() > 0 || state.position.is_some();
            return Ok(Some(state.cut + u64::from(open)));
        }
        let bytes = match records.as_slice() {
            // A single record shares a chunk with its neighbours.
            [record] => weight::of_record(record),
            _ => weight::of_chunk(&records),
        };
        let overload = if lossless { self.without_loss() } else { self.limits.overload };
        let admitted = match self.admit(records.len(), bytes, overload).await {
            Ok(Some(admitted)) => admitted,
            // Shed, and counted.
            Ok(None) => return Ok(None),
            Err(ReceiverStopped) => {
                if self.lock().door != Door::Closing {
                    return Err(ReceiverStopped);
                }
                // Of the limits only the rate does not count any more.
                let credit = self.credit(self.permits(bytes)).await?;
                self.place_in_queue().await?;
                Admitted { credit, room: None, paid: Paid::nothing(self) }
            }
        };
        self.append(Some(run), admitted, position, |assembler: &mut Assembler<T>| match <[T; 1]>::try_from(records) {
            Ok([record]) => assembler.push(record, bytes),
            Err(records) => assembler.push_many(records, bytes),
        })
        .map(|block| Some(block + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::IntakeLimits;
    use super::*;
    use crate::clock::ManualClock;
    use crate::time::Time;
    use futures::FutureExt;
    use std::sync::Arc;

    fn intake(max_rate: Option<u64>) -> Intake<u32> {
        let limits = IntakeLimits { max_rate, ..IntakeLimits::default() };
        Intake::new(limits, Arc::new(ManualClock::new(Time::ZERO)), 0)
    }

    #[test]
    fn what_was_promised_comes_in_at_a_stop_although_the_rate_held_it_back() {
        let (intake, run) = (intake(Some(1)), Run::default());
        assert_eq!(intake.store_promised(&run, vec![0; 10], None, false).now_or_never(), Some(Ok(Some(1))));
        let mut held = Box::pin(intake.store_promised(&run, vec![1, 2], None, false));
        let mut refused = Box::pin(intake.store_many(vec![9], None));
        assert_eq!(((&mut held).now_or_never(), (&mut refused).now_or_never()), (None, None));
        intake.close_to_waiting();
        assert_eq!((refused.now_or_never(), held.now_or_never()), (Some(Err(ReceiverStopped)), Some(Ok(Some(1)))));
        assert_eq!(intake.records(), 12);
    }

    #[test]
    fn nothing_comes_in_through_a_closed_door() {
        let intake = intake(None);
        intake.close();
        assert_eq!(
            intake.store_promised(&Run::default(), vec![1], None, false).now_or_never(),
            Some(Err(ReceiverStopped))
        );
    }

    #[test]
    fn nothing_waits_for_the_records_before_it_and_for_no_block_of_its_own() {
        let (intake, run) = (intake(None), Run::default());
        let nothing = || intake.store_promised(&run, Vec::new(), None, false).now_or_never();
        assert_eq!(nothing(), Some(Ok(Some(0))));
        assert_eq!(intake.store_promised(&run, vec![1], None, false).now_or_never(), Some(Ok(Some(1))));
        assert_eq!(nothing(), Some(Ok(Some(1))));
        intake.cut();
        assert_eq!(nothing(), Some(Ok(Some(1))));
    }
}
