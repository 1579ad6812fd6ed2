//! What an actor has stored and the stream has not taken yet. Pure.

use super::SinkClosed;
use tokio::sync::oneshot;
use waterwheel_runtime::receiver::{CameIn, PositionBytes};

/// Who has to be told which block records came into.
pub(super) type Told = Vec<oneshot::Sender<CameIn>>;

/// What goes into the stream together.
#[derive(Debug)]
pub(super) struct Leaving<T> {
    pub(super) records: Vec<T>,
    pub(super) told: Told,
    pub(super) position: Option<PositionBytes>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Held<T> {
    records: Vec<T>,
    told: Told,
    /// Up to where the source has come with the records.
    position: Option<PositionBytes>,
    /// How many records are on their way into the stream.
    leaving: usize,
    closed: bool,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Held { records: Vec::new(), told: Vec::new(), position: None, leaving: 0, closed: false }
    }
}

impl<T> Held<T> {
    pub(super) fn push(&mut self, record: T) -> Result<(), SinkClosed> {
        if self.closed {
            return Err(SinkClosed);
        }
        self.records.push(record);
        Ok(())
    }

    pub(super) fn extend(&mut self, records: Vec<T>) -> Result<(), SinkClosed> {
        if self.closed {
            return Err(SinkClosed);
        }
        if self.records.is_empty() {
            self.records = records;
        } else {
            self.records.extend(records);
        }
        Ok(())
    }

    /// As [`extend`](Held::extend), with what completes when they have come in, with everything before them.
    pub(super) fn extend_and_tell(
        &mut self,
        records: Vec<T>,
        position: Option<PositionBytes>,
    ) -> Result<oneshot::Receiver<CameIn>, SinkClosed> {
        self.extend(records)?;
        self.position = position.or(self.position.take());
        let (told, taken) = oneshot::channel();
        self.told.push(told);
        Ok(taken)
    }

    /// Whether nothing is held or on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.records.is_empty() && self.told.is_empty() && self.leaving == 0
    }

    /// Everything that is held, which is on its way from then on. `None` when nothing is.
    pub(super) fn take(&mut self) -> Option<Leaving<T>> {
        if self.records.is_empty() && self.told.is_empty() {
            return None;
        }
        // At least one, so that telling alone counts as well.
        self.leaving = self.records.len().max(1);
        let (records, told) = (std::mem::take(&mut self.records), std::mem::take(&mut self.told));
        Some(Leaving { records, told, position: self.position.take() })
    }

    /// What was on its way has come in.
    pub(super) fn came_in(&mut self) {
        self.leaving = 0;
    }

    /// Takes nothing more. How many records that were held are lost by it; those on their way are not known to be.
    pub(super) fn close(&mut self) -> usize {
        self.closed = true;
        (self.told, self.leaving) = (Vec::new(), 0);
        std::mem::take(&mut self.records).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_leaves_in_order_and_together_with_the_last_position() {
        let mut held = Held::default();
        held.push(1).unwrap();
        let position = |n: u8| Some(PositionBytes::from([n]));
        let _first = held.extend_and_tell(vec![2, 3], position(3)).unwrap();
        let _second = held.extend_and_tell(vec![4], position(4)).unwrap();
        assert!(!held.is_idle());
        let leaving = held.take().unwrap();
        assert_eq!((leaving.records, leaving.told.len(), leaving.position), (vec![1, 2, 3, 4], 2, position(4)));
        held.push(5).unwrap();
        held.came_in();
        assert!(!held.is_idle());
        let leaving = held.take().unwrap();
        assert_eq!((leaving.records, leaving.position), (vec![5], None));
        held.came_in();
        assert!(held.is_idle() && held.take().is_none());
    }

    #[test]
    fn waiting_for_nothing_is_told_as_well() {
        let mut held = Held::<u32>::default();
        let _taken = held.extend_and_tell(Vec::new(), None).unwrap();
        assert!(!held.is_idle());
        assert_eq!(held.take().unwrap().told.len(), 1);
        assert!(!held.is_idle());
        held.came_in();
        assert!(held.is_idle());
    }

    #[test]
    fn what_is_held_at_the_end_is_counted_and_nothing_more_is_taken() {
        let mut held = Held::default();
        let mut taken = held.extend_and_tell(vec![1, 2], None).unwrap();
        assert_eq!(held.close(), 2);
        assert_eq!(taken.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(held.is_idle());
        assert_eq!((held.push(3), held.extend(vec![4])), (Err(SinkClosed), Err(SinkClosed)));
        assert!(held.extend_and_tell(vec![5], None).is_err());
    }
}
