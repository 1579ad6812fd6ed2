//! Who may send how much: credit as running totals since the beginning of a connection. Pure.

/// What a server grants and takes. What was granted and not answered never exceeds the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowance {
    window: Amount,
    granted: Amount,
    taken: Amount,
    answered: Amount,
}

/// Messages, and the bytes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Amount {
    fn plus(self, other: Amount) -> Amount {
        Amount { messages: self.messages.saturating_add(other.messages), bytes: self.bytes.saturating_add(other.bytes) }
    }

    fn of_one(bytes: usize) -> Amount {
        Amount { messages: 1, bytes: bytes as u64 }
    }

    /// Whether neither part is more than that of `other`.
    fn is_within(self, other: Amount) -> bool {
        self.messages <= other.messages && self.bytes <= other.bytes
    }
}

impl Allowance {
    /// The whole window is granted from the beginning.
    pub(super) fn new(window: Amount) -> Allowance {
        Allowance { window, granted: window, taken: Amount::default(), answered: Amount::default() }
    }

    /// A message of so many bytes has come. `false` when there was no credit for it.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        self.taken = self.taken.plus(Amount::of_one(bytes));
        self.taken.is_within(self.granted)
    }

    /// A message of so many bytes has been answered.
    pub(super) fn answer(&mut self, bytes: usize) {
        self.answered = self.answered.plus(Amount::of_one(bytes));
    }

    /// What there is to be granted: when it is worth a frame, or when the client may be waiting for it.
    pub(super) fn grant(&mut self) -> Option<Amount> {
        let due = self.answered.plus(self.window);
        let more = Amount {
            messages: due.messages.saturating_sub(self.granted.messages),
            bytes: due.bytes.saturating_sub(self.granted.bytes),
        };
        let worth = more.messages >= self.window.messages.div_ceil(4) || more.bytes >= self.window.bytes.div_ceil(4);
        if due == self.granted || !(worth || self.outstanding() == 0) {
            return None;
        }
        self.granted = due;
        Some(due)
    }

    /// Messages that have come and are not answered.
    pub(super) fn outstanding(&self) -> u64 {
        self.taken.messages.saturating_sub(self.answered.messages)
    }
}

/// What a client was granted and has used on this connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Credit {
    granted: Amount,
    used: Amount,
}

impl Credit {
    /// The totals that may have been sent. They only grow.
    pub(super) fn granted(&mut self, total: Amount) {
        self.granted.messages = self.granted.messages.max(total.messages);
        self.granted.bytes = self.granted.bytes.max(total.bytes);
    }

    /// Uses credit for a message of so many bytes. `false`, and nothing is used, when there is not enough.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let used = self.used.plus(Amount::of_one(bytes));
        let enough = used.is_within(self.granted);
        if enough {
            self.used = used;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn amount(messages: u64, bytes: u64) -> Amount {
        Amount { messages, bytes }
    }

    #[test]
    fn what_exceeds_the_credit_in_number_or_bytes_is_known() {
        let mut allowance = Allowance::new(amount(2, 100));
        assert!(allowance.take(50) && allowance.take(50));
        assert!(!allowance.take(0));
        let mut allowance = Allowance::new(amount(10, 100));
        assert!(allowance.take(99) && !allowance.take(2));
    }

    #[test]
    fn credit_comes_back_in_quarters_of_the_window_or_when_nothing_is_outstanding() {
        let mut allowance = Allowance::new(amount(8, 800));
        assert_eq!(allowance.grant(), None);
        assert!((0..8).all(|_| allowance.take(10)));
        allowance.answer(10);
        assert_eq!(allowance.grant(), None);
        allowance.answer(10);
        assert_eq!(allowance.grant(), Some(amount(10, 820)));
        let mut lone = Allowance::new(amount(8, 800));
        assert!(lone.take(1));
        lone.answer(1);
        assert_eq!(lone.grant(), Some(amount(9, 801)));
    }

    #[test]
    fn a_client_uses_what_it_was_granted_and_not_more() {
        let mut credit = Credit::default();
        assert!(!credit.take(1));
        credit.granted(amount(2, 10));
        credit.granted(amount(1, 5));
        assert!(credit.take(6) && !credit.take(5) && credit.take(4) && !credit.take(0));
    }

    proptest! {
        /// However messages are sized and answered: a client that obeys never exceeds the credit, what is outstanding never exceeds
        /// the window, and no message waits for ever.
        #[test]
        fn a_client_that_obeys_gets_everything_through_and_never_exceeds_the_window(
            window in (1..20_u64, 100..1000_u64),
            sizes in prop::collection::vec(0..100_usize, 1..200),
            answers in prop::collection::vec(any::<bool>(), 1..50),
        ) {
            let window = amount(window.0, window.1);
            let (mut allowance, mut credit) = (Allowance::new(window), Credit::default());
            credit.granted(window);
            let (mut outstanding, mut waiting): (VecDeque<usize>, VecDeque<usize>) = (VecDeque::new(), sizes.into());
            let mut answers = answers.into_iter().cycle();
            while !waiting.is_empty() {
                let size = waiting[0];
                if credit.take(size) {
                    waiting.pop_front();
                    prop_assert!(allowance.take(size));
                    outstanding.push_back(size);
                    let bytes: usize = outstanding.iter().sum();
                    prop_assert!(outstanding.len() as u64 <= window.messages && bytes as u64 <= window.bytes);
                    if answers.next() == Some(false) {
                        continue;
                    }
                }
                if let Some(size) = outstanding.pop_front() {
                    allowance.answer(size);
                }
                if let Some(total) = allowance.grant() {
                    credit.granted(total);
                } else if outstanding.is_empty() {
                    prop_assert!(credit.clone().take(waiting.front().copied().unwrap_or(0)), "it waits for ever");
                }
            }
        }
    }
}
