//! Taking in records from somebody who waits only so long: the client of a server, who is told to come again later.

use super::admission::Admitted;
use super::paid::Paid;
use super::{Door, Intake, ReceiverStopped, Run};
use crate::flow::Overload;
use serde::Serialize;
use std::time::Duration;

/// Records were not stored, or not as was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreWithinError<T> {
    /// The limits of the stream did not let them in within the time given.
    #[error("the stream has had no room for {} records", records.len())]
    NoRoom {
        /// The records, as they were given.
        records: Vec<T>,
        /// How long the rate limit holds back the next records at least, or the batch interval when the next batch is full; zero when
        /// neither holds them back.
        retry_after: Duration,
    },
    /// The receiver has been asked to stop.
    #[error(transparent)]
    Stopped(#[from] ReceiverStopped),
    /// They were taken in, and their block was not stored in time; it may be stored later.
    #[error("the records were taken in, and their block has not been stored within {timeout:?}")]
    TimedOut {
        /// `receiver.store_timeout`.
        timeout: Duration,
    },
}

impl<T: Serialize> Intake<T> {
    /// As [`store_many`](Intake::store_many), giving up after `patience`. `bytes` is the size of the records in memory. What comes
    /// of a `run` is refused when that is over.
    pub(in crate::receiver) async fn store_within(
        &self,
        run: Option<&Run>,
        records: Vec<T>,
        bytes: usize,
        patience: Duration,
    ) -> Result<u64, StoreWithinError<T>> {
        if records.is_empty() {
            return Ok(self.lock().cut);
        }
        let admitted = tokio::select! {
            biased;
            admitted = self.admit_unless_given_up(records.len(), bytes) => admitted?,
            () = self.clock.sleep(patience) => {
                let state = self.lock();
                let limited = self.time_of_rate(&state).map_or(Duration::ZERO, |now| state.limiter.wait(now));
                // The next batch has room again, unless it is late.
                let full = if state.quota.has_room() { Duration::ZERO } else { self.limits.interval };
                let retry_after = limited.max(full);
                return Err(StoreWithinError::NoRoom { records, retry_after });
            }
        };
        Ok(self.append(run, admitted, None, |assembler| assembler.push_many(records, bytes))?)
    }

    /// Waits as [`admit`](Intake::admit) does, but pays for the rate last: whoever gives up has taken nothing from the others.
    async fn admit_unless_given_up(&self, records: usize, bytes: usize) -> Result<Admitted<'_, T>, ReceiverStopped> {
        let permits = self.permits(bytes);
        if self.limits.overload == Overload::Spill {
            // Neither rate nor quota holds them back, and what is waited for is given back by whoever gives up.
            let admitted = self.admit(records, bytes, Overload::Spill).await?;
            return admitted.ok_or(ReceiverStopped);
        }
        loop {
            let wait = {
                let state = self.lock();
                self.time_of_rate(&state).map_or(Duration::ZERO, |now| state.limiter.wait(now))
            };
            if !wait.is_zero() {
                self.pause(wait).await?;
            }
            self.wait_for_quota(|_| ()).await?;
            let credit = self.credit(permits).await?;
            self.place_in_queue().await?;
            let mut state = self.lock();
            let now = self.time_of_rate(&state);
            // Somebody else may have been quicker.
            if now.is_none_or(|now| state.limiter.wait(now).is_zero()) && self.has_room(&state) {
                let mut paid = Paid::nothing(self);
                paid.reserve(&mut state, records, now);
                paid.take(&mut state, records);
                return Ok(Admitted { credit, room: None, paid });
            }
            if state.door != Door::Open {
                return Err(ReceiverStopped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{IntakeLimits, QueuedBlock};
    use super::*;
    use crate::clock::ManualClock;
    use crate::time::{Time, milliseconds, seconds};
    use futures::FutureExt;
    use std::sync::Arc;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn intake(max_rate: Option<u64>) -> (Intake<u8>, ManualClock) {
        let clock = ManualClock::new(Time::ZERO);
        let limits = IntakeLimits {
            block_max_bytes: 100,
            queue_blocks: 2,
            max_pending_bytes: 1000,
            max_rate,
            ..IntakeLimits::default()
        };
        (Intake::new(limits, Arc::new(clock.clone()), 0), clock)
    }

    /// Offers a chunk; a second later what became of it, as the time to come again after.
    fn offer(intake: &Intake<u8>, clock: &ManualClock, records: usize, bytes: usize) -> Result<u64, Duration> {
        let mut offered = Box::pin(intake.store_within(None, vec![0; records], bytes, PATIENCE));
        let outcome = (&mut offered).now_or_never().or_else(|| {
            clock.advance(PATIENCE);
            offered.now_or_never()
        });
        match outcome.expect("it has not given up") {
            Ok(block) => Ok(block),
            Err(StoreWithinError::NoRoom { records: back, retry_after }) => {
                assert_eq!(back.len(), records);
                Err(retry_after)
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn next(intake: &Intake<u8>) -> Option<QueuedBlock<u8>> {
        intake.next_block().now_or_never()
    }

    #[test]
    fn a_chunk_that_finds_no_bytes_or_no_place_comes_back_after_the_time_given() {
        let (intake, clock) = intake(None);
        assert_eq!(offer(&intake, &clock, 1, 950), Ok(0));
        assert_eq!(offer(&intake, &clock, 1, 100), Err(Duration::ZERO));
        drop(next(&intake));
        assert_eq!((offer(&intake, &clock, 1, 100), offer(&intake, &clock, 1, 100)), (Ok(1), Ok(2)));
        assert_eq!(offer(&intake, &clock, 1, 1), Err(Duration::ZERO));
        assert_eq!(intake.records(), 3);
    }

    #[test]
    fn room_that_comes_within_the_time_is_taken() {
        let (intake, clock) = intake(None);
        assert_eq!(offer(&intake, &clock, 1, 950), Ok(0));
        let mut waiting = Box::pin(intake.store_within(None, vec![1], 100, PATIENCE));
        assert!((&mut waiting).now_or_never().is_none());
        clock.advance(PATIENCE - milliseconds(1));
        assert!((&mut waiting).now_or_never().is_none());
        drop(next(&intake));
        assert!(matches!(waiting.now_or_never(), Some(Ok(1))));
    }

    /// A client that is sent away a thousand times would otherwise push everybody's next record into next week.
    #[test]
    fn whoever_is_sent_away_has_taken_nothing_of_the_rate() {
        let (intake, clock) = intake(Some(10));
        assert_eq!(offer(&intake, &clock, 100, 1), Ok(0));
        for second in 1..10 {
            assert_eq!(offer(&intake, &clock, 1000, 1), Err(seconds(10) - PATIENCE * second));
        }
        clock.advance(seconds(10));
        assert!(offer(&intake, &clock, 1, 1).is_ok());
        assert_eq!(intake.records(), 101);
    }

    #[test]
    fn a_chunk_that_waits_is_refused_when_the_receiver_stops() {
        let (intake, clock) = intake(Some(1));
        assert_eq!(offer(&intake, &clock, 10, 1), Ok(0));
        let mut waiting = Box::pin(intake.store_within(None, vec![1], 1, PATIENCE));
        assert!((&mut waiting).now_or_never().is_none());
        intake.close_to_waiting();
        assert!(matches!(waiting.now_or_never(), Some(Err(StoreWithinError::Stopped(_)))));
    }
}
