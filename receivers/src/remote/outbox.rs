//! What a client has been given to send and what is not acknowledged yet, over any number of connections. Pure.

use super::credit::{Amount, Credit};
use std::collections::VecDeque;

/// A message on its way, with what is to be told of it.
#[derive(Debug)]
pub(super) struct Entry<S> {
    pub(super) sequence: u64,
    pub(super) payload: Vec<u8>,
    pub(super) sender: S,
}

/// See the module. `S` is told what becomes of a message.
#[derive(Debug)]
pub(super) struct Outbox<S> {
    next: u64,
    /// Sent on this connection and not answered, in order of number.
    sent: VecDeque<Entry<S>>,
    /// Not sent on this connection, in order of number; all of them behind those sent.
    waiting: VecDeque<Entry<S>>,
    credit: Credit,
}

impl<S> Default for Outbox<S> {
    fn default() -> Self {
        // Numbers begin with 1, so that 0 can mean none.
        Outbox { next: 1, sent: VecDeque::new(), waiting: VecDeque::new(), credit: Credit::default() }
    }
}

impl<S> Outbox<S> {
    /// Adds a message.
    pub(super) fn push(&mut self, payload: Vec<u8>, sender: S) {
        self.waiting.push_back(Entry { sequence: self.next, payload, sender });
        self.next += 1;
    }

    /// The totals that may be sent on this connection.
    pub(super) fn granted(&mut self, total: Amount) {
        self.credit.granted(total);
    }

    /// The next message to send, if there is one and credit for it. It counts as sent.
    pub(super) fn send_next(&mut self) -> Option<&Entry<S>> {
        let bytes = self.waiting.front()?.payload.len();
        if !self.credit.take(bytes) {
            return None;
        }
        let entry = self.waiting.pop_front()?;
        self.sent.push_back(entry);
        self.sent.back()
    }

    /// Takes out the message that was answered; `None` when none of this number was sent.
    pub(super) fn answered(&mut self, sequence: u64) -> Option<Entry<S>> {
        // Usually the oldest.
        let place = self.sent.iter().position(|entry| entry.sequence == sequence)?;
        self.sent.remove(place)
    }

    /// The connection is gone: what was not answered is sent again on the next one, in the old order and with the old numbers.
    pub(super) fn connection_lost(&mut self) {
        self.sent.append(&mut self.waiting);
        std::mem::swap(&mut self.sent, &mut self.waiting);
        self.credit = Credit::default();
    }

    /// Takes out messages that are longer than `limit` bytes.
    pub(super) fn too_long(&mut self, limit: usize) -> Vec<Entry<S>> {
        if self.waiting.iter().all(|entry| entry.payload.len() <= limit) {
            return Vec::new();
        }
        let (kept, long) =
            std::mem::take(&mut self.waiting).into_iter().partition(|entry| entry.payload.len() <= limit);
        self.waiting = kept;
        Vec::from_iter::<VecDeque<_>>(long)
    }

    /// Whether everything was answered.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.waiting.is_empty()
    }

    /// Takes out everything that is not acknowledged, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry<S>> + use<S> {
        self.connection_lost();
        std::mem::take(&mut self.waiting).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(messages: u64) -> Amount {
        Amount { messages, bytes: u64::MAX }
    }

    fn outbox(messages: u64) -> Outbox<()> {
        let mut outbox = Outbox::default();
        (0..messages).for_each(|_| outbox.push(vec![1, 2, 3], ()));
        outbox
    }

    fn sent(outbox: &mut Outbox<()>) -> Vec<u64> {
        std::iter::from_fn(|| outbox.send_next().map(|entry| entry.sequence)).collect()
    }

    #[test]
    fn no_more_is_sent_than_there_is_credit_for() {
        let mut outbox = outbox(5);
        assert_eq!(sent(&mut outbox), [0_u64; 0]);
        outbox.granted(Amount { messages: 4, bytes: 7 });
        assert_eq!(sent(&mut outbox), [1, 2]);
        outbox.granted(all(4));
        assert_eq!(sent(&mut outbox), [3, 4]);
        assert!(outbox.answered(3).is_some() && outbox.answered(3).is_none() && outbox.answered(5).is_none());
        assert_eq!(sent(&mut outbox), [0_u64; 0]);
        outbox.granted(all(5));
        assert_eq!(sent(&mut outbox), [5]);
    }

    #[test]
    fn what_was_not_answered_is_sent_again_in_order_on_the_next_connection() {
        let mut outbox = outbox(5);
        outbox.granted(all(4));
        assert_eq!(sent(&mut outbox), [1, 2, 3, 4]);
        outbox.answered(2).unwrap();
        outbox.connection_lost();
        assert_eq!(sent(&mut outbox), [0_u64; 0]);
        outbox.granted(all(10));
        assert_eq!(sent(&mut outbox), [1, 3, 4, 5]);
        assert_eq!(outbox.drain().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 3, 4, 5]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_the_server_does_not_take_is_taken_out() {
        let mut outbox = Outbox::default();
        for length in [5, 50, 7] {
            outbox.push(vec![0; length], length);
        }
        assert_eq!(outbox.too_long(10).into_iter().map(|entry| entry.sender).collect::<Vec<_>>(), [50]);
        assert!(outbox.too_long(10).is_empty());
        assert_eq!(outbox.drain().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 3]);
    }

    proptest! {
        /// Whatever happens, every message is sent at least once, first in order of number, and taken out once.
        #[test]
        fn every_message_is_answered_once_over_any_number_of_connections(
            messages in 1..50_u64,
            events in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 0..200),
        ) {
            let (mut outbox, mut credit, mut under_way, mut done) = (outbox(messages), 0, Vec::new(), Vec::new());
            for (event, choice) in events {
                match event {
                    0 => {
                        credit += 3;
                        outbox.granted(all(credit));
                    }
                    1 => under_way.extend(sent(&mut outbox)),
                    2 if !under_way.is_empty() => {
                        let sequence = under_way.remove(choice.index(under_way.len()));
                        done.push(outbox.answered(sequence).unwrap().sequence);
                    }
                    3 => {
                        outbox.connection_lost();
                        under_way.clear();
                        credit = 0;
                    }
                    _ => {}
                }
                prop_assert!(under_way.is_sorted());
            }
            outbox.connection_lost();
            outbox.granted(all(u64::MAX));
            let rest = sent(&mut outbox);
            prop_assert!(rest.is_sorted());
            for sequence in rest {
                done.push(outbox.answered(sequence).unwrap().sequence);
            }
            done.sort_unstable();
            prop_assert_eq!(done, (1..=messages).collect::<Vec<_>>());
            prop_assert!(outbox.is_empty());
        }
    }
}
